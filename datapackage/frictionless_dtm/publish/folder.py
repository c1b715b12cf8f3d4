"""A finished data package on disk: its files, checked against the descriptor."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.descriptor.package import DESCRIPTOR, PAGES, WORKBOOK
from frictionless_dtm.publish.descriptor import read_descriptor
from frictionless_dtm.publish.terms import check_witnesses
from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

CHUNK: Final = 1 << 20
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\\]")
"""Characters that lists of checksums and archives cannot hold. A surrogate is a byte that is not UTF-8."""


@dataclass(frozen=True)
class File:
    """A file of the package. ``path`` is in the package, with slashes; ``resource`` describes its data, if any."""

    path: str
    source: Path
    size: int
    sha256: str
    resource: Mapping[str, Any] | None = None

    def chunks(self) -> Iterator[bytes]:
        """Yield the content.

        Raises:
            DtmError: The file has changed since the package was checked.
        """
        digest = hashlib.sha256()
        with self.source.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
                yield chunk
        if digest.hexdigest() != self.sha256:
            raise DtmError(
                f"{self.path} changed while it was published. Wait until nothing writes the package, and run again."
            )


@dataclass(frozen=True)
class Folder:
    """A finished package. Its ``files``, with the descriptor, are in the order of their paths.

    ``others`` are the files and folders in its folder that do not belong to the package.
    """

    path: Path
    descriptor: Mapping[str, Any]
    files: tuple[File, ...]
    others: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The package's name."""
        return str(self.descriptor["name"])

    @property
    def version(self) -> str:
        """The package's version."""
        return str(self.descriptor["version"])

    @property
    def data(self) -> list[File]:
        """The files with data: the resources in their order, then the workbook."""
        paths = [file["path"] for file in _described_files(self.descriptor)]
        return sorted((file for file in self.files if file.resource), key=lambda file: paths.index(file.path))

    @property
    def documents(self) -> list[File]:
        """The files about the data, without the descriptor."""
        return [file for file in self.files if not file.resource and file.path != DESCRIPTOR]


def open_folder(path: Path, include: Iterable[str] = ()) -> Folder:
    """Read a package that may be published.

    Only the files in the descriptor and the target's own pages belong to it, and the files and folders to include.

    Raises:
        DtmError: The package may not be published, or it does not match its descriptor.
    """
    descriptor = read_descriptor(path / DESCRIPTOR)
    check_witnesses(path, descriptor)
    resources = {_safe_path(resource): resource for resource in _described_files(descriptor)}
    names = {DESCRIPTOR, *resources, *(page for page in PAGES if _is_there(path / page))}
    for each in include:
        names.update(_included(path, each))
    if unfit := next(filter(_UNFIT.search, names), None):
        raise DtmError(
            f"The file {unfit!r} cannot be published under this name. Rename it without control characters, "
            "backslashes and bytes that are not UTF-8."
        )
    if absent := sorted(name for name in names if not _is_there(path / name)):
        raise DtmError(f"The package lacks {', '.join(absent)}: write it again with target-datapackage.")
    files = tuple(_file(path, name, resources.get(name)) for name in sorted(names))
    return Folder(path, descriptor, files, tuple(_others(path, path, names)))


def _described_files(descriptor: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the description of each file with data: the resources, and the workbook if there is one."""
    return [*descriptor["resources"], *(book for book in [descriptor.get(WORKBOOK)] if book)]


def _safe_path(resource: Mapping[str, Any]) -> str:
    path = resource.get("path")
    what = resource.get("name") or resource.get("title")
    parts = PurePosixPath(path).parts if isinstance(path, str) and ":" not in path else ()
    if not parts or parts[0] == "/" or ".." in parts or any(part.startswith(".") for part in parts):
        raise DtmError(f"The resource {what} must be one file in the package's folder, and its path is {path!r}.")
    return "/".join(parts)


def _included(folder: Path, name: str) -> Iterator[str]:
    """Yield the files that a user includes by the name of a file or folder."""
    path = folder / name
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts or not _is_there(path):
        raise DtmError(f"--include {name} is not a file or a folder in {folder}. Give its path in this folder.")
    if path.is_dir() and not path.is_symlink():
        for entry in sorted(path.iterdir()):
            yield from _included(folder, entry.relative_to(folder).as_posix())
    else:
        yield path.relative_to(folder).as_posix()


def _others(folder: Path, inside: Path, names: Collection[str]) -> Iterator[str]:
    """Yield the unpublished files of the folder, and its folders (with a slash) that have no published file."""
    for entry in sorted(inside.iterdir()):
        name = entry.relative_to(folder).as_posix()
        if entry.is_dir() and not entry.is_symlink():
            if any(each.startswith(f"{name}/") for each in names):
                yield from _others(folder, entry, names)
            else:
                yield f"{name}/"
        elif name not in names:
            yield name


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _file(folder: Path, path: str, resource: Mapping[str, Any] | None) -> File:
    """Return a file of the package, which is neither a link nor in a folder that is one."""
    source = folder / path
    for each in (source, *source.parents):
        if each == folder:
            break
        if each.is_symlink():
            raise DtmError(f"{each} is a link. Replace it with the file itself.")
    if not source.is_file():
        raise DtmError(f"{source} is not a file: only files can be published.")
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    file = File(path, source, size, digest.hexdigest(), resource)
    if resource is not None:
        _verify(file, resource)
    return file


def _verify(file: File, resource: Mapping[str, Any]) -> None:
    if resource.get("hash") != f"sha256:{file.sha256}":
        wrong = "does not match the hash in the descriptor" if resource.get("hash") else "has no hash in the descriptor"
        raise DtmError(f"{file.path} {wrong}: nothing was published. Write the package again with target-datapackage.")
    if resource.get("bytes", file.size) != file.size:
        raise DtmError(f"{file.path} has {file.size} bytes, but {resource['bytes']} in the descriptor: write it again.")
