"""The text form of values in a CSV cell, in a text column of Parquet, and in a key."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

decode_exactly: Final = msgspec.json.Decoder(float_hook=Decimal).decode
"""Decodes JSON. A number with a point or an exponent becomes a Decimal with the same digits."""

_TO_QUOTE: Final = re.compile('[,"\r\n]')
_as_json: Final = msgspec.json.Encoder(decimal_format="number", order="sorted").encode


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
