"""What becomes of stored values when a column gets another type: the same value, or a refusal."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

import msgspec

from frictionless_dtm.dates import is_written_as
from frictionless_dtm.shape import TIMES
from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from frictionless_dtm.shape import Column, Kind, Shape

_encode = msgspec.json.Encoder(decimal_format="number").encode
_PYTHON: Final[dict[str, Any]] = {
    "string": str,
    "integer": int,
    "number": (int, Decimal),
    "object": dict,
    "array": list,
}
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
    if isinstance(value, str) and kind in TIMES:
        return is_written_as(kind, value)
    if isinstance(value, bool):
        return kind in {"boolean", "any"}
    return kind == "any" or isinstance(value, _PYTHON.get(kind, ()))


def retyped_error(shape: Shape, column: Column, before: str, reason: str) -> DtmError:
    """Return the refusal of a column's other type."""
    return DtmError(
        f"The column {column.name} of {shape.stream} was of the type {before} and is now {column.kind}, which cannot "
        f"be done to the rows of earlier runs ({reason}): start the tap without state and write it into another folder."
    )
