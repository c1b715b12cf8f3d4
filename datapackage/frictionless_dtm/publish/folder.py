"""A finished data package on disk: its files, checked against what the descriptor says of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.publish.descriptor import DESCRIPTOR, read_descriptor
from frictionless_dtm.publish.terms import check_permission
from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CHUNK: Final = 1 << 20


@dataclass(frozen=True)
class File:
    """A file of the package. ``path`` is that in the package, with slashes; ``resource`` the data it holds, if any."""

    path: str
    source: Path
    size: int
    sha256: str
    resource: Mapping[str, Any] | None = None

    def chunks(self) -> Iterator[bytes]:
        """Yield the content.

        Raises:
            DtmError: It is no longer what it was when the package was checked.
        """
        digest = hashlib.sha256()
        with self.source.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
                yield chunk
        if digest.hexdigest() != self.sha256:
            raise DtmError(f"{self.path} changed while it was being published: run again when the package is at rest.")


@dataclass(frozen=True)
class Folder:
    """A finished package; ``files`` in the order of their paths, the descriptor among them."""

    path: Path
    descriptor: Mapping[str, Any]
    files: tuple[File, ...]

    @property
    def name(self) -> str:
        """The package's name."""
        return str(self.descriptor["name"])

    @property
    def version(self) -> str:
        """The package's version."""
        return str(self.descriptor["version"])

    @property
    def data(self) -> tuple[File, ...]:
        """The files that hold data, in the order of the resources."""
        paths = [resource["path"] for resource in self.descriptor["resources"]]
        return tuple(sorted((file for file in self.files if file.resource), key=lambda file: paths.index(file.path)))

    @property
    def documents(self) -> tuple[File, ...]:
        """The files about the data; the descriptor is not one of them."""
        return tuple(file for file in self.files if not file.resource and file.path != DESCRIPTOR)


def open_folder(path: Path) -> Folder:
    """Read a package that may be published.

    Raises:
        DtmError: It may not, or is none, or is not what its descriptor says.
    """
    descriptor = read_descriptor(path / DESCRIPTOR)
    check_permission(descriptor)
    resources: dict[str, Mapping[str, Any]] = {}
    for resource in descriptor["resources"]:
        resources[_safe_path(resource)] = resource
    files = tuple(_file(path, source, resources) for source in _sources(path))
    if absent := resources.keys() - {file.path for file in files}:
        raise DtmError(f"The package lacks {', '.join(sorted(absent))}: write it anew with target-datapackage.")
    return Folder(path, descriptor, files)


def _safe_path(resource: Mapping[str, Any]) -> str:
    path = resource.get("path")
    parts = PurePosixPath(path).parts if isinstance(path, str) and "\\" not in path and ":" not in path else ()
    if not parts or parts[0] == "/" or ".." in parts or any(part.startswith(".") for part in parts):
        raise DtmError(f"The resource {resource.get('name')} is not one file in the package's folder: {path!r}.")
    return "/".join(parts)


def _sources(folder: Path) -> list[Path]:
    """Return all files that are not hidden."""
    found = []
    for source in folder.rglob("*"):
        if any(part.startswith(".") for part in source.relative_to(folder).parts):
            continue
        if source.is_symlink():
            raise DtmError(f"{source} is a link: put the file itself into the package.")
        if source.is_file():
            found.append(source)
    return sorted(found, key=lambda source: source.relative_to(folder).as_posix())


def _file(folder: Path, source: Path, resources: Mapping[str, Mapping[str, Any]]) -> File:
    path = source.relative_to(folder).as_posix()
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    file = File(path, source, size, digest.hexdigest(), resources.get(path))
    if file.resource is not None:
        _verify(file, file.resource)
    return file


def _verify(file: File, resource: Mapping[str, Any]) -> None:
    if resource.get("hash") != f"sha256:{file.sha256}":
        wrong = "has another content than the descriptor says" if resource.get("hash") else "has no hash to verify"
        raise DtmError(f"{file.path} {wrong}: nothing was published. Write the package anew with target-datapackage.")
    if resource.get("bytes", file.size) != file.size:
        raise DtmError(f"{file.path} has {file.size} bytes, and {resource['bytes']} by its descriptor: write it anew.")
