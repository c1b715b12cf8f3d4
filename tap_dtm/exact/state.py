"""The form of the state: bookmarks, by stream. People, platforms and other programs edit, join and damage states.

A state that is partly ignored leaves rows in the tables that no run removes. So what cannot be understood is refused
before the run.

Programs that join two states join their objects, and put one list in the place of the other. So the positions that each
operation takes are in the state twice: in the list of ``partitions`` and in the object ``taken``. A country that only
``taken`` still has is read and sent again whole, with tombstones up to its highest position.

A state is written some hundred times in a run, so what is long in it is packed. The keys of a list are packed by
country: 7,800 codes take 80 kB as they are, and 21 kB like this.

A history has no positions. A country of which a state says nothing, or two things, begins again there.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import logging
import zlib
from collections import defaultdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import Meta

from tap_dtm.errors import DtmError
from tap_dtm.exact.rounds import Bookmark, is_of_nothing
from tap_dtm.metadata.model import LEVELS
from tap_dtm.redaction import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FORM: Final = 2
"""The form of the states that this version writes; that of 0.1.0 is 1, and has no number."""

_Count = Annotated[int, Meta(ge=0)]
_Code = Annotated[str, Meta(pattern="^[A-Z]{3}$")]


class _Contradiction(msgspec.Struct, forbid_unknown_fields=True):
    digest: str
    looks: _Count


class _Bookmark(msgspec.Struct, forbid_unknown_fields=True):
    digest: str
    content: str
    rows: _Count
    reporting_date: str | None = None
    round_number: int | None = None
    assessment_type: str | None = None
    unindexed: bool = False
    contradiction: _Contradiction | None = None
    rounds: list[tuple[str, int | None, str | None, str]] = []  # of a history


class _Context(msgspec.Struct, forbid_unknown_fields=True):
    admin0_pcode: _Code


_Time = Annotated[dt.datetime, Meta(tz=True)]


class _Partition(msgspec.Struct, forbid_unknown_fields=True):
    context: _Context
    operations: dict[str, _Bookmark] | str | msgspec.UnsetType = msgspec.UNSET  # a text in a history: packed
    positions: dict[str, _Count] = {}
    read_whole: _Count = 0
    shape: str | None = None
    replication_key: str | None = None
    replication_key_value: str | None = None
    observed_at: _Time | None = None  # of a history: the time of the run


class _Countries(msgspec.Struct, forbid_unknown_fields=True):
    form: _Count = 1
    keys: list[tuple[_Code]] = []
    gone: list[tuple[_Code]] = []
    runs: _Count = 0
    read_whole: dict[_Code, _Count] = {}  # of 0.1.0, for all levels at once
    api_version: str | None = None
    unfinished: bool = False


class _Operations(msgspec.Struct, forbid_unknown_fields=True):
    keys: list[tuple[_Code, str]] = []
    gone: list[tuple[_Code, str]] = []
    runs: _Count = 0
    unfinished: bool = False


class _Pcodes(msgspec.Struct, forbid_unknown_fields=True):
    keys: dict[_Code, str] = {}
    gone: dict[_Code, str] = {}
    runs: _Count = 0
    unfinished: bool = False


class _Idp(msgspec.Struct, forbid_unknown_fields=True):
    partitions: list[_Partition]
    taken: dict[_Code, dict[str, _Count]] = {}


class _Runs(msgspec.Struct, forbid_unknown_fields=True):
    observed_at: _Time | None = None
    ended: dict[_Code, _Time] = {}


_TABLES: Final = [f"idp_admin{level}" for level in LEVELS]
_HISTORIES: Final = [f"{table}_history" for table in _TABLES]
_FORMS: Final = {
    "countries": _Countries,
    "operations": _Operations,
    **dict.fromkeys((*_TABLES, *_HISTORIES), _Idp),
    "runs": _Runs,
    "pcodes": _Pcodes,
}
_logger = logging.getLogger("tap-dtm")
_BETWEEN: Final = "\n"  # codes that are packed together
_REMEDY: Final = "Restore it from a backup, or empty the tables and start with an empty state."


def check_state(state: dict[str, Any]) -> None:
    """Check a Singer state, and make good what other programs did to it.

    Raises:
        DtmError: It is not one of this tap's. One without bookmarks would count as none, and what is gone from the
            API would stay in the tables.
    """
    if state and "bookmarks" not in state:
        raise DtmError(
            "The state has no bookmarks. In what `meltano state get` prints, the state of a tap is the value of "
            "singer_state: use that alone. To start with no state, leave --state out."
        )
    bookmarks = state.get("bookmarks", {})
    if not isinstance(bookmarks, dict):
        raise DtmError(f"The state cannot be read. {_REMEDY}")
    others = sorted(bookmarks.keys() - _FORMS.keys())
    if others and len(others) == len(bookmarks):
        raise DtmError(
            f"The state is that of another tap: it has bookmarks of {quoted(', '.join(others))} and of no "
            "stream of this one. To start with no state, leave --state out."
        )
    check_form(bookmarks.get("countries"))
    for stream in others:
        _logger.warning("The state has bookmarks of %s, which is not a stream of this tap. It ignores them.", stream)
        del bookmarks[stream]
    for stream, bookmark in bookmarks.items():
        check_bookmark(stream, bookmark)
    _check_countries(bookmarks)


def check_form(countries: object) -> None:
    """Check that a state, of which this is the bookmark of the countries, has a form that this version knows.

    Raises:
        DtmError: A newer version wrote it.
    """
    form = countries.get("form") if isinstance(countries, dict) else None
    if isinstance(form, int) and form > FORM:
        raise DtmError(
            f"The state was written by a newer version of tap-dtm (form {form}, and this version knows {FORM}). "
            "Install that version again, or restore a state from before it."
        )


def _check_countries(bookmarks: Mapping[str, Any]) -> None:
    """Refuse a joined state of 0.1.0, which lacks ``taken``: it remembers countries whose partitions are lost."""
    known = {each["context"]["admin0_pcode"] for mark in bookmarks.values() for each in mark.get("partitions", ())}
    lost = sorted(bookmarks.get("countries", {}).get("read_whole", {}).keys() - known)
    if lost:
        raise DtmError(
            f"The state remembers that {', '.join(lost)} was read, and has lost what was delivered: it was joined from "
            f"two states, or a run with --full-refresh broke off. {_REMEDY}"
        )


def check_bookmark(stream: str, bookmark: Any) -> None:  # noqa: ANN401
    """Check what a state holds of a stream, join partitions that occur twice, and restore those that were lost.

    Raises:
        DtmError: This tap would not have written it.
    """
    if bookmark == {}:
        return
    try:
        checked = msgspec.convert(bookmark, _FORMS[stream])
    except msgspec.ValidationError as error:
        raise _damaged(stream, _country_of(bookmark, str(error)), str(error)) from None
    if isinstance(checked, _Pcodes):
        try:
            unpacked(checked.keys)
            unpacked(checked.gone)
        except ValueError as error:
            raise _damaged(stream, "", str(error)) from None
    if isinstance(checked, _Idp):
        for partition in checked.partitions:
            if problem := _contradiction_of(partition, is_packed=stream in _HISTORIES):
                raise _damaged(stream, partition.context.admin0_pcode, problem)
        by_country: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)  # programs that join may leave several
        for each in bookmark["partitions"]:
            by_country[each["context"]["admin0_pcode"]].append(each)
        if stream in _HISTORIES:  # what is not known, or was written before the first release, begins again
            known = [only for only, *others in by_country.values() if not others]
            bookmark.clear()
            bookmark["partitions"] = [each for each in known if isinstance(each.get("operations"), str)]
        else:
            partitions = [same[0] if len(same) == 1 else _join(same) for same in by_country.values()]
            bookmark["partitions"] = partitions = _restored(partitions, checked.taken)
            bookmark["taken"] = {each["context"]["admin0_pcode"]: positions_of(each) for each in partitions}


def understood(bookmark: Any) -> list[tuple[_Partition, dict[str, _Bookmark]]]:  # noqa: ANN401
    """Return the partitions of a bookmark, with their operations; none where it is not one of this tap's."""
    try:
        return [(each, _marks_of(each)) for each in msgspec.convert(bookmark, _Idp).partitions]
    except ValueError:
        return []


