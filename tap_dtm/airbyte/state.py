"""The tap's bookmarks in Airbyte's wrapping: one state for each stream instead of one for all. Pure functions.

The state of a stream is what stands under its name in the Singer state's ``bookmarks``, and beside it the time of the
sync. The country list's own bookmark also steers the run: which countries are due to be re-read whole. Airbyte keeps
no state of a stream that is not synced incrementally, so then it travels with the other streams' states.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_dtm.airbyte.catalog import ConfiguredStream

    StreamStates = dict[str, dict[str, Any]]

LIST: Final = "countries"
_SYNCED_AT: Final = "synced_at"
_TICK: Final = dt.timedelta(milliseconds=1)  # the coarsest that a destination keeps


def stream_states(content: Any) -> StreamStates:  # noqa: ANN401
    """Return the states by stream from the content of a state file.

    Takes STREAM, GLOBAL and LEGACY states, a list or a single one, also as whole STATE messages; and Singer's state.

    Raises:
        DtmError: It is none of these.
    """
    try:
        return {
            name: dict(state)
            for each in (content if isinstance(content, list) else [content])
            for name, state in _of_message(each)
            if state
        }
    except (AttributeError, KeyError, TypeError, ValueError):
        raise DtmError("The state cannot be read: it is none of Airbyte's. Restore it, or clear the streams.") from None


def _of_message(message: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    message = message.get("state") or message
    if stream := message.get("stream"):
        streams = [stream]
    elif shared := message.get("global"):
        streams = shared["stream_states"]
    else:
        legacy = message.get("data") or message
        yield from legacy.get("bookmarks", legacy).items()
        return
    for each in streams:
        yield each["stream_descriptor"]["name"], each.get("stream_state") or {}


def next_stamp(states: StreamStates, now: dt.datetime) -> str:
    """Return the time of this sync, later than that of any before.

    Raises:
        DtmError: A state has a time that is none.
    """
    try:
        before = [dt.datetime.fromisoformat(state[_SYNCED_AT]) for state in states.values() if _SYNCED_AT in state]
        return max([now, *(time + _TICK for time in before)]).isoformat(timespec="milliseconds")
    except (TypeError, ValueError):
        raise DtmError(
            f"The state cannot be read: {_SYNCED_AT} is not a time. Restore it, or clear the streams."
        ) from None


def singer_state(states: StreamStates, streams: Mapping[str, ConfiguredStream]) -> dict[str, Any]:
    """Return the tap's state for a run: nothing for a full refresh, which starts from nothing."""
    known = {name: states[name] for name in states if name in streams and streams[name].is_incremental}
    bookmarks = {
        name: {key: value for key, value in state.items() if key not in {_SYNCED_AT, LIST}}
        for name, state in known.items()
    }
    # The streams' states are kept one by one; going on from the oldest re-reads a country too many at most.
    carried = [state[LIST] for state in known.values() if LIST in state] or [states.get(LIST, {})]
    bookmarks.setdefault(LIST, min(carried, key=lambda state: state.get("runs", 0)))
    return {"bookmarks": bookmarks}


def stream_state(
    bookmarks: Mapping[str, Any], stream: str, streams: Mapping[str, ConfiguredStream], stamp: str
) -> dict[str, Any]:
    """Return the state of one stream."""
    state = {**bookmarks.get(stream, {}), _SYNCED_AT: stamp}
    if stream != LIST and not (LIST in streams and streams[LIST].is_incremental) and LIST in bookmarks:
        state[LIST] = bookmarks[LIST]
    return state
