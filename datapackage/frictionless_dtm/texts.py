"""How a value is written as text: in a CSV cell, in a text column of Parquet, and in a key."""

from __future__ import annotations

from typing import Any, Final

import msgspec

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


def csv_line(values: Any) -> str:  # noqa: ANN401  texts, numbers and nulls
    r"""Return a row as CSV, ended by ``\n``. A text is quoted if it has a comma, a quote, ``\r`` or ``\n``."""
    line = ",".join(_cell(text_of(value)) for value in values)
    return f"{line}\n" if line else '""\n'  # a row of one empty cell would otherwise be a blank line


def _cell(text: str) -> str:
    if '"' in text:
        return '"' + text.replace('"', '""') + '"'
    if "," in text or "\n" in text or "\r" in text:
        return f'"{text}"'
    return text
