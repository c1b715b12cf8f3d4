"""What becomes of stored values when a column gets another type: the same value, or a refusal."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import msgspec

from frictionless_dtm.dates import is_written_as

if TYPE_CHECKING:
    from frictionless_dtm.shape import Kind

_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


def converted(raw: bytes, kind: Kind) -> bytes:
    """Return a value, as JSON, as one of another type.

    Raises:
        ValueError: The other type has no value that says the same.
    """
    value = _decode(raw)
    if value is None or _has_kind(value, kind):
        return raw
    # Numbers and truth values as texts are what JSON writes, and back.
    if kind == "string" and isinstance(value, (bool, int, Decimal)):
        return _encode(raw.decode())
    if kind in {"integer", "number"} and isinstance(value, (str, Decimal)):
        number = _number(value)
        if kind == "number":
            return _encode(number)
        if number == number.to_integral_value():
            return str(int(number)).encode()
    if kind == "boolean" and value in ("true", "false"):
        return str(value).encode()
    raise ValueError(f"{raw.decode()} is no {kind}")


def _number(value: str | Decimal) -> Decimal:
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal("NaN")
    # 007 is a code, not a number: it would not come back as it was.
    if not number.is_finite() or (isinstance(value, str) and _encode(number).decode() != value):
        raise ValueError(f"{value} is no number")
    return number


def _has_kind(value: Any, kind: Kind) -> bool:  # noqa: ANN401
    match kind:
        case "any":
            return True
        case "string":
            return isinstance(value, str)
        case "date" | "datetime" | "time":
            return isinstance(value, str) and is_written_as(kind, value)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, (int, Decimal)) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
