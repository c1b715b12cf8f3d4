"""Converts RECORD messages to the form of the store, a key and a compact text for each row, and back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import msgspec

from frictionless_dtm.descriptor.shape import DELETED_AT, TIMES
from frictionless_dtm.target.texts import decode_exactly, encode_exactly, is_written_as, moment_of, text_of
from tap_dtm.redaction import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from frictionless_dtm.descriptor.shape import Column, Kind, Shape

LARGE: Final = 2 * 1024 * 1024
"""Bytes of a row, as JSON, above which copies of the row take too much memory."""

Key: TypeAlias = "tuple[str | int, ...]"
Values: TypeAlias = "tuple[Any, ...]"

_TYPES: Final[Mapping[Kind, Any]] = {
    "string": str,
    "date": str,
    "datetime": str,
    "time": str,
    "integer": int,
    "number": Any,  # an int, or a Decimal with the digits that were sent; checked below
    "boolean": bool,
    "object": dict[str, Any],
    "array": list[Any],
    "any": Any,
}
_KEY_INTEGER: Final = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]  # the range of SQLite's integers
_NOUNS: Final = {"date": "date", "datetime": "date with time", "time": "time"}
_NOTHING: Final = (None, "")
_LONGEST: Final = 300  # digits of an integer that was sent as a decimal number
_LARGEST: Final = 308  # digits; most programs read larger numbers as infinite, and smaller ones as zero
_NUMBER: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_PLAIN_REASONS: Final = {
    "Number out of range": "a number has more than 4300 digits",
    "Integer value out of range": "an integer has more than 4300 digits",
    f"Expected `int` <= {2**63 - 1}": "a key cannot have an integer of more than 64 bits, send it as text",
    f"Expected `int` >= {-(2**63)}": "a key cannot have an integer of more than 64 bits, send it as text",
}


class RecordError(ValueError):
    """A record is refused. The text is the reason, as a clause."""


@dataclass(frozen=True)
class Batch:
    """Rows, with values in column order, and the number of their bytes in the store."""

    rows: list[Values]
    bytes: int


class RowForm:
    """Converts values in column order to the form of the store: the key, and the other values as JSON.

    As for validators of data packages, two spellings of a value are the same key.
    """

    def __init__(self, shape: Shape) -> None:  # noqa: D107
        columns = {column.name: (number, column) for number, column in enumerate(shape.columns)}
        key = [columns[name] for name in shape.key]
        self._key = _getter([number for number, _ in key])
        self._forms = [
            (place, column, form)
            for place, (_, column) in enumerate(key)
            if (form := _FORMS.get(column.kind, None if column.name in shape.plain_key else text_of))
        ]
        self._others = _getter([columns[column.name][0] for column in shape.others])

    def key(self, values: Values) -> Key:
        """Return the key, or raise a RecordError."""
        key = self._key(values)
        if self._forms:
            parts = list(key)
            for place, column, form in self._forms:
                if key[place] in _NOTHING:
                    raise RecordError(f"{column.name}, a part of the key, is missing")
                try:
                    parts[place] = form(key[place])
                except ValueError as error:
                    raise RecordError(f"{column.name} is part of the key, and {error}") from error
            key = tuple(parts)
        if "" in key:
            raise RecordError("a part of its key is empty, which no data package can hold")
        return key

    def others(self, values: Values) -> bytes:
        """Return the other values."""
        return encode_exactly(self._others(values))


class RecordReader:
    """Decodes RECORD messages of one stream, and checks their values against the types of the shape."""

    def __init__(self, shape: Shape) -> None:  # noqa: D107
        self._shape = shape
        self._form = RowForm(shape)
        # Column names need not be identifiers, so the attributes are only counted.
        attributes: list[Any] = [_attribute(number, column, shape.key) for number, column in enumerate(shape.columns)]
        attributes.append(("deleted_at", Any, None))
        rename = {f"f{number}": name for number, name in enumerate(shape.names)} | {"deleted_at": DELETED_AT}
        record = msgspec.defstruct("Record", attributes, rename=rename, kw_only=True, gc=False)
        self._decode = msgspec.json.Decoder(record, float_hook=Decimal).decode
        self._times = [(number, column.kind) for number, column in enumerate(shape.columns) if column.kind in TIMES]
        self._numbers = [number for number, column in enumerate(shape.columns) if column.kind == "number"]

    def read(self, record: msgspec.Raw) -> tuple[Key, bytes | None]:
        """Return a record's key, and its other values as JSON; None for a tombstone.

        Raises:
            RecordError: A value does not have the declared type, a part of the key is missing, or there is no value.
        """
        try:
            values = self._values(record)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RecordError(f"it is not valid JSON in UTF-8: {error}") from error
        except InvalidOperation as error:
            raise RecordError("it has a number with an exponent that is too large") from error
        for number, kind in self._times:
            value = values[number]
            if value is not None and not is_written_as(kind, value):
                raise RecordError(
                    f"{self._shape.names[number]} is {quoted(repr(value))}, which is not a valid {_NOUNS[kind]} of "
                    "ISO 8601"
                )
        if self._numbers:
            values = self._with_numbers(values)
        key = self._form.key(values)
        is_deleted = values[-1] is not None
        if not key and not is_deleted and not any(value not in _NOTHING for value in values[:-1]):
            raise RecordError("it has neither key nor value, and a data package cannot hold a blank row")
        return key, None if is_deleted else self._form.others(values)

    def named(self, record: msgspec.Raw) -> str:
        """Return the key of a record for a message, if it has one: ``id 1, day "2024-01-01"``."""
        try:
            values = msgspec.json.decode(record, type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, UnicodeDecodeError):
            return ""
        parts = ((name, bytes(values.get(name, b"null")).decode(errors="replace")) for name in self._shape.key)
        return ", ".join(f"{name} {quoted(text, 100)}" for name, text in parts)

    def _values(self, record: msgspec.Raw) -> Values:
        try:
            return msgspec.structs.astuple(self._decode(record))
        except msgspec.ValidationError as first:
            try:
                return msgspec.structs.astuple(self._decode(self._with_integers(record)))
            except msgspec.ValidationError:
                reason = str(first)
                for words, plain in _PLAIN_REASONS.items():
                    reason = reason.replace(words, plain)
                raise RecordError(reason) from first

    def _with_integers(self, record: msgspec.Raw) -> bytes:
        """Write 1.0 as 1 in integer columns, because 1.0 is an integer in JSON Schema."""
        values = decode_exactly(record)
        if isinstance(values, dict):
            for column in self._shape.columns:
                value = values.get(column.name)
                if column.kind == "integer" and isinstance(value, Decimal) and is_whole(value, _LONGEST):
                    values[column.name] = int(value)
        return encode_exactly(values)

    def _with_numbers(self, values: Values) -> Values:
        """Check the number columns. In a key, 1, 1.0 and 1E+0 become the same number."""
        changed = list(values)
        for number in self._numbers:
            if (value := values[number]) is None:
                continue
            column = self._shape.columns[number]
            if isinstance(value, str) and _NUMBER.fullmatch(value):
                value = Decimal(value)
            if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
                raise RecordError(
                    f"{column.name} is {quoted(encode_exactly(value).decode(), 100)}, which is not a number"
                )
            if is_out_of_range(value):
                raise RecordError(
                    f"{column.name} has more than {_LARGEST} digits before or after the decimal point, which most "
                    "programs cannot read"
                )
            changed[number] = Decimal(_plain_number(value)) if column.name in self._shape.key else value
        return tuple(changed)


def row_reader(shape: Shape) -> Callable[[tuple[Any, ...]], Values]:
    """Return the function that converts a row of the store back to values in column order.

    Numbers are Decimals or ints; dates and times are texts.
    """
    plain = shape.plain_key
    stored = [*plain, *(column.name for column in shape.others)]
    in_order = _getter([stored.index(name) for name in shape.names])
    key = _getter([shape.key.index(name) for name in plain])
    return lambda row: in_order((*key(row), *decode_exactly(row[-1])))


def _attribute(number: int, column: Column, key: Iterable[str]) -> tuple[Any, ...]:
    name, kind = f"f{number}", _TYPES[column.kind]
    if column.name in key:
        return (name, _KEY_INTEGER if column.kind == "integer" else kind)
    return (name, kind | None, None)


def is_whole(value: Decimal, digits: int) -> bool:
    """Return whether a number is an integer with at most so many digits."""
    return value.adjusted() < digits and value == value.to_integral_value()


def is_out_of_range(value: int | Decimal) -> bool:
    """Return whether a number is not finite, or has more digits than most programs can read."""
    exact = Decimal(value)
    return not exact.is_finite() or (bool(exact) and abs(exact.adjusted()) >= _LARGEST)


def _plain_number(value: int | Decimal) -> str:
    text = format(Decimal(value), "f")
    plain = text.rstrip("0").rstrip(".") if "." in text else text
    return plain if plain != "-0" else "0"


_FORMS: Final[Mapping[str, Callable[[Any], str]]] = {
    "datetime": partial(moment_of, "datetime"),
    "time": partial(moment_of, "time"),
    "number": lambda value: encode_exactly(value).decode(),
}


def _getter(positions: list[int]) -> Callable[[Values], Values]:
    """Return a function that picks these positions of a tuple. The result is a tuple even for one position or none."""
    if len(positions) > 1:
        return itemgetter(*positions)
    return itemgetter(slice(positions[0], positions[0] + 1) if positions else slice(0))
