"""Checks and compares dates and times. A data package has them in the full form of ISO 8601."""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIME: Final = r"(?P<time>\d{2}:\d{2}:\d{2})([.,](?P<fraction>\d+))?(?P<zone>Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)?"
_PATTERNS: Final = {
    "date": re.compile(r"(?P<date>\d{4}-\d{2}-\d{2})", re.ASCII),
    "datetime": re.compile(rf"(?P<date>\d{{4}}-\d{{2}}-\d{{2}})[T ]{_TIME}", re.ASCII),
    "time": re.compile(_TIME, re.ASCII),
}
_MICROSECOND: Final = dt.timedelta(microseconds=1)


@lru_cache(maxsize=65536)  # the same dates repeat
def is_written_as(kind: str, text: str) -> bool:
    """Return whether a text is a ``date``, a ``datetime`` or a ``time``. An empty text counts as missing, so it is."""
    match = _PATTERNS[kind].fullmatch(text)
    if match is None:
        return not text
    try:
        _moment(match.groupdict())
    except ValueError:
        return False
    return True


@lru_cache(maxsize=65536)
def moment_of(kind: str, text: str) -> str:
    """Return the canonical form of a datetime or time, which is the same for all spellings and sorts as moments do."""
    match = _PATTERNS[kind].fullmatch(text)
    parts = match.groupdict() if match else {}
    fraction = (parts.get("fraction") or "").rstrip("0")
    if match is None or len(fraction) > len("123456"):
        # Validators of data packages do not compare such moments.
        raise ValueError(f"{text!r} is finer than a microsecond")
    zone = parts["zone"] or ""
    passed = (_moment(parts) - _moment({}) - _offset(zone)) // _MICROSECOND + int(fraction.ljust(6, "0"))
    # A moment without a zone never equals one with a zone. An offset may lead to a moment before the first day.
    return f"{passed + 10**12:020d}{'Z' if zone else ''}"


def _moment(parts: Mapping[str, str | None]) -> dt.datetime:
    """Return a moment without its fraction and zone. There may be no such date or time, which is a ValueError."""
    return dt.datetime.fromisoformat(f"{parts.get('date') or '0001-01-01'}T{parts.get('time') or '00:00:00'}")


def _offset(zone: str) -> dt.timedelta:
    digits = zone[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    return (-1 if zone.startswith("-") else 1) * dt.timedelta(hours=hours, minutes=minutes)
