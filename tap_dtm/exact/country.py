"""Reads one country: its index, what the index says has changed below, and nothing more."""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tap_dtm.api.records import RecordBuilder
from tap_dtm.errors import DtmAnswerError, DtmRefusedError, DtmRequestError, DtmUnknownError, DtmWithdrawnError
from tap_dtm.exact import rounds
from tap_dtm.exact.level import LevelChanges, is_known, most_rows, settle
from tap_dtm.exact.rounds import Change, Need
from tap_dtm.exact.selfcheck import compare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future

    from tap_dtm.api.records import UnknownFields
    from tap_dtm.api.rows import Row
    from tap_dtm.exact.level import Delivered
    from tap_dtm.exact.lists import Api
    from tap_dtm.metadata import Catalogue
    from tap_dtm.settings import Settings

    Aside = Callable[[Callable[[], dict[str, LevelChanges]]], Future[dict[str, LevelChanges]] | None]
    """Begins to read a level in another thread; None if there is no room for one more request at the same time."""

    Fetch = Callable[[str | None, str | None], list[Row]]

INDEX_LEVEL = 0
_LAST_DATE = "9999-12-31"
_ATTEMPTS = 3
_logger = logging.getLogger("tap-dtm.country")


@dataclass(frozen=True)
class Job:
    """What to read of one country.

    ``levels`` holds, by level and by selected stream, what was delivered; ``listed`` the operations that the list of
    operations names. A level is asked once, whatever number of streams it has. The levels in ``whole`` are read whole
    whatever the index says. ``is_gone`` says that the country has left the list and that the operator has accepted it.
    """

    code: str
    name: str
    levels: Mapping[int, Mapping[str, Delivered]]
    listed: frozenset[str] = frozenset()
    whole: frozenset[int] = frozenset()
    is_gone: bool = False

    @override
    def __str__(self) -> str:
        """Name the country."""
        return f"{self.name} ({self.code})"


@dataclass(frozen=True)
class _Reader:
    """A stream for which a level is read: what it needs of each operation, and what it gets."""

    delivered: Delivered
    changes: LevelChanges
    needs: Mapping[str, Need]

    @classmethod
    def of(cls, delivered: Delivered, index: Mapping[str, list[Row]]) -> _Reader:
        """Decide what a stream needs."""
        # What was listed without rows, and is listed no more, is forgotten: should it come back, it is looked for.
        bookmarks = {n: mark for n, mark in delivered.bookmarks.items() if n in index or mark != rounds.LISTED}
        operations = sorted(index.keys() | bookmarks.keys())
        needs = {name: rounds.need(index.get(name, []), bookmarks.get(name)) for name in operations}
        return cls(delivered, LevelChanges(bookmarks=bookmarks), needs)

    @property
    def needs_country(self) -> bool:
        """Whether one unfiltered answer is cheaper and surer: everything of everything is needed."""
        needed = set(self.needs.values())
        return Need.COUNTRY in needed or needed == {Need.OPERATION}

    def new_rounds(self, operation: str, rows: Sequence[Row]) -> list[Row]:
        """Return the rows of an operation's rounds that are newer than those that were delivered."""
        bookmark = self.delivered.bookmarks.get(operation)
        return rounds.newer_than(rows, bookmark.newest if bookmark else None)

    def take(self, operation: str, index: Sequence[Row], rows: Sequence[Row], *, new_only: bool) -> bool:
        """Take the answer for one operation, or for its new rounds only; False when it cannot be trusted."""
        bookmark = self.delivered.bookmarks.get(operation)
        if new_only and bookmark:
            rows = self.new_rounds(operation, rows)
            if compare(self.new_rounds(operation, index), rows):
                return False
            self.changes.add(self.delivered.extended(operation, index, rows, bookmark))
            return True
        comparison = compare(index, rows)
        # Rows that the index lacks may be missing without a trace: only an unfiltered answer says that they are gone.
        if not is_known(comparison, bookmark) or (bookmark and bookmark.unindexed and not comparison):
            return False
        contradiction = self.changes.look(operation, comparison, bookmark)
        self.changes.add(self.delivered.replaced(operation, index, rows, contradiction))
        return True


