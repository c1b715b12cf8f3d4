"""Which catalogue describes the streams: this project's, or the one that the setting ``metadata`` names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import yaml

from tap_dtm.metadata import Catalogue, CatalogueError, load_catalogue, load_catalogue_from

if TYPE_CHECKING:
    from pathlib import Path

    from frictionless_dtm.shape import Shape
    from tap_dtm.metadata import Resource

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
        return load_catalogue_from(path)
    return load_catalogue_from(cast("Path", _OneFile(path)))  # all that is asked for is joinpath


def resource_of(shape: Shape, catalogue: Catalogue) -> Resource | None:
    """Return what a catalogue says of a stream: its name, its key and every column must be there."""
    resource = catalogue.resources.get(shape.stream)
    if resource is None or resource.key != shape.key:
        return None
    known = {field.name for field in resource.fields}
    return resource if known.issuperset(shape.names) else None


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
            whole: Any = yaml.safe_load(content)
        except yaml.YAMLError as error:
            raise CatalogueError(f"{self._path}: not valid YAML, {error}.") from error
        one, several = _PARTS[self._part]
        if not isinstance(whole, dict):
            raise CatalogueError(f"{self._path}: expected fields, warnings, resources and package.")
        part = whole.get(one, {}) if one else {name: whole.get(name, {}) for name in several or ()}
        return yaml.safe_dump(part, sort_keys=False, allow_unicode=True).encode()
