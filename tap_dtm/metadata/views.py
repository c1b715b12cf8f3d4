"""From views.yaml to the checked declarations of a warehouse's views. Their SQL is in `tap_dtm.views`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from tap_dtm.metadata.loader import load_catalogue
from tap_dtm.metadata.model import API_VERSIONS, LEVELS, ApiVersion, FieldType, Level, Text, Texts
from tap_dtm.metadata.yaml_source import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.abc import Traversable

    from tap_dtm.metadata.model import UsageWarning
    from tap_dtm.metadata.yaml_source import Document


class _Declared(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What views.yaml and a `View` have in the same form."""

    description: Text
    versions: tuple[ApiVersion, ...] = API_VERSIONS
    with_history: bool = False
    is_function: bool = False
    with_pcodes: bool = False


class _Listed(_Declared, frozen=True, kw_only=True):
    columns: Texts
    warnings: tuple[Text, ...]
    levels: tuple[Level, ...] = ()


_Reason = Annotated[str, Meta(pattern=r"^[a-z]+( [a-z]+)*\Z")]


class ReasonClasses(Struct, frozen=True, forbid_unknown_fields=True):
    """The reasons of displacement that are known, in lower case, by their class."""

    conflict: tuple[_Reason, ...]
    disaster: tuple[_Reason, ...]
    other: tuple[_Reason, ...]
    not_reported: tuple[_Reason, ...] = field(name="not reported")

    @property
    def known(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.conflict, *self.disaster, *self.other, *self.not_reported)


class Column(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A column of a view. An ``array`` is a list of texts; the description ends with the unit."""

    name: Text
    type: FieldType | Literal["array"]
    description: Text
    unit: Text | None = None
    versions: tuple[ApiVersion, ...] = API_VERSIONS
    levels: tuple[Level, ...] = ()
    with_pcodes: bool = False


class _File(Struct, forbid_unknown_fields=True):
    columns: dict[str, Any]
    views: dict[str, Any]
    tables: dict[str, Any]
    reason_classes: ReasonClasses


class View(_Declared, frozen=True, kw_only=True):
    """A view for one API version and, if its name has a level, for that administrative level.

    ``kind`` is its name in views.yaml, such as ``latest_stock_admin{level}``.
    """

    kind: str
    level: int | None
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


@cache
def load_views(api_version: str, section: str = "views") -> tuple[View, ...]:
    """Return the views for an API version, each after those that it reads. They are read once per process.

    The section ``tables`` has the tables that the operator fills, which are declared like views.
    """
    return load_views_from(files("tap_dtm.metadata"), api_version, section)


def load_views_from(folder: Traversable, api_version: str, section: str = "views") -> tuple[View, ...]:
    """Return the views that ``views.yaml`` in a folder declares.

    Raises:
        DtmError: The file is absent or wrong; the message names file and line.
    """
    document = _document(folder)
    file = document.convert((), _File)
    catalogue = load_catalogue()
    columns = {
        name: Column(
            name=name,
            type=field.type,
            description=field.full_description,
            versions=field.versions,
            levels=LEVELS[field.from_level :],
        )
        for name, field in catalogue.fields.items()
        if not field.omitted
    }
    for name in file.columns:
        # Names of the fields that are not of the API are general, and a view may mean something else by them.
        if name in columns and catalogue.fields[name].api_name:
            document.fail(("columns", name), "a field of fields.yaml as well; expected it in one place.")
        own = name.rpartition(".")[2]
        kind = {"type": "boolean"} if own.startswith("is_") else {}
        column = document.convert(("columns", name), Column, name=own, **kind)
        unit = f" Unit: {column.unit}." if column.unit else ""
        columns[name] = replace(column, description=column.description + unit)
    warnings = {warning.code: warning for table in catalogue.resources.values() for warning in table.warnings}
    return tuple(
        replace(view, columns=tuple(column for column in view.columns if api_version in column.versions))
        for kind in getattr(file, section)
        for view in _views(document, (section, kind), columns, warnings)
        if api_version in view.versions
    )


@cache
def load_reason_classes() -> ReasonClasses:
    """Return the reasons of displacement by their class."""
    return _document(files("tap_dtm.metadata")).convert((), _File).reason_classes


def _document(folder: Traversable) -> Document:
    return read_yaml(folder.joinpath("views.yaml"))


def _views(
    document: Document, place: tuple[str, str], columns: Mapping[str, Column], warnings: Mapping[str, UsageWarning]
) -> Iterator[View]:
    listed = document.convert(place, _Listed)
    own = {name.rpartition(".")[2]: column for name, column in columns.items() if name.startswith(f"{place[1]}.")}
    columns = {name: column for name, column in columns.items() if "." not in name} | own
    for number, name in enumerate(listed.columns):
        document.check_one_of((*place, "columns", number), name, columns)
    for number, code in enumerate(listed.warnings):
        document.check_one_of((*place, "warnings", number), code, warnings)
    for level in listed.levels or (None,):
        listed_columns = (columns[name] for name in listed.columns)
        yield View(
            **{attribute: getattr(listed, attribute) for attribute in _Declared.__struct_fields__},
            kind=place[1],
            level=level,
            warnings=tuple(warnings[code] for code in listed.warnings),
            columns=tuple(each for each in listed_columns if level is None or not each.levels or level in each.levels),
        )
