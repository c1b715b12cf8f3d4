"""The streams that deliver country by country: what they share, and the figures of one admin level."""

from __future__ import annotations

import logging
from abc import abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any

from singer_sdk.mapper import SameRecordTransform
from singer_sdk.metrics import Counter, Metric, Tag, Timer
from typing_extensions import override

from tap_dtm.api.rows import as_dict
from tap_dtm.exact.bookmarks import LevelBookmark
from tap_dtm.exact.rounds import fingerprint
from tap_dtm.singer.base import FULL_TABLE, DtmStream
from tap_dtm.singer.output import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_sdk.helpers.types import Context, Record

    from tap_dtm.exact.country import CountryChanges
    from tap_dtm.exact.rounds import Delivery


class _RunCounter(Counter):
    """Counts over all countries of a run, where the SDK would report each of them."""

    @override
    def exit(self) -> None:
        """Go on counting."""

    def report(self) -> None:
        self.with_context(None)
        super().exit()


class _SilentTimer(Timer):
    @override
    def __exit__(self, *_: object) -> None:
        """Report nothing."""


class CountryStream(DtmStream):
    """A child of the country list: it delivers for each country that is read, when its turn comes."""

    _is_announced = False

    @cached_property
    def _counter(self) -> _RunCounter:
        return _RunCounter(Metric.RECORD_COUNT, {Tag.STREAM: self.name})

    @override
    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Log at DEBUG what the SDK says of every country: the run has its own line for each."""
        super().log(message, *args, level=logging.DEBUG if level == logging.INFO else level, **kwargs)

    @override
    def get_record_counter(self, **_: Any) -> Counter:
        """Return the one counter of this stream."""
        return self._counter

    @override
    def get_sync_timer(self) -> Timer:
        """Return a timer that says nothing: one country's time is mostly that of reading ahead."""
        return _SilentTimer(Metric.SYNC_DURATION)

    @override
    def log_sync_costs(self) -> None:
        """Report the record count, once for all countries."""
        self._counter.report()

    @property
    @override
    def is_complete(self) -> bool:
        """Whether no country failed, either."""
        return super().is_complete and not self.schedule.failures

    def write_schema(self) -> None:
        """Write the SCHEMA message of a selected stream ahead, because the next STATE announces rows of all streams."""
        if self.selected:
            self._write_schema_message()

    @override
    def _write_schema_message(self) -> None:
        """Write it once, and not for every country: targets hold what they have collected against it."""
        if not self._is_announced:
            self._is_announced = True
            super()._write_schema_message()

    @override
    def _write_state_message(self) -> None:
        """Write none: a STATE is whole, and the schedule writes one for many countries and streams."""


class LevelStream(CountryStream):
    """What a run finds at one admin level, as far as the bookmarks of this stream do not have it."""

    is_sent_again = True
    """Whether a scrub may send rows again that have not changed, so that a table that somebody changed is put right."""

    @property
    def level(self) -> int:
        """The number of the admin level."""
        return self.resource.level or 0

    @property
    def bookmark(self) -> LevelBookmark:
        """What the state says of the level."""
        return LevelBookmark(self.stream_state)

    def needs_everything(self, code: str) -> bool:
        """Whether a country must be read and emitted whole, whatever its bookmarks say.

        So it is the first time, and after a change of what shapes the records other than the API.
        """
        return self.bookmark.shape(code) != self._shape

    @cached_property
    def _shape(self) -> str:
        settings = self.schedule.settings
        fields = [field.name for field in self.resource.fields_for(settings.api_version)]
        return fingerprint(
            [name for name in fields if self.mask["properties", name]],
            [settings.start_date, settings.end_date, sorted(settings.operations or ())],
            self._tap.maps,  # type: ignore[attr-defined]
        )

    @override
    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Yield what changed in the country of the context, then move its bookmarks."""
        code = (context or {})["admin0_pcode"]
        changes = self.schedule.changes(code)
        if changes is None:
            return
        self.begin(code, changes)
        level, job = changes.levels[self.level][self.name], changes.job
        for delivery in level.deliveries:
            marks = self.marks(delivery)
            if self._is_plain:
                self._tap.message_writer.write_rows(self.name, delivery.rows, delivery.first, marks)  # type: ignore[attr-defined]
                self._counter.increment(len(delivery.rows))
            else:
                for position, row in enumerate(delivery.rows, start=delivery.first):
                    yield as_dict(row) | {"row_number": position} | marks
            for what_is_gone in self.gone(delivery):
                key = {"admin0_pcode": code, "operation": delivery.operation} | what_is_gone
                yield self.tombstone(**(marks | key))
        run = self.schedule.run if self.level in job.whole else None
        self.bookmark.move(code, job.levels[self.level][self.name], level, shape=self._shape, run=run)

    @abstractmethod
    def begin(self, code: str, changes: CountryChanges) -> None:
        """Prepare for the rows of a country."""

    def marks(self, delivery: Delivery) -> Record:  # noqa: ARG002
        """Return what every row of a delivery has in addition to what the API says, but for its position."""
        return self.marks_of_live_rows

    @abstractmethod
    def gone(self, delivery: Delivery) -> Iterator[Record]:
        """Yield what tombstones say of what an operation no longer has."""

    @cached_property
    def _is_plain(self) -> bool:
        """Whether rows arrive as they are: the SDK has nothing to do with them, and nothing to count."""
        return (
            isinstance(self._tap.message_writer, Writer)
            and all(type(each) is SameRecordTransform and not each.flattening_enabled for each in self.stream_maps)
            and all(self.mask["properties", name] for name in self.schema["properties"])
            and not (self.is_full_table or self.get_batch_config(self.config) or self.ABORT_AT_RECORD_COUNT)
        )

    @property
    def is_full_table(self) -> bool:
        """Whether the catalog asks for FULL_TABLE: every run reads and emits everything."""
        return self.replication_method == FULL_TABLE


class IdpStream(LevelStream):
    """The IDP figures of one admin level: what the API serves, and what it no longer serves, marked as deleted."""

    @cached_property
    def _codes_delivered(self) -> set[str]:
        return set()

    @override
    def needs_everything(self, code: str) -> bool:
        """Whether a country must be read and emitted whole: for FULL_TABLE, too."""
        return self.is_full_table or super().needs_everything(code)

    @property
    @override
    def left_out(self) -> set[str]:
        """The countries that were not delivered."""
        return self.bookmark.codes_with_rows - self._codes_delivered

    @override
    def begin(self, code: str, changes: CountryChanges) -> None:
        """Remember that the country was delivered."""
        self._codes_delivered.add(code)

    @override
    def gone(self, delivery: Delivery) -> Iterator[Record]:
        """Yield the positions that are no longer taken."""
        return ({"row_number": position} for position in delivery.tombstones)
