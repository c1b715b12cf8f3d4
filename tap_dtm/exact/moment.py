"""The time of a run: later than that of every run before it, even when the clock was set back. A pure function."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_TICK: Final = dt.timedelta(milliseconds=1)  # the coarsest that a database keeps


def next_moment(now: dt.datetime, before: Iterable[str]) -> str:
    """Return the time of a run in ISO 8601 and UTC, in whole milliseconds.

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
