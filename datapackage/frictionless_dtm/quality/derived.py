"""Tables that a package has in addition to those that came: views whose rows do not depend on the day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from frictionless_dtm.descriptor.contents import Derived
from frictionless_dtm.descriptor.shape import Column, Shape
from frictionless_dtm.quality.database import database_of
from frictionless_dtm.quality.streams import pcode_table
from tap_dtm.metadata import Field, Resource, load_catalogue
from tap_dtm.metadata.model import API_VERSIONS
from tap_dtm.metadata.views import load_views

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from frictionless_dtm.descriptor.contents import Contents
    from tap_dtm.metadata.model import FieldType
    from tap_dtm.metadata.views import Column as ViewColumn
    from tap_dtm.metadata.views import View

_TITLES: Final[Mapping[str, str]] = {"areas": "Areas and their P-codes"}
"""The views, in the order of the tables."""
_SOURCE: Final = "pcodes"
_ORIGIN: Final = "idp_origin_admin1_pcode"


def derived_tables(contents: Contents) -> Sequence[Derived]:
    """Return the tables that follow from those of a package.

    Raises:
        DtmError: Those cannot be read.
    """
    if pcode_table(contents.descriptor) is None:
        return ()
    with database_of(contents, views=_TITLES) as database:
        # Without origins, there are no columns about them.
        version = API_VERSIONS[-1] if database.has(_ORIGIN) else API_VERSIONS[0]
        return [
            Derived(
                Shape(view.name, tuple(Column(each.name, _kind(each)) for each in view.columns), ()),
                _resource(view),
                [tuple(row.values()) for row in database.answer(_query(view))],
            )
            for view in load_views(version)
            if view.name in _TITLES and set(database.levels) & {1, 2}
        ]


def _query(view: View) -> str:
    """Return what selects all rows in one order."""
    columns = ", ".join(column.name for column in view.columns)
    return f"SELECT {columns} FROM dtm.{view.name} ORDER BY ALL"


def _resource(view: View) -> Resource:
    listed = load_catalogue().resources[_SOURCE]
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
        source=listed.source,
        license=listed.license,
        warnings=view.warnings,
    )


def _field(column: ViewColumn) -> Field:
    known = load_catalogue().fields.get(column.name)
    if known and known.api_name:
        return known
    return Field(
        name=column.name,
        type=_kind(column),
        title=column.name.replace("_", " ").capitalize(),
        description=column.description,
        nullable=True,
        example="",
    )


def _kind(column: ViewColumn) -> FieldType:
    return cast("FieldType", column.type)  # no view of these has an array
