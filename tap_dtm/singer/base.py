"""What all streams share: schemas from the catalogue, and the state that makes them exact."""

from __future__ import annotations

import datetime as dt
import logging
import math
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec
from singer_sdk import Stream
from singer_sdk.exceptions import AbortedSyncFailedException, AbortedSyncPausedException
from singer_sdk.helpers._catalog import pop_deselected_record_properties
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.metrics import Counter, Metric, Tag, Timer
from singer_sdk.singerlib import StateMessage
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE, Metadata
from typing_extensions import override

from tap_dtm.api.rows import as_dict
from tap_dtm.errors import DtmError
from tap_dtm.exact.bookmarks import LevelBookmark, ListBookmark
from tap_dtm.exact.rounds import fingerprint
from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.singer_schema import singer_schema
from tap_dtm.singer.output import DELETED_AT, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.singerlib import Catalog, MetadataMapping

    from tap_dtm.api.records import Entry
    from tap_dtm.exact.bookmarks import Key
    from tap_dtm.singer.schedule import Schedule

FULL_TABLE: Final = REPLICATION_FULL_TABLE


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


class DtmStream(Stream):
    """A stream that the catalogue describes under the stream's name."""

    # Records are built from the catalogue's types, and checked while they are.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    def __init__(self, tap: Tap, api_version: str, schedule: Callable[[], Schedule]) -> None:
        """Declare the stream of a tap; the run begins only when something asks for it."""
        self.resource = load_catalogue().resources[self.name]
        self.api_version = api_version
        super().__init__(tap, schema=singer_schema(self.resource, api_version))
        self.primary_keys = self.resource.key
        self.replication_key = self.resource.replication_key
        self.selected_by_default = self.resource.selected_by_default
        self._schedule = schedule
        self._pending_version: int | None = None
        self._is_read = False

    @override
    def apply_catalog(self, catalog: Catalog) -> None:
        """Take selections and replication methods from a catalog; keys are not for it to choose.

        Raises:
            DtmError: The catalog was made for another API version, or lacks what identifies the rows.
        """
        if entry := catalog.get_stream(self.name):
            fields = set(entry.schema.properties or ())
            unknown = fields - set(self.schema["properties"])
            if unknown:
                raise DtmError(
                    f"The catalog has fields in {self.name} that API {self.api_version} does not serve "
                    f"({', '.join(sorted(unknown))}): make a catalog for this api_version with --discover."
                )
            missing = {*self.resource.key, DELETED_AT} - fields
            if missing:
                raise DtmError(
                    f"The catalog lacks fields of {self.name} without which the tables would be wrong "
                    f"({', '.join(sorted(missing))}): make a catalog with --discover."
                )
            entry.key_properties = list(self.resource.key)
            entry.replication_key = self.resource.replication_key
        super().apply_catalog(catalog)

    @property
    @override
    def metadata(self) -> MetadataMapping:
        """The metadata of the catalog, in which the mark of deleted rows cannot be deselected."""
        metadata = super().metadata
        if metadata:
            mark = metadata.setdefault(("properties", DELETED_AT), Metadata())
            mark.inclusion = Metadata.InclusionType.AUTOMATIC
        return metadata

    @override
    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Log a message, but for the SDK's line on an error that is foreseen: the last line of the log says it."""
        if not isinstance(sys.exc_info()[1], (DtmError, AbortedSyncFailedException, AbortedSyncPausedException)):
            super().log(message, *args, level=level, **kwargs)

    @property
    def schedule(self) -> Schedule:
        """The run that all streams are part of."""
        return self._schedule()

    def tombstone(self, **key: Any) -> Record:  # noqa: ANN401
        """Return a record that says that the row of this key is gone: every measure null, so sums stay right."""
        deleted_at = dt.datetime.fromtimestamp(self._tap.initialized_at / 1000, tz=dt.timezone.utc)
        return dict.fromkeys(self.schema["properties"]) | key | {DELETED_AT: deleted_at.isoformat()}

    @property
    def is_complete(self) -> bool:
        """Whether the run has delivered all that there was to deliver."""
        return self._is_read

    @override
    def finalize_state_progress_markers(self, state: dict[str, Any] | None = None) -> None:
        """Note that the stream has been read to its end: the SDK says so nowhere else."""
        super().finalize_state_progress_markers(state)
        self._is_read = True

    def selected_part(self, record: Record) -> Record:
        """Return what the catalog selects of a record, before it is mapped."""
        record = dict(record)
        pop_deselected_record_properties(record, self.schema, self.mask)
        return record

    def write_state(self) -> int:
        """Write a STATE message, unless nothing has changed since the last one; return the size of the state in bytes.

        The SDK would copy the state each time, which takes longer than all else that a small country needs.
        """
        written = msgspec.json.encode(self.tap_state)
        if written != self._tap.written_state:  # type: ignore[attr-defined]
            self._tap.written_state = written  # type: ignore[attr-defined]
            self._tap.write_message(StateMessage(self.tap_state))
        self.state_manager.is_flushed = True
        return len(written)

    @override
    def _write_state_message(self) -> None:
        """Write a STATE message if something has been sent since the last one."""
        if not self.state_manager.is_flushed:
            self.write_state()

    @override
    def _increment_stream_state(self, latest_record: Record, *, context: Context | None = None) -> None:
        """Leave the state alone: bookmarks are whole rounds, not records, and tombstones have no date."""

    @override
    def _write_starting_replication_value(self, context: Context | None) -> None:
        """Write none: a date is not where this stream resumes."""

    @override
    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """Return none: rounds may be dated in the future of any clock."""

    @override
    def _write_activate_version_message(self, full_table_version: int) -> None:
        """Wait for the end of the run: targets remove old rows at once, and a country may still fail."""
        self._pending_version = full_table_version

    @property
    def left_out(self) -> set[str]:
        """The countries that this run leaves out, although the target has rows of theirs."""
        return set()

    def activate_version(self) -> None:
        """Write the ACTIVATE_VERSION message that was waiting, unless it would remove rows of countries left out."""
        if self._pending_version is None:
            return
        if self.left_out:
            left_out = ", ".join(sorted(self.left_out))
            self.logger.info("No ACTIVATE_VERSION: the rows of %s, left out, are to stay.", left_out)
            return
        super()._write_activate_version_message(self._pending_version)
        self._pending_version = None