class _NoWholeAnswerError(Exception):
    """The API does not answer for a whole country at a level."""

    def __init__(self, reason: DtmRequestError | DtmAnswerError) -> None:
        super().__init__()
        self.reason = reason


@dataclass(frozen=True)
class CountryChanges:
    """What was found in one country, by level and by stream."""

    job: Job
    levels: Mapping[int, Mapping[str, LevelChanges]]

    @property
    def streams(self) -> dict[str, LevelChanges]:
        """What was found, by stream."""
        return {name: changes for level in self.levels.values() for name, changes in level.items()}

    @property
    def rows(self) -> int:
        """The number of rows that are emitted."""
        return sum(changes.rows for changes in self.streams.values())

    @property
    def at_stake(self) -> int:
        """The number of rows that the next run would send again if this one were killed while it sends these."""
        deliveries = (each for changes in self.streams.values() for each in changes.deliveries if not each.is_empty)
        return sum(delivery.unfinished.rows for delivery in deliveries)

    def by_operation(self) -> Counter[Change]:
        """Count the operations by what happened to them; the stream where most happened speaks for each."""
        changes: dict[str, Change] = {}
        for stream in self.streams.values():
            for operation in stream.bookmarks:
                changes.setdefault(operation, Change.UNCHANGED)
            for delivery in stream.deliveries:
                changes[delivery.operation] = max(delivery.change, changes.get(delivery.operation, Change.UNCHANGED))
        return Counter(changes.values())


