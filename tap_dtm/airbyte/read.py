"""``read``: one run of the tap, whose messages are translated as they arrive."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
from typing_extensions import override

from tap_dtm.airbyte import messages
from tap_dtm.airbyte.catalog import CURSOR, DELETED, configured_streams, singer_catalog
from tap_dtm.airbyte.state import next_stamp, singer_state, stream_state, stream_states
from tap_dtm.errors import DtmOutputError
from tap_dtm.exact.bookmarks import after_full_refresh
from tap_dtm.settings import checked_api_version
from tap_dtm.singer.hosted import HostedTap, Receiver
from tap_dtm.singer.output import DELETED_AT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_dtm.airbyte.catalog import ConfiguredStream
    from tap_dtm.airbyte.output import Output
    from tap_dtm.airbyte.state import StreamStates


class Translator(Receiver):
    """Writes Singer messages as Airbyte's. ``states`` are those before this sync."""

    def __init__(self, output: Output, streams: Mapping[str, ConfiguredStream], states: StreamStates) -> None:  # noqa: D107
        super().__init__()
        self._output = output
        self._streams = streams
        self._before = states
        self._stamp = next_stamp(states, messages.now())
        self._counts: Counter[str] = Counter()
        self._states: dict[str, bytes] = {}
        self._running: set[str] = set()

    def start(self) -> None:
        """Announce the streams."""
        for name in self._streams:
            self._output.write(messages.stream_status(name, "STARTED"))

    @override
    def state(self, bookmarks: Mapping[str, Any]) -> None:
        """Send each stream's share of the bookmarks."""
        for name, stream in self._streams.items():
            if stream.is_incremental:
                self._state(name, bookmarks)

    @override
    def record(self, stream: str, row: Mapping[str, Any]) -> None:
        """Send a record."""
        data = {**row, CURSOR: self._stamp}
        if DELETED_AT in data:
            data[DELETED] = data.pop(DELETED_AT)
        if data.get(DELETED) and not self._streams[stream].is_incremental:
            return  # in tables that are replaced, or that keep every snapshot, a tombstone would be an empty row
        self._run(stream)
        self._output.write(messages.record(stream, data))
        self._counts[stream] += 1

    def finish(self, tap: HostedTap | None) -> None:
        """Report how each stream ended. A full refresh gets its only state here, when its rows are complete."""
        for name in self._streams:
            if tap and tap.streams[name].is_complete:  # type: ignore[attr-defined]
                bookmarks = dict(tap.state["bookmarks"])
                if not self._streams[name].is_incremental:
                    bookmarks[name] = after_full_refresh(self._before.get(name, {}), bookmarks[name])
                self._state(name, bookmarks)
                self._output.write(messages.stream_status(name, "COMPLETE"))
            else:
                self._output.write(messages.stream_status(name, "INCOMPLETE"))

    def _state(self, name: str, bookmarks: Mapping[str, Any]) -> None:
        content = stream_state(bookmarks, name, self._streams, self._stamp)
        if (text := msgspec.json.encode(content)) != self._states.get(name):
            self._states[name] = text
            self._run(name)
            self._output.write(messages.state(name, content, self._counts.pop(name, 0)))

    def _run(self, name: str) -> None:
        if name not in self._running:
            self._running.add(name)
            self._output.write(messages.stream_status(name, "RUNNING"))


def read(output: Output, config: dict[str, Any], catalog: Mapping[str, Any], state: Any) -> None:  # noqa: ANN401
    """Read the streams of a ConfiguredAirbyteCatalog, from the content of a state file.

    Raises:
        DtmError: The sync failed; the streams that are not complete are reported as incomplete.
        Stopped: A signal arrived.
    """
    version = checked_api_version(config)
    streams = configured_streams(catalog, version)
    states = stream_states(state)
    translator = Translator(output, streams, states)
    tap: HostedTap | None = None
    try:
        translator.start()
        tap = HostedTap(
            config=config,
            catalog=singer_catalog(streams, version),
            state=singer_state(states, streams),
            message_writer=translator,
        )
        tap.sync_all()
    except (DtmOutputError, OSError):
        raise  # nobody reads how the streams ended
    except BaseException:
        translator.finish(tap)
        raise
    translator.finish(tap)