class ListStream(DtmStream):
    """One of the API's two lists, always complete: settings do not filter it.

    The state counts the runs and holds the keys that were delivered, so that an entry that leaves the list is
    tombstoned; and the keys that were tombstoned, for targets that were changed behind the tap's back.
    """

    is_long = False
    """Whether the state holds the keys packed."""

    @override
    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Yield the list, then tombstones for what has left it."""
        rows = {self._key(row): row for row in self.schedule.lists.rows(self.name)}
        gone = {key: self.may_remove(key) for key in self.known_keys if key not in rows}
        is_whole = self.schedule.lists.is_whole(self.name)
        removed = [key for key, may_remove in gone.items() if is_whole and may_remove]
        kept = gone.keys() - set(removed)
        long_gone = [key for key in self.bookmark.gone if key not in rows and key not in gone]
        self.bookmark.runs = self.run
        # A list may be read only for what hangs on it: then nothing is sent, and the state goes on saying what was.
        if self.selected:
            self.bookmark.announce([*rows, *gone])
            self.write_state()
        for row in rows.values():
            yield row | {DELETED_AT: None}
        for key in removed + (long_gone if self.resends else []):
            yield self.tombstone(**dict(zip(self.resource.key, key, strict=True)))
        if self.selected:
            self.bookmark.move([*rows, *kept], [*long_gone, *removed])

    @property
    def bookmark(self) -> ListBookmark:
        """What the state says of the list."""
        return ListBookmark(self.stream_state, is_long=self.is_long)

    @property
    @override
    def is_complete(self) -> bool:
        """Whether every row of the list was read, too."""
        return super().is_complete and self.schedule.lists.is_whole(self.name)

    @cached_property
    def run(self) -> int:
        """The number of this run, counted from 1 over all runs that read the list."""
        return self.bookmark.runs + 1

    @property
    def resends(self) -> bool:
        """Whether this run sends all tombstones again, as it does for the rows of other countries."""
        settings = self.schedule.settings
        is_turn = bool(settings.scrub_fraction) and self.run % math.ceil(1 / settings.scrub_fraction) == 0
        return (settings.scrub_resends and is_turn) or self._tap.sends_everything  # type: ignore[attr-defined]

    @property
    def known_keys(self) -> list[Key]:
        """The keys that may be in the target."""
        return self.bookmark.keys

    def may_remove(self, key: Key) -> bool:  # noqa: ARG002
        """Whether an entry that has left the list is tombstoned."""
        return True

    def _key(self, row: Entry) -> Key:
        return tuple(row[name] for name in self.resource.key)


class IdpStream(DtmStream):
    """The IDP figures of one admin level, country by country: a child of the country list."""

    level: ClassVar[int]

    def __init__(self, tap: Tap, api_version: str, schedule: Callable[[], Schedule]) -> None:  # noqa: D107
        super().__init__(tap, api_version, schedule)
        self._counter = _RunCounter(Metric.RECORD_COUNT, {Tag.STREAM: self.name})
        self._codes_delivered: set[str] = set()
        self._is_announced = False

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
    def bookmark(self) -> LevelBookmark:
        """What the state says of the level."""
        return LevelBookmark(self.stream_state)

    def needs_everything(self, code: str) -> bool:
        """Whether a country must be read and emitted whole, whatever its bookmarks say.

        So it is the first time, after a change of what shapes the records other than the API, and for FULL_TABLE.
        """
        return self.is_full_table or self.bookmark.shape(code) != self._shape

    @cached_property
    def _shape(self) -> str:
        settings = self.schedule.settings
        fields = [field.name for field in self.resource.fields_for(settings.api_version)]
        return fingerprint(
            [name for name in fields if self.mask["properties", name]],
            [settings.start_date, settings.end_date, sorted(settings.operations or ())],
            self._tap.maps,  # type: ignore[attr-defined]
        )

    @property
    @override
    def is_complete(self) -> bool:
        """Whether no country failed, either."""
        return super().is_complete and not self.schedule.failures

    @property
    def is_full_table(self) -> bool:
        """Whether the catalog asks for FULL_TABLE: every run reads and emits everything."""
        return self.replication_method == FULL_TABLE

    @property
    @override
    def left_out(self) -> set[str]:
        """The countries that were not delivered."""
        return self.bookmark.codes_with_rows - self._codes_delivered

    @override
    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Yield what changed in the country of the context, then move its bookmarks."""
        code = (context or {})["admin0_pcode"]
        changes = self.schedule.changes(code)
        if changes is None:
            return
        self._codes_delivered.add(code)
        level, job = changes.levels[self.level], changes.job
        for delivery in level.deliveries:
            if self._is_plain:
                self._tap.message_writer.write_rows(self.name, delivery.rows, delivery.first)  # type: ignore[attr-defined]
                self._counter.increment(len(delivery.rows))
            else:
                for position, row in enumerate(delivery.rows, start=delivery.first):
                    yield as_dict(row) | {"row_number": position, DELETED_AT: None}
            for position in delivery.tombstones:
                yield self.tombstone(admin0_pcode=code, operation=delivery.operation, row_number=position)
        run = self.schedule.run if self.level in job.whole else None
        self.bookmark.move(code, job.levels[self.level], level, shape=self._shape, run=run)

    @cached_property
    def _is_plain(self) -> bool:
        """Whether rows arrive as they are: the SDK has nothing to do with them, and nothing to count."""
        return (
            isinstance(self._tap.message_writer, Writer)
            and all(type(each) is SameRecordTransform and not each.flattening_enabled for each in self.stream_maps)
            and all(self.mask["properties", name] for name in self.schema["properties"])
            and not (self.is_full_table or self.get_batch_config(self.config) or self.ABORT_AT_RECORD_COUNT)
        )

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
