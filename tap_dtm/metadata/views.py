"""From views.yaml to the checked declarations of a warehouse's views. Their SQL is in `tap_dtm.views`."""

from __future__ import annotations

import dataclasses
from importlib.resources import files
from typing import TYPE_CHECKING, Final, Literal, cast, get_args

from tap_dtm.metadata.loader import load_catalogue
from tap_dtm.metadata.model import API_VERSIONS, Field, FieldType
from tap_dtm.metadata.yaml_source import Section, read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tap_dtm.metadata.model import UsageWarning

ColumnType = FieldType | Literal["array"]

_TYPES: Final = (*get_args(FieldType), "array")
_LEVELS: Final = (0, 1, 2)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a view.

    Attributes:
        name: Its name; that of a field where it comes from a table unchanged.
        type: Type of its values; ``array`` is a list of texts.
        description: Meaning, unit and caveats, as one paragraph.
        versions: API versions with which it exists.
        levels: Administrative levels whose views have it; empty for all.
    """

    name: str
    type: ColumnType
    description: str
    versions: tuple[str, ...]
    levels: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class View:
    """A view for one API version and, where it stands for one, one administrative level.

    Attributes:
        kind: Its name in views.yaml, such as ``latest_stock_admin{level}``.
        level: The level in its name; None if it has none.
        versions: API versions with which it exists.
        description: What one row stands for.
        warnings: How the figures must not be used.
        columns: In order.
    """

    kind: str
    level: int | None
    versions: tuple[str, ...]
    description: str
    warnings: tuple[UsageWarning, ...]
    columns: tuple[Column, ...]

    @property
    def name(self) -> str:
        """Name in the warehouse."""
        return self.kind.format(level=self.level)

    @property
    def full_description(self) -> str:
        """Description and warnings as one paragraph."""
        return " ".join([self.description, *(warning.text for warning in self.warnings)])

    def for_version(self, api_version: str) -> View:
        """Return the view without the columns that an API version does not know."""
        return dataclasses.replace(self, columns=tuple(c for c in self.columns if api_version in c.versions))


def load_views(api_version: str, folder: Path | None = None) -> tuple[View, ...]:
    """Return the views for an API version, each after those that it reads.

    Args:
        api_version: Columns and views that it does not know are left out.
        folder: Where another ``views.yaml`` is; this project's own by default.

    Raises:
        CatalogueError: The file is absent or wrong; the message names file and line.
    """
    root = read_yaml(folder or files("tap_dtm.metadata"), "views.yaml")
    root.expect(("columns", "views"))
    catalogue = load_catalogue()
    columns = {name: _from_field(field) for name, field in catalogue.fields.items() if not field.omitted}
    for name, section in root.section("columns").sections("column"):
        if name in columns:
            root.fail("columns", f"the column {name!r} is a field of fields.yaml as well; expected it in one place.")
        columns[name] = _column(name, section)
    warnings = {warning.code: warning for table in catalogue.resources.values() for warning in table.warnings}
    declared = [
        view
        for kind, section in root.section("views").sections("view")
        for view in _views(kind, section, columns, warnings)
    ]
    return tuple(view.for_version(api_version) for view in declared if api_version in view.versions)


def _from_field(field: Field) -> Column:
    return Column(
        name=field.name,
        type=field.type,
        description=field.full_description,
        versions=field.versions,
        levels=field.levels,
    )


def _column(name: str, section: Section) -> Column:
    section.expect(("type", "description"), ("unit", "versions", "levels"))
    unit = section.optional_text("unit")
    return Column(
        name=name,
        type=cast("ColumnType", section.choice("type", _TYPES)),
        description=section.text("description") + (f" Unit: {unit}." if unit else ""),
        versions=section.texts("versions", API_VERSIONS) or API_VERSIONS,
        levels=_levels(section),
    )


def _levels(section: Section) -> tuple[int, ...]:
    levels = section.integers("levels")
    if not set(levels) <= set(_LEVELS):
        section.fail("levels", f"'levels' of {section.name} is {list(levels)}; expected some of 0, 1, 2.")
    return levels


def _views(
    kind: str, section: Section, columns: Mapping[str, Column], warnings: Mapping[str, UsageWarning]
) -> Iterator[View]:
    section.expect(("description", "columns", "warnings"), ("levels", "versions"))
    levels = _levels(section)
    listed = [columns[name] for name in section.texts("columns", list(columns))]
    for level in levels or (None,):
        yield View(
            kind=kind,
            level=level,
            versions=section.texts("versions", API_VERSIONS) or API_VERSIONS,
            description=section.text("description"),
            warnings=tuple(warnings[code] for code in section.texts("warnings", list(warnings))),
            columns=tuple(c for c in listed if level is None or not c.levels or level in c.levels),
        )