def _damaged(stream: str, country: str, problem: str) -> DtmError:
    place = f"{stream}, country {country}," if country else stream
    return DtmError(f"The state cannot be read: that of {place} is damaged ({problem}). {_REMEDY}")


def _country_of(bookmark: Any, message: str) -> str:  # noqa: ANN401
    """Name the country of a damaged partition; the message has its place: ``$.partitions[3].operations``."""
    place = message.partition("$.partitions[")[2].partition("]")[0]
    try:
        return str(bookmark["partitions"][int(place)]["context"]["admin0_pcode"])
    except (IndexError, KeyError, TypeError, ValueError):
        return ""


def _contradiction_of(partition: _Partition, *, is_packed: bool) -> str:
    """Say what of a partition cannot be true together; nothing if all can."""
    if isinstance(partition.operations, str) and not is_packed:
        return "`operations` is a text"
    is_read = any((partition.shape, partition.replication_key_value, partition.observed_at))
    if is_read and isinstance(partition.operations, msgspec.UnsetType):
        return "it has no `operations`"
    try:
        marks = _marks_of(partition)
    except ValueError as error:
        return str(error)
    for name, mark in marks.items():
        if mark.content and is_of_nothing(mark.content) != (mark.rows == 0):
            return f"the rows of {quoted(name, 100)} are {mark.rows}, and its content says otherwise"
    return ""


