"""Reads an operation in parts, where the API cannot answer for all of it at once: by halves of its dates."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from tap_dtm.errors import DtmAnswerError, DtmRefusedError, DtmRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_dtm.api.rows import Row

    Fetch = Callable[[str | None, str | None], list[Row]]


def read(fetch: Fetch, dates: Sequence[str], first: str | None = None, last: str | None = None) -> list[Row]:
    """Return all rows from a first to a last date, in as few requests as get an answer.

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
    return read(fetch, dates[:middle], first, day_before) + read(fetch, dates[middle:], dates[middle], last)
