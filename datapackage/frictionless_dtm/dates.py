"""Whether texts are dates and times as a data package has them: as ISO 8601 writes them, in full."""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import Final

_TIME: Final = r"(\d{2}:\d{2}:\d{2})([.,]\d+)?(Z|[+-]\d{2}(:?\d{2})?)?"
_PATTERNS: Final = {
    "date": re.compile(r"(\d{4}-\d{2}-\d{2})", re.ASCII),
    "datetime": re.compile(rf"(\d{{4}}-\d{{2}}-\d{{2}})[T ]{_TIME}", re.ASCII),
    "time": re.compile(_TIME, re.ASCII),
}


@lru_cache(maxsize=65536)  # the same dates come again and again
def is_written_as(kind: str, text: str) -> bool:
    """Say whether a text is a ``date``, a ``datetime`` or a ``time``. An empty one is, since it reads as missing."""
    found = _PATTERNS[kind].fullmatch(text)
    if found is None:
        return not text
    try:
        if kind != "time":
            dt.date.fromisoformat(found[1])
        if kind != "date":
            dt.time.fromisoformat(found[1 if kind == "time" else 2])
    except ValueError:
        return False
    return True