def operations_of(partition: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a partition, which has been checked, says of each operation."""
    operations = partition.get("operations", {})
    return dict(json.loads(unpack(operations)) if isinstance(operations, str) else operations)


def _marks_of(partition: _Partition) -> dict[str, _Bookmark]:
    """Return the same of one that has been read.

    Raises:
        ValueError: It is packed, and was changed since.
    """
    if isinstance(partition.operations, str):
        return msgspec.json.decode(unpack(partition.operations), type=dict[str, _Bookmark])
    return partition.operations or {}


def positions_of(partition: Mapping[str, Any]) -> dict[str, int]:
    """Return the highest position that each operation of a partition takes, or took."""
    highest = dict(partition.get("positions", {}))
    for name, mark in operations_of(partition).items():
        highest[name] = max(mark["rows"], highest.get(name, 0))
    return {name: position for name, position in sorted(highest.items()) if position}


def unfinished_partition(code: str, positions: Mapping[str, int]) -> dict[str, Any]:
    """Return the partition of a country that is read and sent again whole, over every position that may be taken."""
    return {"context": {"admin0_pcode": code}, "operations": _unfinished(positions)}


def _unfinished(positions: Mapping[str, int]) -> dict[str, Any]:
    return {name: Bookmark(rows=position).to_state() for name, position in positions.items()}


def _restored(partitions: list[dict[str, Any]], taken: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
    """Return the partitions, and in them the operations, that are known to take positions."""
    by_country = {each["context"]["admin0_pcode"]: each for each in partitions}
    for code, positions in taken.items():
        partition = by_country.setdefault(code, {"context": {"admin0_pcode": code}})
        lost = positions.keys() - positions_of(partition).keys()
        if lost:
            restored = _unfinished({name: positions[name] for name in sorted(lost) if positions[name]})
            partition["operations"] = partition.get("operations", {}) | restored
    return list(by_country.values())


def _join(partitions: list[dict[str, Any]]) -> dict[str, Any]:
    """Join partitions of one country: it is read and sent again whole, over every position that is or was taken."""
    positions: dict[str, int] = {}
    for partition in partitions:
        for name, position in positions_of(partition).items():
            positions[name] = max(position, positions.get(name, 0))
    return unfinished_partition(partitions[0]["context"]["admin0_pcode"], positions)


def packed(keys: Iterable[tuple[str, ...]]) -> dict[str, str]:
    """Return keys of two parts, a country and a code without line breaks, as one text for each country."""
    codes: defaultdict[str, set[str]] = defaultdict(set)
    for country, code in keys:
        codes[country].add(code)
    return {country: pack(_BETWEEN.join(sorted(each))) for country, each in sorted(codes.items())}


def unpacked(keys: Any) -> list[tuple[str, ...]]:  # noqa: ANN401
    """Return the keys that a state holds, packed or as lists.

    Raises:
        ValueError: They were changed since.
    """
    if not isinstance(keys, dict):
        return [tuple(key) for key in keys]
    return [(country, code) for country, text in keys.items() for code in unpack(text).split(_BETWEEN)]


def pack(text: str) -> str:
    """Return a text in few characters of ASCII."""
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def unpack(packed_text: str) -> str:
    """Return a text that was packed.

    Raises:
        ValueError: It was changed since.
    """
    try:
        return zlib.decompress(base64.b64decode(packed_text, validate=True)).decode()
    except zlib.error as error:
        raise ValueError("a packed text was changed") from error
