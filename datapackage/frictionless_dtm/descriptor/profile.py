"""Which catalogue describes the streams: this project's, or the one that the setting ``metadata`` names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

import yaml

from tap_dtm.metadata import Catalogue, CatalogueError, load_catalogue, load_catalogue_from

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from frictionless_dtm.descriptor.shape import Shape
    from tap_dtm.metadata import Field, Package, Resource

_OF_DTM: Final = frozenset({"admin0_pcode", "operation"})
"""Columns that all streams of DTM's figures have, and hardly any other stream."""
_PARTS: Final = {
    "fields.yaml": ("fields", None),
    "resources.yaml": (None, ("warnings", "resources")),
    "package.yaml": ("package", None),
}


def catalogue_at(path: Path | None) -> Catalogue:
    """Return the catalogue in a folder or in one YAML file; this project's without a path.

    Raises:
        CatalogueError: It cannot be read, or says something that a catalogue cannot say.
    """
    if path is None:
        return load_catalogue()
    if path.is_dir():
        return load_catalogue_from(path, is_foreign=True)
    return load_catalogue_from(cast("Path", _OneFile(path)), is_foreign=True)  # all that is asked for is joinpath


def resource_of(shape: Shape, catalogue: Catalogue) -> Resource | None:
    """Return what a catalogue says of a stream: the resource of the same name and with the same key.

    DTM's streams are recognised by their columns, because a stream map may give a stream any name. Columns that the
    catalogue does not know, such as those that a map adds, are described by the stream's own schema.
    """
    if catalogue is load_catalogue():
        return _by_columns(shape, catalogue)
    resource = catalogue.resources.get(shape.stream)
    return resource if resource and resource.key == shape.key else None


def package_of(shape: Shape, catalogue: Catalogue) -> Package | None:
    """Return what a catalogue says of the package that a stream belongs to, above all its terms; None if nothing.

    A stream map may change the key of one of DTM's streams, which then lacks a description. The terms still hold.
    """
    if resource_of(shape, catalogue):
        return catalogue.package
    if catalogue is not load_catalogue() or not _OF_DTM.issubset(shape.names):
        return None
    return catalogue.package if any(_is_known(shape, each) for each in catalogue.resources.values()) else None


def _by_columns(shape: Shape, catalogue: Catalogue) -> Resource | None:
    """Return the resource with the key of the stream and most of its columns; of equal ones that of the same name."""
    fitting = [
        resource
        for resource in catalogue.resources.values()
        if resource.key == shape.key and (resource.name == shape.stream or _is_known(shape, resource))
    ]
    return max(
        fitting,
        key=lambda each: (len(_known(shape, each)), each.name == shape.stream, -len(each.fields)),
        default=None,
    )


def _is_known(shape: Shape, resource: Resource) -> bool:
    """Whether a resource has at least half of the columns of a stream."""
    return 2 * len(_known(shape, resource)) >= len(shape.names)


def _known(shape: Shape, resource: Resource) -> set[str]:
    return {field.name for field in resource.fields}.intersection(shape.names)


def fields_of(shape: Shape, resource: Resource | None) -> dict[str, Field]:
    """Return what the catalogue says of the columns that it knows.

    A column that has another type in the stream than in the catalogue is of the stream's: of the catalogue's words,
    its constraints and its example are then left out.
    """
    said = {field.name: field for field in resource.fields} if resource else {}
    found = {}
    for column in shape.columns:
        if field := said.get(column.name):
            is_same = field.type == column.kind
            found[column.name] = (
                field if is_same else replace(field, type=cast("Any", column.kind), constraints={}, example="")
            )
    return found


def complaints(shapes: Iterable[Shape], catalogue: Catalogue) -> list[str]:
    """Return what a catalogue says otherwise than the streams do, a sentence each."""
    found = []
    shapes = list(shapes)
    if catalogue is not load_catalogue() and not any(shape.stream in catalogue.resources for shape in shapes):
        found.append(
            f"The metadata describes {', '.join(catalogue.resources)}, and the input has none of them but "
            f"{', '.join(shape.stream for shape in shapes)}: it describes nothing of this package."
        )
    for shape in shapes:
        resource = resource_of(shape, catalogue)
        named = catalogue.resources.get(shape.stream)
        if named and resource is None:
            lost = "warnings and missing values" if package_of(shape, catalogue) else "terms, warnings, missing values"
            found.append(
                f"The stream {shape.stream} has the key {', '.join(shape.key) or 'none'}, and the metadata's "
                f"{named.name} has {', '.join(named.key)}: the package describes the stream by its own schema only, "
                f"without the metadata's {lost}."
            )
        elif resource:
            said = {field.name: field.type for field in resource.fields}
            found += [
                f"The column {column.name} of {shape.stream} is of the type {column.kind}, and the metadata says "
                f"{said[column.name]}: the package says {column.kind}."
                for column in shape.columns
                if said.get(column.name, column.kind) != column.kind
            ]
    return found


class _StrictLoader(yaml.SafeLoader):
    """Refuses what PyYAML passes over: of a key that is declared twice, it would keep the second."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        first: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if first.setdefault(str(key.value), line) != line:
                raise yaml.YAMLError(f"line {line}: {key.value!r} is declared twice, first on line {first[key.value]}")
        return super().construct_mapping(node, deep)


class _OneFile:
    """One YAML file that is read as if it were the three of a folder."""

    def __init__(self, path: Path, part: str = "") -> None:
        self._path = path
        self._part = part

    def joinpath(self, name: str) -> _OneFile:
        return _OneFile(self._path, name)

    def __str__(self) -> str:
        return f"{self._path} ({self._part})"

    def read_bytes(self) -> bytes:
        content = self._path.read_bytes()
        try:
            whole: Any = yaml.load(content, Loader=_StrictLoader)  # noqa: S506  a SafeLoader
        except yaml.YAMLError as error:
            raise CatalogueError(f"{self._path}: not valid YAML, {error}.") from error
        one, several = _PARTS[self._part]
        if not isinstance(whole, dict):
            raise CatalogueError(f"{self._path}: expected fields, warnings, resources and package.")
        part = whole.get(one, {}) if one else {name: whole.get(name) or {} for name in several or ()}
        return yaml.safe_dump(part, sort_keys=False, allow_unicode=True).encode()
