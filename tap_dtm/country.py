"""Reads one country: its index, what the index says has changed below, and nothing more."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_dtm import rounds
from tap_dtm.errors import DtmAnswerError, DtmRequestError, DtmUnknownError, DtmWithdrawnError
from tap_dtm.records import RecordBuilder
from tap_dtm.rounds import Bookmark, Change, Delivery, Need

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_dtm.client import DtmClient
    from tap_dtm.metadata import Catalogue
    from tap_dtm.rounds import Disagreement, Row
    from tap_dtm.settings import Settings

INDEX_LEVEL = 0
_ATTEMPTS = 3
_logger = logging.getLogger("tap-dtm.country")


@dataclass(frozen=True)
class Job:
    """What to read of one country.

    ``bookmarks`` holds, for each selected level, those of the operations; ``listed`` the operations that the list
    of operations names. The levels in ``whole`` are read whole whatever the index says; those in ``full``, which are
    among them, are emitted whole, too. ``is_gone`` says that the country has left the list and that the operator has
    accepted it.
    """

    code: str
    name: str
    bookmarks: Mapping[int, Mapping[str, Bookmark]]
    listed: frozenset[str] = frozenset()
    whole: frozenset[int] = frozenset()
    full: frozenset[int] = frozenset()
    is_gone: bool = False


@dataclass
class LevelChanges:
    """What one stream emits for one country, and its bookmarks afterwards."""

    deliveries: list[Delivery] = field(default_factory=list)
    bookmarks: dict[str, Bookmark] = field(default_factory=dict)
    disagreements: list[tuple[str, Disagreement]] = field(default_factory=list)

    def add(self, delivery: Delivery) -> None:
        """Add what is delivered of one operation."""
        self.deliveries.append(delivery)
        if delivery.bookmark:
            self.bookmarks[delivery.operation] = delivery.bookmark
        else:
            self.bookmarks.pop(delivery.operation, None)


@dataclass(frozen=True)
class CountryChanges:
    """What was found in one country, by level."""

    job: Job
    levels: Mapping[int, LevelChanges]

    def by_operation(self) -> Counter[Change]:
        """Count the operations by what happened to them; the level where most happened speaks for each."""
        changes: dict[str, Change] = {}
        for level in self.levels.values():
            for operation in level.bookmarks:
                changes.setdefault(operation, Change.UNCHANGED)
            for delivery in level.deliveries:
                changes[delivery.operation] = max(delivery.change, changes.get(delivery.operation, Change.UNCHANGED))
        return Counter(changes.values())


class CountryReader:
    """Reads countries of one API version under one set of filters. Safe to use from several threads.

    Args:
        client: The API.
        catalogue: What the API serves.
        settings: The checked settings.
    """

    def __init__(self, client: DtmClient, catalogue: Catalogue, settings: Settings) -> None:  # noqa: D107
        self._client = client
        self._settings = settings
        self._paths: dict[int, str] = {}
        self._builders: dict[int, RecordBuilder] = {}
        for resource in catalogue.resources.values():
            if (level := resource.level) is not None:
                path = self._paths[level] = resource.endpoints[settings.api_version]
                self._builders[level] = RecordBuilder(path, resource.fields_for(settings.api_version))

    def read(self, job: Job) -> CountryChanges:
        """Find out what changed in a country since its bookmarks.

        Raises:
            DtmError: A request failed, an answer cannot be trusted, or the country has become empty.
        """
        for _ in range(_ATTEMPTS):
            index = {} if job.is_gone else self._index(job)
            levels = {level: self._level(job, level, index) for level in sorted(job.bookmarks)}
            # A level that contradicts the index may have been published between the two requests.
            if not any(level.disagreements for level in levels.values()) or self._index(job) == index:
                _report(job, levels)
                return CountryChanges(job, levels)
        raise DtmAnswerError(
            f"{job.name} ({job.code}) changed each time while it was being read: DTM is publishing. "
            "Nothing was taken; the next run asks again."
        )

    def _index(self, job: Job) -> dict[str, list[Row]]:
        """Ask for the index; an operation that is listed, and that admin 0 does not show, has no rows in it."""
        delivered = sum(mark.rows for marks in job.bookmarks.values() for mark in marks.values() if not mark.unindexed)
        rows = self._fetch_country(job, INDEX_LEVEL, delivered)
        unshown = job.listed - {row["operation"] for row in rows}
        if self._settings.operations is not None:
            unshown &= self._settings.operations
        return {name: [] for name in sorted(unshown)} | rounds.by_operation(self._wanted(rows))

    def _level(self, job: Job, level: int, index: dict[str, list[Row]]) -> LevelChanges:
        bookmarks = job.bookmarks[level]
        if level == INDEX_LEVEL or job.is_gone:
            return self._settle(job, level, index, index)
        if level in job.whole:
            return self._read_whole(job, level, index)
        # What was listed without rows, and is listed no more, is forgotten: should it come back, it is looked for.
        bookmarks = {name: mark for name, mark in bookmarks.items() if name in index or mark != rounds.LISTED}
        operations = sorted(index.keys() | bookmarks.keys())
        needs = {name: rounds.need(index.get(name, []), bookmarks.get(name)) for name in operations}
        asked = {name: need for name, need in needs.items() if need}
        # Wanting everything of everything, one unfiltered answer is cheaper and surer.
        if Need.COUNTRY in asked.values() or (asked and set(needs.values()) == {Need.OPERATION}):
            return self._read_whole(job, level, index)
        changes = LevelChanges(bookmarks=dict(bookmarks))
        for name, need in asked.items():
            delivery = self._read_operation(job, level, name, need, index.get(name, []))
            if delivery is None:
                return self._read_whole(job, level, index)
            changes.add(delivery)
        return changes

    def _read_operation(self, job: Job, level: int, operation: str, need: Need, index: list[Row]) -> Delivery | None:
        """Ask for one operation; None when the answer cannot be trusted.

        The API does not document how its filters match: rows of other operations are dropped, and the rest
        must add up to the index, or be what was delivered before where the index knows nothing of it.
        """
        bookmark = job.bookmarks[level].get(operation)
        since = self._settings.start_date
        if need is Need.NEW_ROUNDS and bookmark:
            index_new = rounds.newer_than(index, bookmark.round_key)
            since = index_new[0]["reporting_date"]
        try:
            fetched = self._fetch(level, job.code, operation, since)
        except DtmRequestError as error:
            _logger.info("%s Asking for the whole country instead.", error)
            return None
        rows = rounds.by_operation(self._wanted(fetched)).get(operation, [])
        if need is Need.NEW_ROUNDS and bookmark:
            rows = rounds.newer_than(rows, bookmark.round_key)
            if rounds.disagreements(index_new, rows):
                return None
            return rounds.extend(operation, index, rows, bookmark)
        if bookmark and bookmark.unindexed:
            is_trusted = rounds.chain(rounds.NOTHING, rows) == bookmark.content
        else:
            is_trusted = not rounds.disagreements(index, rows)
        return rounds.replace(operation, index, rows, bookmark) if is_trusted else None

    def _read_whole(self, job: Job, level: int, index: dict[str, list[Row]]) -> LevelChanges:
        delivered = sum(bookmark.rows for bookmark in job.bookmarks[level].values())
        rows = rounds.by_operation(self._wanted(self._fetch_country(job, level, delivered)))
        changes = self._settle(job, level, index, rows)
        for delivery in changes.deliveries:
            name = delivery.operation
            if delivery.change is not Change.UNCHANGED:
                for found in rounds.disagreements(index.get(name, []), rows.get(name, [])):
                    if found.level_sum is not None:  # a round that the level lacks is normal
                        changes.disagreements.append((name, found))
        return changes

    def _settle(
        self, job: Job, level: int, index: Mapping[str, list[Row]], rows: Mapping[str, list[Row]]
    ) -> LevelChanges:
        """Compare all that a level has with all that was delivered of it."""
        bookmarks = job.bookmarks[level]
        changes = LevelChanges()
        for name in sorted(index.keys() | rows.keys() | bookmarks.keys()):
            changes.add(
                rounds.replace(
                    name,
                    index.get(name),
                    rows.get(name, []),
                    bookmarks.get(name),
                    emit_all=level in job.full,
                )
            )
        return changes

    def _fetch_country(self, job: Job, level: int, delivered: int) -> list[Row]:
        """Ask for all that a country has at a level.

        Nothing at all is an answer, but not after rows were delivered: it takes the operator's word that DTM has
        withdrawn them.
        """
        rows: list[Row] = []
        reason = "no rows"
        is_accepted = job.code in self._settings.accept_withdrawn_countries
        try:
            rows = self._fetch(level, job.code)
        except DtmUnknownError as error:
            # Below the index, a country without such areas may well be unknown.
            if level == INDEX_LEVEL and not delivered and not is_accepted:
                raise
            reason = str(error)
        if not rows and delivered and not is_accepted:
            raise DtmWithdrawnError(
                f"{job.name} ({job.code}) answers with nothing at all at admin {level} ({reason}), although "
                f"{delivered} rows were delivered before: they are kept. If DTM has withdrawn them for good, add "
                f"{job.code} to accept_withdrawn_countries."
            )
        return rows

    def _fetch(self, level: int, country: str, operation: str | None = None, since: str | None = None) -> list[Row]:
        params = {"Admin0Pcode": country}
        if operation is not None:
            params["Operation"] = operation
            params |= {"FromReportingDate": since} if since else {}
            params |= {"ToReportingDate": self._settings.end_date} if self._settings.end_date else {}
        answer = self._client.get(self._paths[level], params)
        return self._builders[level].build(answer.rows, country)

    def _wanted(self, rows: list[Row]) -> list[Row]:
        """Apply the settings' filters, here and not in the API: what it would match is not documented."""
        operations = self._settings.operations
        first, last = self._settings.start_date or "", self._settings.end_date or "9999-12-31"
        return [
            row
            for row in rows
            if first <= row["reporting_date"] <= last and (operations is None or row["operation"] in operations)
        ]


def _report(job: Job, levels: Mapping[int, LevelChanges]) -> None:
    """Warn of what does not add up, and was delivered as published."""
    for number, level in levels.items():
        for operation, found in level.disagreements:
            date, round_number, assessment_type = found.round_key
            _logger.warning(
                "%s (%s), %s, round %s (%s, %s): admin %d adds up to %d, admin 0 %s. Delivered as published.",
                job.name,
                job.code,
                operation,
                round_number,
                date,
                assessment_type,
                number,
                found.level_sum,
                "does not list the round" if found.index_sum is None else f"says {found.index_sum}",
            )
