"""The text form of values in a CSV cell, in a text column of Parquet, and in a key; dates and times of ISO 8601."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

decode_exactly: Final = msgspec.json.Decoder(float_hook=Decimal).decode
"""Decodes JSON. A number with a point or an exponent becomes a Decimal with the same digits."""
encode_exactly: Final = msgspec.json.Encoder(decimal_format="number").encode
"""Encodes JSON. A Decimal becomes a number with the same digits."""

_TO_QUOTE: Final = re.compile('[,"\r\n]')
_as_json: Final = msgspec.json.Encoder(decimal_format="number", order="sorted").encode
_TIME: Final = r"(?P<time>\d{2}:\d{2}:\d{2})([.,](?P<fraction>\d+))?(?P<zone>Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)?"
_PATTERNS: Final = {
    "date": re.compile(r"(?P<date>\d{4}-\d{2}-\d{2})", re.ASCII),
    "datetime": re.compile(rf"(?P<date>\d{{4}}-\d{{2}}-\d{{2}})[T ]{_TIME}", re.ASCII),
    "time": re.compile(_TIME, re.ASCII),
}
_MICROSECOND: Final = dt.timedelta(microseconds=1)


def text_of(value: Any) -> str:  # noqa: ANN401  any JSON value
    """Return a value as text: JSON for booleans, objects and arrays, an empty text for null, and numbers unchanged."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, (bool, dict, list)):
        return _as_json(value).decode()
    return str(value)


def csv_row(values: Sequence[Any]) -> Iterator[str]:
    r"""Yield a row as CSV in pieces, so that a large text is not copied. The row ends with ``\n``.

    A text is quoted if it has a comma, a quote, ``\r`` or ``\n``, or if it is the only cell and empty.
    """
    for number, value in enumerate(values):
        if number:
            yield ","
        text = text_of(value)
        if _TO_QUOTE.search(text) or not (text or len(values) > 1):
            yield '"'
            yield text.replace('"', '""')
            yield '"'
        else:
            yield text
    yield "\n"


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