class CountryReader:
    """Reads countries of one API version under one set of filters. Safe to use from several threads.

    Args:
        client: The API.
        catalogue: What the API serves.
        settings: The checked settings.
        unknown: The fields that were warned of, shared by all that reads rows in the run.
    """

    def __init__(  # noqa: D107
        self, client: Api, catalogue: Catalogue, settings: Settings, unknown: UnknownFields | None = None
    ) -> None:
        self._client = client
        self._settings = settings
        self._paths: dict[int, str] = {}
        self._builders: dict[int, RecordBuilder] = {}
        for resource in catalogue.resources.values():
            if (level := resource.level) is not None and not resource.history_of:
                self._paths[level] = resource.endpoints[settings.api_version]
                self._builders[level] = RecordBuilder(resource, settings.api_version, unknown)

    def read(self, job: Job, aside: Aside) -> CountryChanges:
        """Find out what changed in a country since its bookmarks.

        Args:
            job: What to read.
            aside: Reads a level at the same time as another one, if there is room.

        Raises:
            DtmError: A request failed, an answer cannot be trusted, or the country has become empty.
        """
        for _ in range(_ATTEMPTS):
            index = {} if job.is_gone else self._index(job)
            levels = self._levels(job, index, aside)
            doubts = (doubt for level in levels.values() for changes in level.values() for doubt in changes.doubts)
            if not any(doubt.may_be_a_race for doubt in doubts) or self._index(job) == index:
                return CountryChanges(job, levels)
        raise DtmAnswerError(
            f"{job} changed each time while it was being read: DTM is publishing. "
            "Nothing of it was changed; the next run asks again."
        )

    def _index(self, job: Job) -> dict[str, list[Row]]:
        """Ask for the index; an operation that is listed, and that admin 0 does not show, has no rows in it."""
        delivered = sum(most_rows(level.values(), of_index=True) for level in job.levels.values())
        rows = self._fetch_country(job, INDEX_LEVEL, delivered)
        unshown = job.listed - {row.operation for row in rows}
        if self._settings.operations is not None:
            unshown &= self._settings.operations
        return {name: [] for name in sorted(unshown)} | rounds.by_operation(self._wanted(rows))

    def _levels(self, job: Job, index: dict[str, list[Row]], aside: Aside) -> dict[int, dict[str, LevelChanges]]:
        """Read the levels. None is asked for before the index has arrived: a round in the index alone is a gap."""
        numbers = sorted(job.levels)
        below = [level for level in numbers if level != INDEX_LEVEL]
        begun = {level: aside(partial(self._level, job, level, index)) for level in below[1:]}
        return {
            level: future.result() if (future := begun.get(level)) else self._level(job, level, index)
            for level in numbers
        }

    def _level(self, job: Job, level: int, index: dict[str, list[Row]]) -> dict[str, LevelChanges]:
        """Find out what changed at a level, for each stream of it; streams that had the same have the same changes."""
        streams = job.levels[level]
        distinct: list[Delivered] = []
        for each in streams.values():
            if each not in distinct:
                distinct.append(each)
        changes = self._changes(job, level, index, distinct)
        return {name: changes[distinct.index(each)] for name, each in streams.items()}

    def _changes(
        self, job: Job, level: int, index: dict[str, list[Row]], streams: Sequence[Delivered]
    ) -> list[LevelChanges]:
        if level == INDEX_LEVEL or job.is_gone:
            return [settle(each, index, index, is_index=True) for each in streams]
        readers = [_Reader.of(each, index) for each in streams]
        if level in job.whole or any(reader.needs_country for reader in readers):
            return self._read_whole(job, level, index, streams)
        for name in sorted({name for reader in readers for name in reader.needs}):
            needing = [reader for reader in readers if reader.needs.get(name)]
            if needing and not self._read_operation(job, level, name, index.get(name, []), needing):
                return self._read_whole(job, level, index, streams)
        return [reader.changes for reader in readers]

    def _read_operation(self, job: Job, level: int, operation: str, index: list[Row], readers: list[_Reader]) -> bool:
        """Ask for one operation; False when the answer cannot be trusted.

        The API does not document how its filters match: rows of other operations are dropped, and the rest
        must agree with the index, or contradict it just as an unfiltered answer did before.
        """
        since = self._settings.start_date
        new_only = all(reader.needs[operation] is Need.NEW_ROUNDS for reader in readers)
        if new_only:
            since = min(reader.new_rounds(operation, index)[0].reporting_date for reader in readers)
        try:
            fetched = self._fetch(level, job.code, operation, since, self._settings.end_date)
        except DtmRequestError as error:
            _logger.info("%s Asking for the whole country instead.", error)
            return False
        rows = rounds.by_operation(self._wanted(fetched)).get(operation, [])
        return all(reader.take(operation, index, rows, new_only=new_only) for reader in readers)

    def _read_whole(
        self, job: Job, level: int, index: dict[str, list[Row]], streams: Sequence[Delivered]
    ) -> list[LevelChanges]:
        try:
            rows = self._fetch_country(job, level, most_rows(streams))
        except _NoWholeAnswerError as error:
            _logger.info("%s Asking for the operations one by one instead.", error.reason)
            try:
                return self._read_in_parts(job, level, index, streams)
            except DtmRequestError:
                raise error.reason from None  # smaller requests fail no less: the first one says what is wrong
        wanted = rounds.by_operation(self._wanted(rows))
        return [settle(each, index, wanted, is_silent=not rows) for each in streams]

    def _read_in_parts(
        self, job: Job, level: int, index: dict[str, list[Row]], streams: Sequence[Delivered]
    ) -> list[LevelChanges]:
        """Ask for each operation of the index by itself.

        Filters are not trusted to match all that they should: rows that do not agree with the index are an error, and
        nothing is taken for a gap or a withdrawal.
        """
        changes = [LevelChanges(bookmarks=dict(each.bookmarks), in_parts=True) for each in streams]
        for name in sorted(index.keys() | {name for each in streams for name in each.bookmarks}):
            rows = self._parts_of(job, level, name, index[name]) if index.get(name) else []
            comparison = compare(index.get(name, []), rows)
            for found, delivered in zip(changes, streams, strict=True):
                bookmark = delivered.bookmarks.get(name)
                if not index.get(name) or not (rows or (bookmark and bookmark.rows)):
                    found.kept.append(name)
                    continue
                if not is_known(comparison, bookmark):
                    raise DtmAnswerError(
                        f"{job} had to be read in parts at admin {level}, and those of {name} do not add up to admin 0 "
                        f"({comparison.disagreements[0].at(level)}). "
                        "Nothing of it was changed; the next run asks again."
                    )
                contradiction = bookmark.contradiction if comparison and bookmark else None
                found.add(delivered.replaced(name, index[name], rows, contradiction))
        return changes

    def _parts_of(self, job: Job, level: int, operation: str, index: list[Row]) -> list[Row]:
        def fetch(first: str | None, last: str | None) -> list[Row]:
            rows = self._wanted(self._fetch(level, job.code, operation, first, last))
            between = (first or "", last or _LAST_DATE)
            return [
                row for row in rows if row.operation == operation and between[0] <= row.reporting_date <= between[1]
            ]

        dates = sorted({row.reporting_date for row in index})
        return rounds.canonical(_read_in_halves(fetch, dates, self._settings.start_date, self._settings.end_date))

    def _fetch_country(self, job: Job, level: int, delivered: int) -> list[Row]:
        """Ask for all that a country has at a level.

        Nothing at all is an answer, but not after rows were delivered: it takes the operator's word that DTM has
        withdrawn them.
        """
        answered: list[Any] = []
        reason = "no rows"
        is_accepted = job.code in self._settings.accept_withdrawn_countries
        try:
            answered = self._get(level, {"Admin0Pcode": job.code})
        except DtmUnknownError as error:
            # Below the index, a country without such areas may well be unknown.
            if level == INDEX_LEVEL and not delivered and not is_accepted:
                raise
            reason = str(error)
        except DtmRefusedError:
            raise
        except (DtmRequestError, DtmAnswerError) as error:
            if level == INDEX_LEVEL:
                raise
            raise _NoWholeAnswerError(error) from None
        rows = self._builders[level].build(answered, job.code)
        if not rows and delivered and not is_accepted:
            raise DtmWithdrawnError(
                f"{job} answers with nothing at all at admin {level} ({reason}), although "
                f"{delivered} rows were delivered before: they are kept. If DTM has withdrawn them for good, add "
                f"{job.code} to accept_withdrawn_countries."
            )
        return rows

    def _fetch(self, level: int, country: str, operation: str, first: str | None, last: str | None) -> list[Row]:
        """Ask for one operation, from a first to a last date."""
        params = {"Admin0Pcode": country, "Operation": operation}
        params |= {"FromReportingDate": first} if first else {}
        params |= {"ToReportingDate": last} if last else {}
        return self._builders[level].build(self._get(level, params), country)

    def _get(self, level: int, params: Mapping[str, str]) -> list[Any]:
        return self._client.get(self._paths[level], params, self._builders[level].published).rows

    def _wanted(self, rows: list[Row]) -> list[Row]:
        """Apply the settings' filters, here and not in the API: what it would match is not documented."""
        operations = self._settings.operations
        first, last = self._settings.start_date or "", self._settings.end_date or _LAST_DATE
        return [
            row
            for row in rows
            if first <= row.reporting_date <= last and (operations is None or row.operation in operations)
        ]


def _read_in_halves(fetch: Fetch, dates: Sequence[str], first: str | None, last: str | None) -> list[Row]:
    """Return all rows of an operation from a first to a last date, in as few requests as get an answer.

    Args:
        fetch: Asks for the rows from one date to another (``YYYY-MM-DD``, both included); None is no limit.
        dates: The dates on which there are rows, ascending: where to divide.
        first: The first date; None is no limit.
        last: The last date; None is no limit.

    Raises:
        DtmError: The request for a single date failed, too.
    """
    try:
        return fetch(first, last)
    except DtmRefusedError:
        raise  # a wrong setting is wrong for every part
    except (DtmRequestError, DtmAnswerError):
        if len(dates) < 2:  # noqa: PLR2004  one cannot be divided
            raise
    middle = len(dates) // 2
    day_before = (dt.date.fromisoformat(dates[middle]) - dt.timedelta(days=1)).isoformat()
    before = _read_in_halves(fetch, dates[:middle], first, day_before)
    return before + _read_in_halves(fetch, dates[middle:], dates[middle], last)
