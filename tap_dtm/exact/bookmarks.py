"""Reads and writes the bookmarks of a stream in the Singer state, whose form is in ``state``. Nothing else does.

A bookmark is changed in place, because the state can be written at any moment.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from tap_dtm.exact.level import Delivered, highest_positions
from tap_dtm.exact.rounds import Bookmark
from tap_dtm.exact.state import (
    FORM,
    operations_of,
    pack,
    packed,
    positions_of,
    understood,
    unfinished_partition,
    unpacked,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tap_dtm.exact.level import LevelChanges
    from tap_dtm.exact.rounds import Delivery

    Key = tuple[str, ...]

_OBSERVED_AT: Final = "observed_at"
_TICK: Final = dt.timedelta(milliseconds=1)  # the coarsest that a database keeps


class ListBookmark:
    """That of a list: its runs, the keys that may be in the target, and those that were tombstoned.

    Args:
        content: What the state holds, which is changed.
        is_long: Whether the keys are written packed, because a state is written often and lists may be long.
    """

    def __init__(self, content: dict[str, Any], *, is_long: bool = False) -> None:  # noqa: D107
        self._content = content
        self._write = packed if is_long else _sorted

    @property
    def runs(self) -> int:
        """How many runs have read the list."""
        return int(self._content.get("runs", 0))

    @runs.setter
    def runs(self, number: int) -> None:
        self._content["runs"] = number

    @property
    def keys(self) -> list[Key]:
        """The keys that may be in the target."""
        return unpacked(self._content.get("keys", ()))

    @property
    def gone(self) -> list[Key]:
        """The keys that were tombstoned and have not come back."""
        return unpacked(self._content.get("gone", ()))

    def announce(self, keys: Iterable[Key]) -> None:
        """Note ahead which keys may be in the target, should the run be killed while it sends them."""
        self._content.update(keys=self._write(keys), unfinished=True)

    def move(self, keys: Iterable[Key], gone: Iterable[Key]) -> None:
        """Note what has been sent."""
        self._content.update(keys=self._write(keys), gone=self._write(gone))
        del self._content["unfinished"]

    # That of the countries also says what the whole state is.

    @property
    def api_version(self) -> str | None:
        """The version of the API that the tables were loaded from."""
        return self._content.get("api_version")

    def stamp(self, api_version: str) -> None:
        """Note the form of the state, and the version of the API."""
        self._content.update(form=FORM, api_version=api_version)

    def pop_read_whole(self) -> dict[str, int]:
        """Take out what 0.1.0 remembered here for all levels at once: the run that last read a country whole."""
        return dict(self._content.pop("read_whole", {}))


class RunsBookmark:
    """That of the runs: when the last one was, even if it was killed, and the last one that ended for each country.

    Histories note the latter as well. Programs that keep the states of streams one by one may keep that of a history,
    and lose the run that says which of its rows count: then the history of the country begins again.
    """

    def __init__(self, content: dict[str, Any]) -> None:  # noqa: D107
        self._content = content

    @property
    def observed_at(self) -> str | None:
        """The time of the last run."""
        return self._content.get(_OBSERVED_AT)

    def announce(self, observed_at: str) -> None:
        """Note the time of a run before it sends a row: the next run's is later, whatever the clock says."""
        self._content[_OBSERVED_AT] = observed_at

    def ended_at(self, code: str) -> str | None:
        """Return the time of the last run that ended for a country."""
        ended: dict[str, str] = self._content.get("ended", {})
        return ended.get(code)

    def move(self, code: str, observed_at: str) -> None:
        """Note that a run has ended for a country."""
        self._content.setdefault("ended", {})[code] = observed_at


