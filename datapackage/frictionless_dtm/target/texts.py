"""How a value is written as text: in a CSV cell, in a text column of Parquet, and in a key."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

decode_exactly: Final = msgspec.json.Decoder(float_hook=Decimal).decode
"""Reads JSON; a number with a point or an exponent is a Decimal with the digits that were sent."""

_TO_QUOTE: Final = re.compile('[,"\r\n]')
_as_json: Final = msgspec.json.Encoder(decimal_format="number", order="sorted").encode


def text_of(value: Any) -> str:  # noqa: ANN401  whatever JSON holds
    """Return a value as text: JSON for truth values, objects and arrays, nothing for null, digits as they were sent."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, (bool, dict, list)):
        return _as_json(value).decode()
    return str(value)


def csv_row(values: Sequence[Any]) -> Iterator[str]:
    r"""Yield a row as CSV, ended by ``\n``, in pieces, so that a large text need not be in memory several times.

    A text is quoted if it has a comma, a quote, ``\r`` or ``\n``. A row of one empty cell is no blank line.
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
