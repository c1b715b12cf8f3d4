"""The catalogue of a package: this project's, or the one that the setting ``metadata`` names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import yaml
from typing_extensions import override

from tap_dtm.metadata import Catalogue, CatalogueError, load_catalogue, load_catalogue_from

if TYPE_CHECKING:
    from pathlib import Path

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


class _StrictLoader(yaml.SafeLoader):
    """Refuses what PyYAML passes over: of a key that is declared twice, it would keep the second."""

    @override
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
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

    @override
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
