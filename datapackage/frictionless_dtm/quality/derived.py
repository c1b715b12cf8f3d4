"""The tables that a package has in addition to the streams: views whose rows do not depend on the day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from msgspec import structs

from frictionless_dtm.descriptor.contents import Derived
from frictionless_dtm.descriptor.shape import Column, Shape
from frictionless_dtm.quality.database import database_of, histories_of, pcode_table
from tap_dtm.metadata import Field, Resource, load_catalogue
from tap_dtm.metadata.model import API_VERSIONS
from tap_dtm.metadata.views import load_views

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from frictionless_dtm.descriptor.contents import Contents
    from frictionless_dtm.quality.database import Row
    from tap_dtm.metadata.model import FieldType
    from tap_dtm.metadata.views import Column as ViewColumn
    from tap_dtm.metadata.views import View

_ORIGIN: Final = "idp_origin_admin1_pcode"
_TIME: Final = "STRFTIME({0}, '%Y-%m-%dT%H:%M:%S.%g+00:00') AS {0}"  # as in the histories


def derived_tables(contents: Contents) -> Iterator[Derived]:
    """Yield the tables that are computed from those of a package.

    Raises:
        DtmError: The tables of the package cannot be read.
    """
    if pcode_table(contents.descriptor):
        with database_of(contents) as database:
            # The newest version of the API has origins, and columns about them.
            version = API_VERSIONS[-1] if database.has(_ORIGIN) else API_VERSIONS[0]
            if database.has_areas:
                yield _derived("areas", "Areas and their P-codes", version, database.rows, "pcodes")
    with histories_of(contents) as history:
        if history:
            yield _derived("revisions", "What DTM has changed", API_VERSIONS[-1], history.answer, "runs")


def _derived(name: str, title: str, version: str, answer: Callable[[str], list[Row]], like: str) -> Derived:
    """Return all rows of a view, in one order, with the source and the terms of another resource."""
    (view,) = (each for each in load_views(version) if each.name == name)
    columns = ", ".join(_TIME.format(each.name) if each.type == "datetime" else each.name for each in view.columns)
    shape = Shape(name, tuple(Column(each.name, each.type) for each in view.columns), ())
    rows = answer(f"SELECT {columns} FROM dtm.{name} ORDER BY ALL")
    return Derived(
        shape, _resource(view, title, load_catalogue().resources[like]), [tuple(row.values()) for row in rows]
    )


def _resource(view: View, title: str, like: Resource) -> Resource:
    return structs.replace(
        like,
        name=view.name,
        title=title,
        description=view.description,
        grain=view.description.partition(". ")[0].rstrip(".") + ".",
        key=(),
        fields=tuple(map(_field, view.columns)),
        foreign_keys=(),
        dated_by=None,
        warnings=view.warnings,
    )


def _field(column: ViewColumn) -> Field:
    known = load_catalogue().fields.get(column.name)
    if known and known.api_name:
        return known
    return Field(
        name=column.name,
        type=cast("FieldType", column.type),  # an array of texts is written like any other
        title=column.name.replace("_", " ").capitalize(),
        description=column.description,
        nullable=True,
        example="",
    )
