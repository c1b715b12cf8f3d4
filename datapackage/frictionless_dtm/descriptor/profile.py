"""The profile, which gives the target the meaning of its streams. The target works for streams without one, too.

Data of the sandbox are recognised, and their package is described without naming IOM.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec import structs

from tap_dtm.metadata import load_catalogue, load_catalogue_from
from tap_dtm.metadata.model import API_VERSIONS, Catalogue, Field, Package, Resource

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from frictionless_dtm.descriptor.shape import Shape

__all__ = ["Profile", "Resource", "as_invented", "fields_of", "is_invented"]

_OF_DTM: Final = frozenset({"admin0_pcode", "operation"})
"""Columns of all streams of DTM's figures, and of hardly any other stream."""

# ISO 3166-1 reserves XAA to XZZ for users, such as the sandbox. XKX is in use for Kosovo.
_INVENTED: Final = re.compile(r"X(?!KX)[A-Z]{2}\Z")
_CREDIT: Final = "Invented data, made by the sandbox of tap-dtm; not data of IOM"


@dataclass(frozen=True)
class Profile:
    """The descriptions of a package's streams in a catalogue."""

    catalogue: Catalogue

    @classmethod
    def at(cls, path: Path | None) -> Profile:
        """Return the profile in a folder or a YAML file; without a path, this project's.

        Raises:
            DtmError: The catalogue cannot be read, or is not valid.
        """
        return cls(load_catalogue_from(path) if path else load_catalogue())

    @property
    def _is_of_dtm(self) -> bool:
        return self.catalogue is load_catalogue()

    def resource_of(self, shape: Shape) -> Resource | None:
        """Return the resource of the catalogue with the name and the key of a stream.

        DTM's streams are recognised by their columns, because a stream map can rename a stream. Other columns, such as
        those that a map adds, are described by the stream's own schema.
        """
        if self._is_of_dtm:
            return _by_columns(shape, self.catalogue)
        resource = self.catalogue.resources.get(shape.stream)
        return resource if resource and resource.key == shape.key else None

    def package_of(self, shape: Shape) -> Package | None:
        """Return the catalogue's description of the package of a stream, with its terms, if there is one.

        A stream map can change the key of a DTM stream, which then has no description. Its terms still apply.
        """
        if self.resource_of(shape):
            return self.catalogue.package
        if not self._is_of_dtm or not _OF_DTM.issubset(shape.names):
            return None
        is_known = any(_is_known(shape, each) for each in self.catalogue.resources.values())
        return self.catalogue.package if is_known else None

    def place(self, shape: Shape) -> tuple[int, str]:
        """Return the sort key of a stream: the order of the catalogue, then unknown streams by name."""
        order = list(self.catalogue.resources)
        resource = self.resource_of(shape)
        return order.index(resource.name) if resource else len(order), shape.stream

    def api_version(self, shapes: Iterable[Shape]) -> str | None:
        """Return the version of the API that has these columns; None if both versions have them."""
        fitting = set(API_VERSIONS)
        for shape in shapes:
            if resource := self.resource_of(shape):
                for version in resource.endpoints:
                    known = _known(shape, resource)
                    if not {field.name for field in resource.fields_for(version)}.issuperset(known):
                        fitting.discard(version)
        return fitting.pop() if len(fitting) == 1 else None

    def complaints(self, shapes: Collection[Shape]) -> Iterator[str]:
        """Yield a sentence for each contradiction between the catalogue and the streams."""
        if not self._is_of_dtm and not any(shape.stream in self.catalogue.resources for shape in shapes):
            yield (
                "The metadata describes no stream of the input. "
                f"It describes {', '.join(self.catalogue.resources)}, and the input has "
                f"{', '.join(shape.stream for shape in shapes)}."
            )
        for shape in shapes:
            resource = self.resource_of(shape)
            named = self.catalogue.resources.get(shape.stream)
            if named and resource is None:
                lost = "warnings and missing values" if self.package_of(shape) else "terms, warnings, missing values"
                yield (
                    f"The stream {shape.stream} has the key {', '.join(shape.key) or 'none'}, and in the metadata "
                    f"it is {', '.join(named.key)}. So the package describes the stream only by its own schema, "
                    f"without the metadata's {lost}."
                )
            elif resource:
                types = {field.name: field.type for field in resource.fields}
                for column in shape.columns:
                    if types.get(column.name, column.kind) != column.kind:
                        yield (
                            f"The column {column.name} of {shape.stream} has the type {column.kind}, and the metadata "
                            f"has {types[column.name]}. The package uses {column.kind}."
                        )


def _by_columns(shape: Shape, catalogue: Catalogue) -> Resource | None:
    """Return the resource with the key and most columns of a stream. The same name decides between equal ones."""
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
    """Return whether a resource has at least half of the columns of a stream."""
    return 2 * len(_known(shape, resource)) >= len(shape.names)


def _known(shape: Shape, resource: Resource) -> set[str]:
    return {field.name for field in resource.fields}.intersection(shape.names)


def fields_of(shape: Shape, resource: Resource | None) -> dict[str, Field]:
    """Return the catalogue's descriptions of columns.

    If the stream declares another type for a column, that type counts, without the catalogue's constraints and example.
    """
    known = {field.name: field for field in resource.fields} if resource else {}
    fields = {}
    for column in shape.columns:
        if field := known.get(column.name):
            if field.type != column.kind:
                field = structs.replace(field, type=cast("Any", column.kind), constraints={}, example="")
            fields[column.name] = field
    return fields


def is_invented(countries: Collection[str]) -> bool:
    """Return whether a country code is one of the sandbox."""
    return any(_INVENTED.match(code) for code in countries)


def as_invented(package: Package) -> Package:
    """Return the description of a package with invented data: without IOM as source, and without a contact."""
    makers = tuple(each for each in package.contributors if "rightsHolder" not in each.roles)
    home = makers[-1].url if makers else package.homepage
    return structs.replace(
        package,
        name=f"{package.name}-sandbox",
        title=f"Invented data: {package.title}",
        description=f"Invented by the sandbox of tap-dtm; nobody lives here. {package.description}",
        homepage=home,
        source=structs.replace(package.source, title="Sandbox of tap-dtm (invented data)", url=home),
        credit_line=_CREDIT,
        citation=f"{_CREDIT}. Made on {{access_date}}.",
        contact=None,
        contributors=makers,
    )
