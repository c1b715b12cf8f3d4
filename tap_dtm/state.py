"""The form of the state: bookmarks, by stream. People, platforms and other programs edit, join and damage states.

What can be understood is understood; the rest is refused before the run, because a state that is taken for less than it
says leaves rows in the tables that nobody removes.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from tap_dtm.errors import DtmError
from tap_dtm.rounds import Bookmark

_Count = Annotated[int, Meta(ge=0)]
_Code = Annotated[str, Meta(pattern="^[A-Z]{3}$")]


class _Contradiction(msgspec.Struct, forbid_unknown_fields=True):
    digest: str
    looks: _Count


class _Bookmark(msgspec.Struct, forbid_unknown_fields=True):
    reporting_date: str | None = None
    round_number: int | None = None
    assessment_type: str | None = None
    digest: str = ""
    content: str = ""
    rows: _Count = 0
    unindexed: bool = False
    contradiction: _Contradiction | None = None


class _Context(msgspec.Struct, forbid_unknown_fields=True):
    admin0_pcode: _Code


class _Partition(msgspec.Struct, forbid_unknown_fields=True):
    context: _Context
    operations: dict[str, _Bookmark] = {}
    positions: dict[str, _Count] = {}
    read_whole: _Count = 0
    shape: str | None = None
    replication_key: str | None = None
    replication_key_value: str | None = None


class _Countries(msgspec.Struct, forbid_unknown_fields=True):
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


class _Idp(msgspec.Struct, forbid_unknown_fields=True):
    partitions: list[_Partition]


_FORMS: Final = {
    "countries": _Countries,
    "operations": _Operations,
    **dict.fromkeys(("idp_admin0", "idp_admin1", "idp_admin2"), _Idp),
}
_REMEDY: Final = "Restore it from a backup, or empty the tables and start with an empty state."


def check_state(state: dict[str, Any]) -> None:
    """Check a Singer state, and join what stands in it twice.

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
    if bookmarks and not bookmarks.keys() & _FORMS.keys():
        raise DtmError(
            f"The state is that of another tap: it has bookmarks of {', '.join(sorted(map(str, bookmarks)))} and of no "
            "stream of this one. To start with no state, leave --state out."
        )
    for stream, bookmark in bookmarks.items():
        if stream in _FORMS:
            check_bookmark(stream, bookmark)


def check_bookmark(stream: str, bookmark: Any) -> None:  # noqa: ANN401
    """Check what a state holds of a stream, and join the partitions that stand in it twice.

    Raises:
        DtmError: This tap would not have written it.
    """
    if bookmark == {}:
        return
    try:
        msgspec.convert(bookmark, _FORMS[stream])
    except msgspec.ValidationError as error:
        country = _country_of(bookmark, str(error))
        raise DtmError(f"The state cannot be read: that of {stream}{country} is damaged ({error}). {_REMEDY}") from None
    if "partitions" in bookmark:
        bookmark["partitions"] = _joined(bookmark["partitions"])


def _country_of(bookmark: Any, message: str) -> str:  # noqa: ANN401
    """Name the country of a damaged partition; the message has its place: ``$.partitions[3].operations``."""
    place = message.partition("$.partitions[")[2].partition("]")[0]
    try:
        return f", country {bookmark['partitions'][int(place)]['context']['admin0_pcode']},"
    except (IndexError, KeyError, TypeError, ValueError):
        return ""


def _joined(partitions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one partition for each country, as programs that join states may leave several."""
    by_country: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for partition in partitions:
        by_country[partition["context"]["admin0_pcode"]].append(partition)
    return [same[0] if len(same) == 1 else _join(same) for same in by_country.values()]


def _join(partitions: list[dict[str, Any]]) -> dict[str, Any]:
    """Join partitions of one country: where they differ, the operation is read again, over every taken position."""
    operations: dict[str, Any] = {}
    for partition in partitions:
        for name, mark in partition.get("operations", {}).items():
            if operations.setdefault(name, mark) != mark:
                rows = max(mark.get("rows", 0), operations[name].get("rows", 0))
                operations[name] = Bookmark(rows=rows).to_state()
    missing = {name for name in operations if any(name not in each.get("operations", {}) for each in partitions)}
    for name in missing:
        operations[name] = Bookmark(rows=operations[name].get("rows", 0)).to_state()
    positions: dict[str, int] = {}
    for partition in partitions:
        for name, position in partition.get("positions", {}).items():
            positions[name] = max(position, positions.get(name, 0))
    return {"context": partitions[0]["context"], "operations": operations, "positions": positions}
