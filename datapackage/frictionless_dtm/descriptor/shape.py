"""The shape of a stream's rows: columns and key from a Singer SCHEMA message."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Kind = Literal["string", "integer", "number", "boolean", "date", "datetime", "time", "object", "array", "any"]

DELETED_AT: Final = "_sdc_deleted_at"
BOOKKEEPING: Final = "_sdc_"
"""The prefix of columns that are about the transport, not the data."""

_FORMATS: Final[Mapping[str, Kind]] = {"date": "date", "date-time": "datetime", "time": "time"}
_KINDS: Final[frozenset[str]] = frozenset({"string", "integer", "number", "boolean", "object", "array"})
_LIMITS: Final[Mapping[str, Callable[[float], int]]] = {"minimum": math.ceil, "maximum": math.floor}
_NOT_IN_NAMES: Final = frozenset('"\\')
_NO_KEYS: Final = {"object", "array"}
TIMES: Final = frozenset({"date", "datetime", "time"})
_PLAIN_KEYS: Final = {"string", "integer", "date"}
"""Kinds in which each value has one spelling."""


@dataclass(frozen=True)
class Column:
    """One column, as the stream's schema describes it."""

    name: str
    kind: Kind
    title: str | None = None
    description: str | None = None
    constraints: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Shape:
    """The columns of a stream in order, without bookkeeping, and the names of its key columns."""

    stream: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def plain_key(self) -> tuple[str, ...]:
        """The key columns whose values the store compares unchanged. It converts the others before it compares them."""
        kinds = {column.name: column.kind for column in self.columns}
        return tuple(name for name in self.key if kinds[name] in _PLAIN_KEYS)

    @cached_property
    def others(self) -> tuple[Column, ...]:
        """All columns except the plain key, in order."""
        plain = set(self.plain_key)
        return tuple(column for column in self.columns if column.name not in plain)


def shape_of(stream: str, schema: Mapping[str, Any], key: Sequence[str]) -> Shape:
    """Return the shape in a SCHEMA message.

    Raises:
        ValueError: The message has no columns, or a column or a key that is not possible in a data package.
    """
    properties = schema.get("properties") or {}
    if not isinstance(properties, dict):
        raise ValueError("its properties are not a mapping")  # noqa: TRY004  the message is wrong, not the program
    if missing := [name for name in key if name not in properties]:
        raise ValueError(f"the key has {', '.join(missing)}, which the schema does not declare")
    if DELETED_AT in key:
        raise ValueError(f"the key has {DELETED_AT}, which marks removed rows")
    columns = tuple(
        _column(name, definition)
        for name, definition in properties.items()
        if not name.startswith(BOOKKEEPING) or name in key
    )
    if not columns:
        raise ValueError("it has no columns")
    if unfit := next((each for each in columns if each.name in key and each.kind in _NO_KEYS), None):
        raise ValueError(f"the key column {unfit.name} has the type {unfit.kind}, which is not possible in a key")
    return Shape(stream, columns, tuple(key))


def _column(name: str, definition: Any) -> Column:  # noqa: ANN401  any JSON value
    if not name or name != name.strip() or not name.isprintable() or _NOT_IN_NAMES.intersection(name):
        raise ValueError(
            f"a column has the name {name!r}; rename it in the tap, without quotes, backslashes, line breaks, and "
            "blanks at its ends"
        )
    if definition is None or isinstance(definition, bool):
        definition = {}  # JSON Schema's true: any value
    try:
        kind = _kind(definition)
    except (AttributeError, TypeError) as error:
        raise ValueError(f"the property {name} is not a JSON Schema") from error
    title, description = (
        text if isinstance(text := definition.get(each), str) else None for each in ("title", "description")
    )
    return Column(name, kind, title, description, tuple(_constraints(kind, definition)))


def _constraints(kind: Kind, definition: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the constraints, as values of the column's type. Limits of another type are ignored."""
    for each, rounded in _LIMITS.items():
        limit = definition.get(each)
        if kind in {"integer", "number"} and isinstance(limit, (int, float)) and not isinstance(limit, bool):
            yield each, rounded(limit) if kind == "integer" else limit
    python = {"string": str, "integer": int}.get(kind)
    enum = definition.get("enum")
    if python and isinstance(enum, list):
        values = [value for value in enum if value is not None]
        if values and all(isinstance(value, python) and not isinstance(value, bool) for value in values):
            yield "enum", values


def _kind(definition: Any) -> Kind:  # noqa: ANN401
    """Return the one type of values other than null; ``any`` if there are several or none."""
    if isinstance(definition, bool):
        return "any"
    alternatives = definition.get("anyOf") or definition.get("oneOf")
    if alternatives:
        kinds = {_kind(each) for each in alternatives if isinstance(each, bool) or each.get("type") != "null"}
        return kinds.pop() if len(kinds) == 1 else "any"
    declared = definition.get("type", [])
    if not isinstance(declared, (str, list)):
        raise TypeError
    types = {declared} if isinstance(declared, str) else set(declared)
    types.discard("null")
    if types == {"integer", "number"}:
        return "number"
    if len(types) != 1:
        return "any"
    (only,) = types
    if only == "string":
        return _FORMATS.get(definition.get("format", ""), "string")
    return cast("Kind", only) if only in _KINDS else "any"
