"""The tables of a package that have DTM's figures, and their administrative levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.descriptor.contents import ROUND
from frictionless_dtm.descriptor.table_schema import PREFIX
from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.model import LEVELS
from tap_dtm.views.package import TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_dtm.metadata import Resource

_OWN_NAMES: Final = frozenset(f"idp_admin{level}" for level in LEVELS)
FIGURES: Final = (*ROUND, "num_present_idp_ind")
"""The columns that displacement figures need."""


_TYPES: Final = {**TYPES, "string": "VARCHAR", "datetime": "TIMESTAMP"}
"""DuckDB's types of the columns of DTM's tables."""


@dataclass(frozen=True)
class Table:
    """A table of displacement figures: its resource, its administrative level, and its columns with their types."""

    name: str
    level: int
    columns: Mapping[str, str]

    @property
    def relation(self) -> str:
        """The name of the table in DuckDB."""
        return f"files.level{self.level}"

    def has(self, *columns: str) -> bool:
        """Return whether it has all of these columns, with the types of the catalogue."""
        known = load_catalogue().fields
        return all(self.columns.get(name) == known[name].type for name in columns)


def figure_tables(descriptor: Mapping[str, Any]) -> tuple[Table, ...]:
    """Return the tables of displacement figures, one for each administrative level.

    The level comes from the descriptor, because a stream map can rename a stream. Two tables of one level are copies of
    each other. The one with DTM's own name is used, or else the first by name.
    """
    tables: dict[int, Table] = {}
    resources: Iterable[Mapping[str, Any]] = descriptor.get("resources") or ()
    for resource in sorted(resources, key=lambda each: (each["name"] not in _OWN_NAMES, each["name"])):
        level: Any = resource.get(f"{PREFIX}level")
        if level in LEVELS and f"{PREFIX}sameDataAs" not in resource:
            table = Table(str(resource["name"]), level, columns_of(resource))
            if table.has(*FIGURES):
                tables.setdefault(level, table)
    return tuple(tables[level] for level in sorted(tables))


def pcode_table(descriptor: Mapping[str, Any]) -> str | None:
    """Return the name of the first table with the columns of OCHA's P-codes, if there is one."""
    fields = load_catalogue().resources["pcodes"].fields
    needed = {field.name: field.type for field in fields if not field.name.startswith("_")}
    resources: Iterable[Mapping[str, Any]] = descriptor.get("resources") or ()
    return next((str(each["name"]) for each in resources if columns_of(each).items() >= needed.items()), None)


def columns_of(resource: Mapping[str, Any]) -> dict[str, str]:
    """Return the columns of a resource with their types."""
    return {str(field["name"]): str(field.get("type")) for field in (resource.get("schema") or {}).get("fields") or ()}


def expected_columns(table: Resource, resource: Mapping[str, Any]) -> str:
    """Return the columns of a table that the views expect; null where a file lacks one or has it with another type."""
    there = columns_of(resource)
    return ", ".join(
        f"CAST({field.name if there.get(field.name) == field.type else 'NULL'} AS {_TYPES[field.type]}) AS {field.name}"
        for field in table.fields
    )


def reference_date(descriptor: Mapping[str, Any]) -> str:
    """Return the day from which ages are counted: the day of access, or else the day on which the package was made.

    It is never today, so that the same package always shows the same.
    """
    accessed = (source.get(f"{PREFIX}accessed") for source in descriptor.get("sources") or ())
    return str(next(filter(None, accessed), descriptor.get("created") or "1970-01-01"))[:10]
