"""Tables that a package has in addition to those that came: views whose rows do not depend on the day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from frictionless_dtm.descriptor.contents import Derived
from frictionless_dtm.descriptor.shape import Column, Shape
from frictionless_dtm.quality.database import database_of
from frictionless_dtm.quality.history import histories_of
from frictionless_dtm.quality.streams import pcode_table
from tap_dtm.metadata import Field, Resource, load_catalogue
from tap_dtm.metadata.model import API_VERSIONS
from tap_dtm.metadata.views import load_views

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from frictionless_dtm.descriptor.contents import Contents
    from frictionless_dtm.quality.database import Database
    from tap_dtm.metadata.model import FieldType
    from tap_dtm.metadata.views import Column as ViewColumn
    from tap_dtm.metadata.views import View

_TITLES: Final[Mapping[str, str]] = {"areas": "Areas and their P-codes", "revisions": "What DTM has changed"}
_SOURCES: Final = {"areas": "pcodes"}
"""By view, the resource whose source and terms its rows have as well."""
_ORIGIN: Final = "idp_origin_admin1_pcode"
_TIME: Final = "STRFTIME({0}, '%Y-%m-%dT%H:%M:%S.%g+00:00') AS {0}"
"""A time as the histories have it."""


def derived_tables(contents: Contents) -> Sequence[Derived]:
    """Return the tables that follow from those of a package.

    Raises:
        DtmError: Those cannot be read.
    """
    return [*_areas(contents), *_revisions(contents)]


def _areas(contents: Contents) -> Iterator[Derived]:
    if pcode_table(contents.descriptor) is None:
        return
    with database_of(contents, views=["areas"]) as database:
        # Without origins, there are no columns about them.
        version = API_VERSIONS[-1] if database.has(_ORIGIN) else API_VERSIONS[0]
        if set(database.levels) & {1, 2}:
            yield _derived("areas", version, database)


def _revisions(contents: Contents) -> Iterator[Derived]:
    with histories_of(contents) as database:
        if database:
            yield _derived("revisions", API_VERSIONS[-1], database)


def _derived(name: str, version: str, database: Database) -> Derived:
    """Return all rows of a view, in one order."""
    (view,) = (each for each in load_views(version) if each.name == name)
    shape = Shape(name, tuple(Column(each.name, each.type) for each in view.columns), ())
    return Derived(shape, _resource(view), [tuple(row.values()) for row in database.answer(_query(view))])


def _query(view: View) -> str:
    columns = ", ".join(_TIME.format(each.name) if each.type == "datetime" else each.name for each in view.columns)
    return f"SELECT {columns} FROM dtm.{view.name} ORDER BY ALL"


def _resource(view: View) -> Resource:
    listed = load_catalogue().resources[_SOURCES[view.name]] if view.name in _SOURCES else None
    return Resource(
        name=view.name,
        title=_TITLES[view.name],
        description=view.description,
        grain=view.description.partition(". ")[0].rstrip(".") + ".",
        level=None,
        key=(),
        fields=tuple(_field(column) for column in view.columns),
        foreign_keys=(),
        replication_method="FULL_TABLE",
        replication_key=None,
        endpoints={},
        source=listed.source if listed else None,
        license=listed.license if listed else None,
        warnings=view.warnings,
    )


def _field(column: ViewColumn) -> Field:
    known = load_catalogue().fields.get(column.name)
    if known and known.api_name:
        return known
    return Field(
        name=column.name,
        type=cast("FieldType", column.type),  # an array of texts is written as any other
        title=column.name.replace("_", " ").capitalize(),
        description=column.description,
        nullable=True,
        example="",
    )
