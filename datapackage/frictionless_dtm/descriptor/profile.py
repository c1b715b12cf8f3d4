"""The profile: all that the target knows of what its streams mean. Without it, it is a target like any other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec import structs

from tap_dtm.metadata import load_catalogue, load_catalogue_from
from tap_dtm.metadata.model import API_VERSIONS, Catalogue, Field, Package, Resource

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from frictionless_dtm.descriptor.shape import Shape

__all__ = ["Profile", "Resource", "fields_of"]

_OF_DTM: Final = frozenset({"admin0_pcode", "operation"})
"""Columns that all streams of DTM's figures have, and hardly any other stream."""


@dataclass(frozen=True)
class Profile:
    """What a catalogue says of the streams of a package."""

    catalogue: Catalogue

    @classmethod
    def at(cls, path: Path | None) -> Profile:
        """Return the profile that a folder or a YAML file holds; this project's without a path.

        Raises:
            CatalogueError: It cannot be read, or says something that a catalogue cannot say.
        """
        return cls(load_catalogue_from(path, is_foreign=True)) if path else cls.of_dtm()

    @classmethod
    def of_dtm(cls) -> Profile:
        """Return this project's own profile."""
        return cls(load_catalogue())

    @property
    def _is_of_dtm(self) -> bool:
        return self.catalogue is load_catalogue()

    def resource_of(self, shape: Shape) -> Resource | None:
        """Return what the catalogue says of a stream: the resource of the same name and with the same key.

        DTM's streams are recognised by their columns, because a stream map may give a stream any name. Columns that
        the catalogue does not know, such as those that a map adds, are described by the stream's own schema.
        """
        if self._is_of_dtm:
            return _by_columns(shape, self.catalogue)
        resource = self.catalogue.resources.get(shape.stream)
        return resource if resource and resource.key == shape.key else None

    def package_of(self, shape: Shape) -> Package | None:
        """Return what the catalogue says of the package that a stream belongs to, above all its terms; None if nothing.

        A stream map may change the key of one of DTM's streams, which then lacks a description. The terms still hold.
        """
        if self.resource_of(shape):
            return self.catalogue.package
        if not self._is_of_dtm or not _OF_DTM.issubset(shape.names):
            return None
        is_known = any(_is_known(shape, each) for each in self.catalogue.resources.values())
        return self.catalogue.package if is_known else None

    def place(self, shape: Shape) -> tuple[int, str]:
        """Return what sorts streams as the catalogue does, and those that it does not know after them, by name."""
        order = list(self.catalogue.resources)
        resource = self.resource_of(shape)
        return order.index(resource.name) if resource else len(order), shape.stream

    def api_version(self, shapes: Iterable[Shape]) -> str | None:
        """Return the version of the API that rows with these columns come from; None if either has them."""
        fitting = set(API_VERSIONS)
        for shape in shapes:
            if resource := self.resource_of(shape):
                for version in resource.endpoints:
                    known = _known(shape, resource)
                    if not {field.name for field in resource.fields_for(version)}.issuperset(known):
                        fitting.discard(version)
        return fitting.pop() if len(fitting) == 1 else None

    def complaints(self, shapes: Iterable[Shape]) -> list[str]:
        """Return what the catalogue says otherwise than the streams do, a sentence each."""
        found = []
        shapes = list(shapes)
        if not self._is_of_dtm and not any(shape.stream in self.catalogue.resources for shape in shapes):
            found.append(
                f"The metadata describes {', '.join(self.catalogue.resources)}, and the input has none of them but "
                f"{', '.join(shape.stream for shape in shapes)}: it describes nothing of this package."
            )
        for shape in shapes:
            resource = self.resource_of(shape)
            named = self.catalogue.resources.get(shape.stream)
            if named and resource is None:
                lost = "warnings and missing values" if self.package_of(shape) else "terms, warnings, missing values"
                found.append(
                    f"The stream {shape.stream} has the key {', '.join(shape.key) or 'none'}, and the metadata's "
                    f"{named.name} has {', '.join(named.key)}: the package describes the stream by its own schema "
                    f"only, without the metadata's {lost}."
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
                field if is_same else structs.replace(field, type=cast("Any", column.kind), constraints={}, example="")
            )
    return found
