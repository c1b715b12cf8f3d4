"""A finished data package on disk: its descriptor, and its files, checked against it.

It is opened only if it may be redistributed.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from frictionless_dtm.descriptor.package import DESCRIPTOR, PAGES, WORKBOOK
from frictionless_dtm.descriptor.reading import Descriptor
from frictionless_dtm.publish.terms import check_witnesses
from frictionless_dtm.target.manifest import sha256_of
from tap_dtm.errors import DtmError
from tap_dtm.metadata import is_web_address

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

_Shape = TypeVar("_Shape")

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
    """A finished package. ``package`` has the properties of the descriptor that publishing uses, checked.

    Its ``files``, with the descriptor, are in the order of their paths.

    ``others`` are the files and folders in its folder that do not belong to the package.
    """

    path: Path
    package: Descriptor
    descriptor: Mapping[str, Any]
    files: tuple[File, ...]
    others: tuple[str, ...] = ()

    @property
    def described(self) -> list[File]:
        """The files without the descriptor: first those with data, in its order, then those about the data."""
        places = {each["path"]: place for place, each in enumerate(_described_files(self.descriptor))}
        files = (file for file in self.files if file.path != DESCRIPTOR)
        return sorted(files, key=lambda file: places.get(file.path, len(places)))


def open_folder(path: Path, include: Iterable[str] = ()) -> Folder:
    """Read a package that may be published.

    Only the files in the descriptor and the target's own pages belong to it, and the files and folders to include.

    Raises:
        DtmError: The package may not be published, or it does not match its descriptor.
    """
    package, descriptor = _read_descriptor(path / DESCRIPTOR)
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
    return Folder(path, package, descriptor, files, tuple(_others(path, path, names)))


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
    for each in path.rglob("*") if path.is_dir() and not path.is_symlink() else [path]:
        if each.is_symlink() or not each.is_dir():
            yield each.relative_to(folder).as_posix()


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
    """Return a file of the package, which is neither a link nor in a folder that is one, and is as described."""
    source = folder / path
    for each in (source, *source.parents):
        if each == folder:
            break
        if each.is_symlink():
            raise DtmError(f"{each} is a link. Replace it with the file itself.")
    if not source.is_file():
        raise DtmError(f"{source} is not a file: only files can be published.")
    file = File(path, source, source.stat().st_size, sha256_of(source), resource)
    if resource is None:
        return file
    if resource.get("hash") != f"sha256:{file.sha256}":
        wrong = "does not match the hash in the descriptor" if resource.get("hash") else "has no hash in the descriptor"
        raise DtmError(f"{file.path} {wrong}: nothing was published. Write the package again with target-datapackage.")
    if resource.get("bytes", file.size) != file.size:
        raise DtmError(f"{file.path} has {file.size} bytes, but {resource['bytes']} in the descriptor: write it again.")
    return file


def _read_descriptor(path: Path) -> tuple[Descriptor, Mapping[str, Any]]:
    """Return the descriptor, without properties that are null, as a type and as it is.

    Raises:
        DtmError: There is no descriptor, or a property that publishing uses does not follow the standard.
    """
    try:
        descriptor = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DtmError(f"{path.parent} is not a data package: it has no {DESCRIPTOR}.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DtmError(f"{path} cannot be read: {error}") from None
    descriptor = _without_null(descriptor)
    if not isinstance(descriptor, dict) or not isinstance(descriptor.get("resources"), list):
        raise DtmError(f"{path} is not a data package: it lists no resources.")
    for name in ("name", "version"):
        text = descriptor.get(name)
        if not isinstance(text, str) or not text:
            raise DtmError(f"{path} has no {name}, which publishing needs.")
        if not text.isprintable():
            raise DtmError(f"{path} has the {name} {text!r}. A {name} must be one line of printable characters.")
    package = as_shape(descriptor, Descriptor, f"{path} does not follow the Data Package standard")
    _check_addresses(path, package)
    return package, descriptor


def as_shape(value: Any, shape: type[_Shape], what: str) -> _Shape:  # noqa: ANN401
    """Convert a JSON value of another program to a type. Properties that the type does not have are dropped.

    Raises:
        DtmError: The value has another form. The message begins with ``what``, names the place and repeats no value.
    """
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise DtmError(f"{what} ({error}).") from None


def _check_addresses(path: Path, package: Descriptor) -> None:
    """Refuse addresses that a site would turn into links to anything other than web pages."""
    entries = {"sources": package.sources, "contributors": package.contributors, "licenses": package.licenses}
    named = [(what, each.path) for what, of_kind in entries.items() for each in of_kind]
    for what, address in [("homepage", package.homepage), *named]:
        if address and not is_web_address(address):
            raise DtmError(
                f"{path} cannot be published: {what} names the address {address!r}. Only addresses with http:// or "
                "https:// may be published. Correct the metadata and write the package again."
            )


def _without_null(value: Any, depth: int = 0) -> Any:  # noqa: ANN401
    """Remove null properties of the descriptor and of the objects in its lists. Deeper, null may have a meaning."""
    if isinstance(value, dict):
        return {name: _without_null(each, depth + 1) for name, each in value.items() if each is not None}
    if isinstance(value, list) and depth == 1:
        return [_without_null(each, depth + 1) for each in value]
    return value