class LevelBookmark:
    """That of the figures of one admin level: a partition for each country."""

    def __init__(self, content: dict[str, Any]) -> None:  # noqa: D107
        self._content = content

    def _partitions(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for partition in self._content.get("partitions", ()):
            yield partition["context"]["admin0_pcode"], partition

    def _partition(self, code: str) -> dict[str, Any]:
        for each, partition in self._partitions():
            if each == code:
                return partition
        partition = {"context": {"admin0_pcode": code}}
        self._content.setdefault("partitions", []).append(partition)
        return partition

    def delivered(self, code: str, *, emit_all: bool) -> Delivered:
        """Return what was delivered of a country, and whether it is sent again."""
        highest = dict(self._partitions()).get(code, {}).get("positions", {})
        return Delivered(self._bookmarks(code), highest, emit_all)

    def _bookmarks(self, code: str) -> dict[str, Bookmark]:
        marks = operations_of(dict(self._partitions()).get(code, {}))
        return {name: Bookmark.from_state(mark) for name, mark in marks.items()}

    @property
    def codes_with_rows(self) -> set[str]:
        """The countries of which rows may be in the target."""
        return {
            code
            for code, partition in self._partitions()
            if any(mark.get("rows") for mark in operations_of(partition).values())
        }

    @property
    def read_whole(self) -> dict[str, int]:
        """By country, the number of the run that last read this level of it whole."""
        return {code: partition.get("read_whole", 0) for code, partition in self._partitions()}

    def inherit_read_whole(self, numbers: Mapping[str, int]) -> None:
        """Take over what 0.1.0 remembered for all levels at once."""
        for code, partition in self._partitions():
            if code in numbers:
                partition.setdefault("read_whole", numbers[code])

    def shape(self, code: str) -> str | None:
        """Return what shaped the rows that were delivered of a country, other than the API."""
        return dict(self._partitions()).get(code, {}).get("shape")

    def announce(self, code: str, deliveries: Iterable[Delivery]) -> None:
        """Note ahead which positions may be taken, should the run be killed while it sends them."""
        partition = self._partition(code)
        unfinished = {delivery.operation: delivery.unfinished.to_state() for delivery in deliveries}
        partition["operations"] = partition.get("operations", {}) | unfinished
        self._note_taken(code, partition)

    def move(self, code: str, before: Delivered, after: LevelChanges, *, shape: str, run: int | None) -> None:
        """Note what has been delivered of a country.

        Args:
            code: The country.
            before: What had been delivered before.
            after: What was delivered.
            shape: What shaped the rows, other than the API.
            run: The number of a run that read the level whole.
        """
        partition = self._moved(code, after, shape=shape, run=run)
        partition["operations"] = _to_state(after)
        partition["positions"] = highest_positions(before, after)
        self._note_taken(code, partition)
        newest = [mark.reporting_date for mark in after.bookmarks.values() if mark.reporting_date]
        if newest:
            partition |= {"replication_key": "reporting_date", "replication_key_value": max(newest)}

    def _moved(self, code: str, after: LevelChanges, *, shape: str, run: int | None) -> dict[str, Any]:
        partition = self._partition(code)
        if after.is_complete:
            partition["shape"] = shape
        if run is not None:
            partition["read_whole"] = run
        return partition

    def _note_taken(self, code: str, partition: Mapping[str, Any]) -> None:
        """Write down the taken positions a second time, where programs that join states keep them."""
        self._content.setdefault("taken", {})[code] = positions_of(partition)


class HistoryBookmark(LevelBookmark):
    """That of the history of one admin level.

    Rows of a run that was killed do not count, and nothing is ever written over: so nothing is noted ahead, and no
    positions are. It has more to say of each operation than that of a table, and says it packed.

    Args:
        content: What the state holds, which is changed.
        now: The time of this run.
    """

    def __init__(self, content: dict[str, Any], now: str | None) -> None:  # noqa: D107
        super().__init__(content)
        self._now = now

    @override
    def delivered(self, code: str, *, emit_all: bool) -> Delivered:
        return Delivered(self._bookmarks(code), emit_all=emit_all, by_round=True)

    @override
    def announce(self, code: str, deliveries: Iterable[Delivery]) -> None:
        """Note nothing."""

    @override
    def move(self, code: str, before: Delivered, after: LevelChanges, *, shape: str, run: int | None) -> None:
        partition = self._moved(code, after, shape=shape, run=run)
        partition |= {"operations": pack(json.dumps(_to_state(after))), _OBSERVED_AT: self._now}

    def observed_at(self, code: str) -> str | None:
        """Return the time of the last run that ended for a country."""
        return dict(self._partitions()).get(code, {}).get(_OBSERVED_AT)

    @property
    def times(self) -> set[str]:
        """The times of all runs that it notes."""
        return {time for _, partition in self._partitions() if (time := partition.get(_OBSERVED_AT))}


def _to_state(changes: LevelChanges) -> dict[str, Any]:
    return {name: mark.to_state() for name, mark in sorted(changes.bookmarks.items())}


def positions(bookmark: Any) -> dict[str, tuple[str | None, dict[str, tuple[str, int]]]]:  # noqa: ANN401
    """Return what a bookmark says of the rows in the target, by country: their shape, and each operation's rows.

    Those are the digest of their content, which is empty while they are being delivered, and their number. All else
    may change from one version to the next, or from run to run, without a row that does.

    Args:
        bookmark: That of a stream of figures, of any version; nothing is found in anything else.
    """
    found = {}
    for partition, marks in understood(bookmark):
        operations = {name: (mark.content, mark.rows) for name, mark in marks.items() if mark.rows}
        if operations:
            found[partition.context.admin0_pcode] = (partition.shape, operations)
    return found


def after_full_refresh(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the bookmark of a stream whose table is about to be replaced.

    The tap cannot know whether the target replaced it. So all operations are left unfinished, with the positions that
    they take in either table. If the next sync is incremental, it sends everything, and tombstones for the rest.

    Args:
        before: The bookmark before the sync.
        after: The bookmark after it.
    """
    if "keys" in after:
        write = packed if isinstance(after["keys"], dict) else _sorted
        return {**after, "keys": write([*ListBookmark(dict(before)).keys, *ListBookmark(dict(after)).keys])}
    highest: dict[str, dict[str, int]] = {}
    for partition in (*before.get("partitions", ()), *after.get("partitions", ())):
        country = highest.setdefault(partition["context"]["admin0_pcode"], {})
        for operation, position in positions_of(partition).items():
            country[operation] = max(position, country.get(operation, 0))
    return {"partitions": [unfinished_partition(code, positions) for code, positions in highest.items()]}


def _sorted(keys: Iterable[Key]) -> list[list[str]]:
    return [list(key) for key in sorted(set(keys))]


def next_moment(now: dt.datetime, before: Iterable[str]) -> str:
    """Return the time of a run in ISO 8601 and UTC, in whole milliseconds.

    It is later than that of every run before it, even when the clock was set back.

    Args:
        now: What the clock says.
        before: The times of earlier runs.

    Raises:
        ValueError: One of them is not a time.
        TypeError: One of them has no time zone.
        OverflowError: One of them is the last that there is.
    """
    times = [now, *(dt.datetime.fromisoformat(time) + _TICK for time in before)]
    return max(times).astimezone(dt.timezone.utc).isoformat(timespec="milliseconds")
