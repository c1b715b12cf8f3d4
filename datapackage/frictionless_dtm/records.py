"""Between the JSON of RECORD messages and what the store holds: one key and one compact text for each row."""

from __future__ import annotations

from decimal import Decimal
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from frictionless_dtm.dates import is_written_as
from frictionless_dtm.shape import DELETED_AT, TIMES
from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from frictionless_dtm.shape import Kind, Shape

Key: TypeAlias = "tuple[str | int, ...]"
Values: TypeAlias = "tuple[Any, ...]"

_TYPES: Final[Mapping[Kind, Any]] = {
    "string": str,
    "date": str,
    "datetime": str,
    "time": str,
    "integer": int,
    "number": Decimal,  # as text, the number stays what the source wrote
    "boolean": bool,
    "object": Any,
    "array": Any,
    "any": Any,
}
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_decode_exactly: Final = msgspec.json.Decoder(float_hook=Decimal).decode
_NOUNS: Final = {"date": "date", "datetime": "date with time", "time": "time"}
_NOTHING: Final = (None, "")
_LONGEST: Final = 300  # digits of an integer that was sent as a decimal number
_decode_any: Final = msgspec.json.Decoder().decode


class RecordReader:
    """Takes RECORD messages of one stream apart. A record's values are checked against the shape's types."""

    def __init__(self, shape: Shape) -> None:  # noqa: D107
        self._shape = shape
        names = shape.names
        # Column names need not be identifiers, so the attributes are only counted.
        attributes: list[Any] = [
            (f"f{number}", _TYPES[column.kind] if column.name in shape.key else _TYPES[column.kind] | None)
            if column.name in shape.key
            else (f"f{number}", _TYPES[column.kind] | None, None)
            for number, column in enumerate(shape.columns)
        ]
        attributes.append(("deleted_at", Any, None))
        rename = {f"f{number}": name for number, name in enumerate(names)} | {"deleted_at": DELETED_AT}
        record = msgspec.defstruct("Record", attributes, rename=rename, kw_only=True, gc=False)
        self._decode = msgspec.json.Decoder(record).decode
        self._key = _getter([names.index(name) for name in shape.key])
        self._others = _getter([names.index(column.name) for column in shape.others])
        self._is_plain = shape.plain_key == shape.key
        self._times = [(number, column.kind) for number, column in enumerate(shape.columns) if column.kind in TIMES]
        kinds = {column.name: column.kind for column in shape.columns}
        self._number_keys = [names.index(name) for name in shape.key if kinds[name] == "number"]

    def read(self, record: msgspec.Raw) -> tuple[Key, bytes | None]:
        """Return a record's key, and its other values as JSON; None for a tombstone.

        Raises:
            DtmError: A value has not the declared type, a part of the key is missing, or there is no value at all.
        """
        try:
            values = msgspec.structs.astuple(self._decode(record))
        except msgspec.ValidationError as error:
            values = msgspec.structs.astuple(self._decode(self._repaired(record, error)))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._refused(f"it is not valid JSON in UTF-8: {error}") from error
        for number, kind in self._times:
            value = values[number]
            if value is not None and not is_written_as(kind, value):
                raise self._refused(f"{self._shape.names[number]} is {value!r}, which is no {_NOUNS[kind]} of ISO 8601")
        if self._number_keys:
            values = self._with_plain_numbers(values)
        key = self._key(values)
        if not self._is_plain:
            key = tuple(part if isinstance(part, (str, int)) else _encode(part).decode() for part in key)
        if key:
            if "" in key:
                raise self._refused("a part of its key is empty, which no data package can hold")
        elif values[-1] is None and not any(value not in _NOTHING for value in values[:-1]):
            raise self._refused("it has neither key nor value, and a data package can hold no blank row")
        return key, None if values[-1] is not None else _encode(self._others(values))

    def _with_plain_numbers(self, values: Values) -> Values:
        """Write each number of the key in one way: 1, 1.0 and 1E+0 are the same key."""
        changed = list(values)
        for number in self._number_keys:
            text = format(values[number], "f")
            plain = text.rstrip("0").rstrip(".") if "." in text else text
            changed[number] = Decimal(plain if plain != "-0" else 0)
        return tuple(changed)

    def _refused(self, reason: str) -> DtmError:
        return DtmError(
            f"A record of {self._shape.stream} is not what its schema announces ({reason}): nothing of this run "
            "was taken."
        )

    def _repaired(self, record: msgspec.Raw, error: msgspec.ValidationError) -> bytes:
        """Write 1.0 as 1 where an integer is declared: JSON Schema takes both for the same."""
        values = _decode_exactly(record)
        if not isinstance(values, dict):
            raise self._refused(str(error)) from error
        is_changed = False
        for column in self._shape.columns:
            if column.kind == "integer" and (whole := _whole(values.get(column.name))) is not None:
                values[column.name] = whole
                is_changed = True
        repaired = _encode(values)
        try:
            self._decode(repaired)
        except msgspec.ValidationError:
            is_changed = False
        if not is_changed:
            reason = str(error)
            for number, name in reversed(list(enumerate(self._shape.names))):
                reason = reason.replace(f"`f{number}`", f"`{name}`")
            raise self._refused(reason) from error
        return repaired


class RowReader:
    """Puts rows of the store together again."""

    def __init__(self, shape: Shape) -> None:  # noqa: D107
        others = shape.others
        if any(column.kind == "number" for column in others):
            types = tuple(_TYPES[column.kind] | None for column in others)
            self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(tuple[types]).decode  # type: ignore[valid-type]
        else:
            self._decode = _decode_any
        plain = shape.plain_key
        stored = [*plain, *(column.name for column in others)]
        self._in_order = _getter([stored.index(name) for name in shape.names])
        self._plain = _getter([shape.key.index(name) for name in plain])
        self._is_plain = plain == shape.key

    def rows(self, stored: Iterable[tuple[Any, ...]]) -> Iterator[Values]:
        """Yield the values of each row in column order. Numbers are Decimals; dates and times are texts."""
        decode, in_order = self._decode, self._in_order
        if self._is_plain:
            for row in stored:
                yield in_order((*row[:-1], *decode(row[-1])))
        else:
            for row in stored:
                yield in_order((*self._plain(row), *decode(row[-1])))


def _whole(value: Any) -> int | None:  # noqa: ANN401
    if isinstance(value, Decimal) and value.adjusted() < _LONGEST and value == value.to_integral_value():
        return int(value)
    return None


def _getter(positions: list[int]) -> Callable[[Values], Values]:
    """Return a function that picks these positions of a tuple, as a tuple whatever their number."""
    if len(positions) > 1:
        return itemgetter(*positions)
    if positions:
        (only,) = positions
        return lambda values: (values[only],)
    return lambda _: ()
