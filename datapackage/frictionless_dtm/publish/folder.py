"""A finished data package on disk: its files, checked against what the descriptor says of them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.descriptor.package import WORKBOOK
from frictionless_dtm.publish.descriptor import DESCRIPTOR, PAGES, read_descriptor
from frictionless_dtm.publish.terms import check_witnesses
from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

CHUNK: Final = 1 << 20
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\\]")
"""Lists of checksums and archives cannot hold these characters; a surrogate stands for a byte that is not UTF-8."""


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
    """A finished package; ``files`` in the order of their paths, the descriptor among them.

    ``others`` are files and folders that are in the folder and do not belong to the package.
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
    def data(self) -> tuple[File, ...]:
        """The files that hold data: the resources in their order, then the workbook."""
        paths = [file["path"] for file in described_files(self.descriptor)]
        return tuple(sorted((file for file in self.files if file.resource), key=lambda file: paths.index(file.path)))

    @property
    def documents(self) -> tuple[File, ...]:
        """The files about the data; the descriptor is not one of them."""
        return tuple(file for file in self.files if not file.resource and file.path != DESCRIPTOR)


def open_folder(path: Path, include: Iterable[str] = ()) -> Folder:
    """Read a package that may be published.

    Only the files that the descriptor names and the target's own pages belong to it.

    Args:
        path: The package's folder.
        include: Other files and folders in it that are published as well, by their path in the package.

    Raises:
        DtmError: It may not, or is none, or is not what its descriptor says.
    """
    descriptor = read_descriptor(path / DESCRIPTOR)
    check_witnesses(path, descriptor)
    resources = {_safe_path(resource): resource for resource in described_files(descriptor)}
    names = {DESCRIPTOR, *resources, *(page for page in PAGES if _is_there(path / page))}
    for each in include:
        names.update(_included(path, each))
    for name in names:
        _check_name(name)
    if absent := sorted(name for name in names if not _is_there(path / name)):
        raise DtmError(f"The package lacks {', '.join(absent)}: write it again with target-datapackage.")
    files = tuple(_file(path, name, resources) for name in sorted(names))
    return Folder(path, descriptor, files, tuple(_others(path, path, names)))


def described_files(descriptor: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what the descriptor says of each file of data: of the resources, and of the workbook, if there is one."""
    return [*descriptor["resources"], *(book for book in [descriptor.get(WORKBOOK)] if book)]


def _safe_path(resource: Mapping[str, Any]) -> str:
    path = resource.get("path")
    what = resource.get("name") or resource.get("title")
    parts = PurePosixPath(path).parts if isinstance(path, str) and ":" not in path else ()
    if not parts or parts[0] == "/" or ".." in parts or any(part.startswith(".") for part in parts):
        raise DtmError(f"The resource {what} is not one file in the package's folder: {path!r}.")
    return "/".join(parts)


def _included(folder: Path, name: str) -> Iterator[str]:
    """Yield the files that a user asks for, which may be a folder's."""
    path = folder / name
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts or not _is_there(path):
        raise DtmError(f"--include {name} is not a file or a folder in {folder}: name it as it is called there.")
    if path.is_dir() and not path.is_symlink():
        for entry in sorted(path.iterdir()):
            yield from _included(folder, entry.relative_to(folder).as_posix())
    else:
        yield path.relative_to(folder).as_posix()


def _others(folder: Path, inside: Path, names: Collection[str]) -> Iterator[str]:
    """Yield what is in the folder and not published: files, and folders (with a slash) without a published file."""
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


def _check_name(name: str) -> None:
    if _UNFIT.search(name):
        raise DtmError(
            f"The file {name!r} cannot be published under this name: rename it, without line breaks and other control "
            "characters, back-slashes, and bytes that are not UTF-8."
        )


def _check_source(folder: Path, name: str) -> None:
    """Refuse what is not a file in the folder itself."""
    parts = PurePosixPath(name).parts
    for end in range(1, len(parts) + 1):
        source = folder.joinpath(*parts[:end])
        if source.is_symlink():
            raise DtmError(f"{source} is a link: put the file itself into the package.")
    if not (folder / name).is_file():
        raise DtmError(f"{folder / name} is not a file: only files can be published.")


def _file(folder: Path, path: str, resources: Mapping[str, Mapping[str, Any]]) -> File:
    _check_source(folder, path)
    source = folder / path
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
        raise DtmError(f"{file.path} {wrong}: nothing was published. Write the package again with target-datapackage.")
    if resource.get("bytes", file.size) != file.size:
        raise DtmError(f"{file.path} has {file.size} bytes, and {resource['bytes']} by its descriptor: write it again.")
