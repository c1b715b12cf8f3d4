"""The tap's bookmarks as Airbyte's states: one for each stream instead of one for all. Pure functions.

The state of a stream is its entry in the Singer state's ``bookmarks``, together with the time of the sync. The bookmark
of the country list also controls which countries are re-read whole. Airbyte need not keep the state of a stream that is
not synced incrementally. In that case, the other streams' states include the list's bookmark.
"""

from __future__ import annotations

import datetime as dt
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

from tap_dtm.errors import DtmError
from tap_dtm.exact.bookmarks import next_moment
from tap_dtm.exact.state import check_bookmark, check_form
from tap_dtm.metadata import load_catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_dtm.airbyte.catalog import ConfiguredStream

    StreamStates = dict[str, dict[str, Any]]

LIST: Final = "countries"
_SYNCED_AT: Final = "synced_at"
_REMEDY: Final = "Restore an earlier state, or clear the source's data and sync from the start."


def stream_states(content: Any) -> StreamStates:  # noqa: ANN401
    """Return the states by stream from the content of a state file.

    Accepts STREAM, GLOBAL and LEGACY states, in a list or not, also as whole STATE messages; and Singer's state.

    Raises:
        DtmError: The content is none of these, or this source would not have written it.
    """
    try:
        states = {
            name: dict(state)
            for each in (content if isinstance(content, list) else [content])
            for name, state in _of_message(each)
            if state
        }
    except (AttributeError, KeyError, TypeError, ValueError):
        raise DtmError(f"The state cannot be read: it is not a state of Airbyte. {_REMEDY}") from None
    if states and not states.keys() & load_catalogue().resources.keys():
        raise DtmError(f"The state is that of another source: it has no stream of this one. {_REMEDY}")
    for name, state in states.items():
        if name in load_catalogue().resources:
            check_form(state if name == LIST else state.get(LIST))
            own = _own(state)
            check_bookmark(name, own)
            state.update(own)
            check_bookmark(LIST, _own(state.get(LIST, {})))
    return states


def _own(state: Any) -> Any:  # noqa: ANN401
    """Return the tap's part of a stream's state."""
    if not isinstance(state, dict):
        return state
    return {key: value for key, value in state.items() if key not in {_SYNCED_AT, LIST}}


def _of_message(message: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if (content := message.get("state")) is not None:
        message = content
    if (stream := message.get("stream")) is not None:
        streams = [stream]
    elif (shared := message.get("global")) is not None:
        streams = shared.get("stream_states") or []
    else:
        legacy = message.get("data")
        if legacy is None:
            legacy = {} if message.get("type") == "LEGACY" else message
        yield from legacy.get("bookmarks", legacy).items()
        return
    for each in streams:
        yield each["stream_descriptor"]["name"], each.get("stream_state") or {}


def next_stamp(states: StreamStates, now: int) -> str:
    """Return the time of this sync in ISO 8601: now (milliseconds since 1970), but later than any earlier sync's.

    Raises:
        DtmError: A state has an invalid time.
    """
    try:
        clock = dt.datetime.fromtimestamp(now / 1000, tz=dt.timezone.utc)
        return next_moment(clock, (state[_SYNCED_AT] for state in states.values() if _SYNCED_AT in state))
    except (OverflowError, TypeError, ValueError):
        raise DtmError(f"The state cannot be read: {_SYNCED_AT} is not the time of a sync. {_REMEDY}") from None


def singer_state(states: StreamStates, streams: Mapping[str, ConfiguredStream]) -> dict[str, Any]:
    """Return the tap's state for a run, which may change it."""
    bookmarks = {name: deepcopy(_own(state)) for name, state in states.items() if name in streams}
    # The streams' states are kept one by one. To continue from the oldest re-reads at most one country too many.
    carried = [states[name][LIST] for name in bookmarks if LIST in states[name]] or [states.get(LIST, {})]
    bookmarks.setdefault(LIST, deepcopy(_own(min(carried, key=lambda state: state.get("runs", 0)))))
    return {"bookmarks": bookmarks}


def stream_state(
    bookmarks: Mapping[str, Any], stream: str, streams: Mapping[str, ConfiguredStream], stamp: str
) -> dict[str, Any]:
    """Return the state of one stream."""
    state = {**bookmarks.get(stream, {}), _SYNCED_AT: stamp}
    if stream != LIST and not (LIST in streams and streams[LIST].is_incremental) and LIST in bookmarks:
        state[LIST] = bookmarks[LIST]
    return state
