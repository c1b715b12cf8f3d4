"""What a stream's rows look like: columns and keys from a Singer SCHEMA message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Kind = Literal["string", "integer", "number", "boolean", "date", "datetime", "time", "object", "array", "any"]

DELETED_AT: Final = "_sdc_deleted_at"
BOOKKEEPING: Final = "_sdc_"
"""Begins the name of every column that tells of the transport and not of the data."""

_FORMATS: Final[Mapping[str, Kind]] = {"date": "date", "date-time": "datetime", "time": "time"}
_KINDS: Final[Mapping[str, Kind]] = {
    "string": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "object": "object",
    "array": "array",
}
_CONSTRAINTS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "integer": ("minimum", "maximum"),
    "number": ("minimum", "maximum"),
}
_PLAIN_KEYS: Final = {"string", "integer", "date", "datetime", "time"}


@dataclass(frozen=True)
class Column:
    """One column: its name, and what the stream's schema says of it."""

    name: str
    kind: Kind
    title: str | None = None
    description: str | None = None
    constraints: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Shape:
    """The columns of a stream in order, without bookkeeping, and the names of those that identify a row."""

    stream: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(column.name for column in self.columns)

    @property
    def plain_key(self) -> tuple[str, ...]:
        """The key columns whose values a database index holds as they are."""
        kinds = {column.name: column.kind for column in self.columns}
        return tuple(name for name in self.key if kinds[name] in _PLAIN_KEYS)

    @property
    def others(self) -> tuple[Column, ...]:
        """All columns but the plain key, in order."""
        plain = set(self.plain_key)
        return tuple(column for column in self.columns if column.name not in plain)


def shape_of(stream: str, schema: Mapping[str, Any], key: Sequence[str]) -> Shape:
    """Return the shape that a SCHEMA message announces.

    Raises:
        ValueError: The key names a column that the schema lacks.
    """
    properties: Mapping[str, Any] = schema.get("properties") or {}
    if missing := [name for name in key if name not in properties]:
        raise ValueError(f"the key names {', '.join(missing)}, which the schema lacks")
    return Shape(
        stream,
        tuple(
            _column(name, definition or {})
            for name, definition in properties.items()
            if not name.startswith(BOOKKEEPING) or name in key
        ),
        tuple(key),
    )


def _column(name: str, definition: Mapping[str, Any]) -> Column:
    kind = _kind(definition)
    constraints = [(each, definition[each]) for each in _CONSTRAINTS.get(kind, ()) if each in definition]
    enum = [value for value in definition.get("enum", ()) if value is not None]
    if enum and kind in {"string", "integer"}:
        constraints.append(("enum", enum))
    return Column(name, kind, definition.get("title"), definition.get("description"), tuple(constraints))


def _kind(definition: Mapping[str, Any]) -> Kind:
    """Return the one type that values other than null have; ``any`` where there are several or none."""
    alternatives = definition.get("anyOf") or definition.get("oneOf")
    if alternatives:
        kinds = {_kind(each) for each in alternatives if each.get("type") != "null"}
        return kinds.pop() if len(kinds) == 1 else "any"
    declared = definition.get("type", [])
    types = {declared} if isinstance(declared, str) else set(declared)
    types.discard("null")
    if types == {"integer", "number"}:
        return "number"
    if len(types) != 1:
        return "any"
    (only,) = types
    if only == "string":
        return _FORMATS.get(definition.get("format", ""), "string")
    return _KINDS.get(only, "any")
