"""The rows of figures as typed structs: msgspec decodes, checks, sorts and encodes them in C.

A table has two forms. *Published* rows have the API's names, and accept only the one form of each value. Any other
answer is read value by value (see ``records``), which takes ten times as long and shows what is wrong. *Rows* have the
names of the catalogue.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tap_dtm.metadata import Field

NEVER_NULL: Final = frozenset({"admin0_pcode", "operation", "reporting_date"})
"""The fields of the keys and the bookmarks: a row without them has no place."""

INT64: Final = (-(2**63), 2**63 - 1)
"""The integers that Postgres, BigQuery and DuckDB hold."""

_struct: Final = partial(msgspec.defstruct, gc=False, eq=True)


class Row(Protocol):
    """One row of a table of figures. It is a struct of msgspec, and has all columns of its table."""

    admin0_pcode: str
    operation: str
    reporting_date: str
    """``YYYY-MM-DD``."""
    round_number: int | None
    assessment_type: str | None
    num_present_idp_ind: int | None


def row_form(fields: Iterable[Field]) -> type[Any]:
    """Return the form of a table's rows. Its attributes are in the order of the table's fields."""
    return _struct("Row", [(field.name, _type(field)) for field in fields])


def published_form(fields: Iterable[Field], omitted: Collection[str]) -> type[msgspec.Struct]:
    """Return the form of the same rows in an answer. Rows may have omitted fields, which come last, in addition."""
    names = {field.name: str(field.api_name) for field in fields}
    others = {f"omitted_{number}": name for number, name in enumerate(sorted(omitted))}
    return _struct(
        "Published",
        [
            *((field.name, _type(field)) for field in fields),
            *((name, int | float | str | None, None) for name in others),
        ],
        rename=names | others,
        forbid_unknown_fields=True,
    )


def is_checked(field: Field) -> bool:
    """Return whether the published form accepts only valid values of a field, in their one form."""
    return field.type == "integer" or (field.type == "string" and not field.constraints)


def bounds_of(field: Field) -> tuple[int, int]:
    """Return the smallest and the largest integer of a field."""
    least, most = (int(str(field.constraints.get(name, INT64[n]))) for n, name in enumerate(("minimum", "maximum")))
    return least, most


def columns(row: Row) -> tuple[str, ...]:
    """Return the names of a row's columns."""
    names: tuple[str, ...] = type(row).__struct_fields__  # type: ignore[attr-defined]
    return names


def as_dict(row: Row) -> dict[str, Any]:
    """Return a row as a dictionary, its columns in order."""
    return msgspec.structs.asdict(row)  # type: ignore[arg-type]


def _type(field: Field) -> Any:  # noqa: ANN401  a type
    if field.type == "integer":
        least, most = bounds_of(field)
        kind: Any = Annotated[int, msgspec.Meta(ge=least, le=most)]
    else:
        kind = str
    return kind if field.name in NEVER_NULL else kind | None
