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
from singer_sdk.singerlib import StateMessage
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE, Metadata
from typing_extensions import override

from tap_dtm.errors import DtmError
from tap_dtm.exact.bookmarks import ListBookmark
from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.singer_schema import singer_schema
from tap_dtm.singer.output import DELETED_AT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.singerlib import Catalog, MetadataMapping

    from tap_dtm.exact.bookmarks import Key
    from tap_dtm.singer.schedule import Schedule

FULL_TABLE: Final = REPLICATION_FULL_TABLE


class DtmStream(Stream):
    """A stream that the catalogue describes under its name."""

    # Records are built from the catalogue's types, and checked while they are.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE
    marks_of_live_rows: ClassVar[Record] = {DELETED_AT: None}
    """What the marks are in every row that is not gone, as far as they are always the same."""

    def __init__(self, name: str, tap: Tap, api_version: str, schedule: Callable[[], Schedule]) -> None:
        """Declare a stream of a tap; the run begins only when something asks for it."""
        self.resource = load_catalogue().resources[name]
        self.api_version = api_version
        super().__init__(tap, singer_schema(self.resource, api_version), name)
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
            DtmError: The catalog was made for another API version, lacks what identifies the rows, or asks for a full
                refresh, with which targets replace what they have, of what cannot be read again.
        """
        if entry := catalog.get_stream(self.name):
            fields = set(entry.schema.properties or ())
            unknown = fields - set(self.schema["properties"])
            if unknown:
                raise DtmError(
                    f"The catalog has fields in {self.name} that API {self.api_version} does not serve "
                    f"({', '.join(sorted(unknown))}): make a catalog for this api_version with --discover."
                )
            missing = self.fixed - fields
            if missing:
                raise DtmError(
                    f"The catalog lacks fields of {self.name} without which the tables would be wrong "
                    f"({', '.join(sorted(missing))}): make a catalog with --discover."
                )
            entry.key_properties = list(self.resource.key)
            entry.replication_key = self.resource.replication_key
        super().apply_catalog(catalog)
        if self.selected and self.resource.keeps_the_past and self.replication_method == FULL_TABLE:
            raise DtmError(
                f"The catalog asks for {self.name} with FULL_TABLE, and what was true in the past cannot be read "
                "again: choose INCREMENTAL, or leave the replication method out."
            )

    @property
    @override
    def metadata(self) -> MetadataMapping:
        """The metadata of the catalog, in which what says which rows count cannot be deselected."""
        metadata = super().metadata
        if metadata:
            for name in self.resource.marks:
                metadata.setdefault(("properties", name), Metadata()).inclusion = Metadata.InclusionType.AUTOMATIC
        return metadata

    @property
    def fixed(self) -> set[str]:
        """The columns without which the tables would be wrong, so that they arrive as they are."""
        return {*self.resource.key, *self.resource.marks}

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
        rows = {tuple(row[name] for name in self.resource.key): row for row in self.schedule.lists.rows(self.name)}
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
            yield row | self.marks_of_live_rows
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
