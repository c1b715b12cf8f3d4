"""The country list as the parent of the IDP streams: it iterates the schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from tap_dtm.errors import DtmError
from tap_dtm.singer.base import ListStream
from tap_dtm.singer.figures import CountryStream, LevelStream
from tap_dtm.singer.history import HistoryStream, RunStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_sdk.helpers.types import Context, Record

    from tap_dtm.exact.bookmarks import Key


class CountryListStream(ListStream):
    """The list of countries; for each of them the selected IDP streams deliver before the next one's turn.

    In addition to the keys, its state holds the API version, and the number of the state's form.
    """

    @override
    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Yield the list, while the countries of it are read ahead.

        Raises:
            DtmError: The state is that of another API version, or the settings name what DTM does not have.
        """
        if self.bookmark.api_version == "v3" and self.api_version == "v2":
            # Targets would keep reason, sex and origin next to other rows' figures.
            raise DtmError(
                "The state is that of tables loaded with api_version v3, and v2 has other rows and fewer columns. "
                "Load v2 into tables of its own with a state of its own, or empty the tables and start without state."
            )
        read_whole = self.bookmark.pop_read_whole()
        for stream in self._level_streams:
            stream.bookmark.inherit_read_whole(read_whole)
        self.schedule.begin(
            self.run,
            self._level_streams,
            self.known_keys,
            self.bookmark.gone,
            listed_before=self.bookmark.keys,
            resends=self.resends,
            write_state=self.write_state,
        )
        self.bookmark.stamp(self.api_version)
        self._note_time()
        for child in self._country_streams:
            child.write_schema()
        yield from super().get_records(context)
        self.write_state()  # the SDK writes one only where rows of this list were sent

    def _note_time(self) -> None:
        """Note the time of the run in the state, before any row has it."""
        times: set[str] = set()
        for level in self._level_streams:
            if isinstance(level, HistoryStream):
                times |= level.bookmark.times
                level.has_begun = bool(level.bookmark.times)
        for child in self._country_streams:
            if isinstance(child, RunStream) and child.selected:
                self.schedule.observed_at = child.announce(times)
                if not self.selected:  # otherwise the STATE that announces the list says it
                    self.write_state()

    @override
    def generate_child_contexts(self, record: Record, context: Context | None) -> Iterator[Context]:
        """Yield the context of a country that is read in this run."""
        if record["admin0_pcode"] in self.schedule.codes:
            yield {"admin0_pcode": record["admin0_pcode"]}

    @property
    @override
    def known_keys(self) -> list[Key]:
        """The countries that were listed, and those that have rows all the same."""
        with_rows = ((code,) for stream in self._level_streams for code in stream.bookmark.codes_with_rows)
        return sorted({*super().known_keys, *with_rows})

    @override
    def may_remove(self, key: Key) -> bool:
        """Whether a country that has left the list is tombstoned."""
        return self.schedule.may_remove(key[0], self._level_streams)

    @property
    def _country_streams(self) -> list[CountryStream]:
        return [stream for stream in self.child_streams if isinstance(stream, CountryStream)]

    @property
    def _level_streams(self) -> list[LevelStream]:
        """Those that are selected, or of which the state knows."""
        levels = (stream for stream in self._country_streams if isinstance(stream, LevelStream))
        known = self.tap_state.get("bookmarks", {})
        return [stream for stream in levels if stream.selected or stream.name in known]


CountryStream.parent_stream_type = CountryListStream
