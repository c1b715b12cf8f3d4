"""The folder of the package: built beside, put in place in one step, and put right after a kill."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tap_dtm.errors import DtmError

DESCRIPTOR: Final = "datapackage.json"
_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2  # Linux, linux/fs.h
_RENAME_SWAP: Final = 2  # macOS, sys/stdio.h


@dataclass(frozen=True)
class Manifest:
    """The files of a package as they were written: size and time of change by path, and the descriptor's sha256."""

    sha256: str
    files: dict[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> Manifest:
        """Return the manifest of a folder in which nothing but a package stands."""
        files = {}
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                files[path.relative_to(folder).as_posix()] = _stamp(path)
        return cls(digest(folder) or "", files)

    @classmethod
    def from_json(cls, value: Any) -> Manifest | None:  # noqa: ANN401
        """Return the manifest that the store has noted, if it has one."""
        if not value:
            return None
        return cls(value["sha256"], {path: (size, time) for path, (size, time) in value["files"].items()})

    def to_json(self) -> dict[str, Any]:
        """Return what the store can note."""
        return {"sha256": self.sha256, "files": self.files}

    def has(self, folder: Path, name: str) -> bool:
        """Whether a file is there as it was written."""
        try:
            return _stamp(folder / name) == self.files.get(name)
        except OSError:
            return False

    def is_whole(self, folder: Path) -> bool:
        """Whether every file is there as it was written."""
        return all(self.has(folder, name) for name in self.files)


class Folder:
    """The folder of a package, and the hidden one beside it that holds the store and the package in the making.

    Args:
        path: The package's folder, absolute; need not exist.

    Raises:
        DtmError: Another folder cannot take its place.
    """

    def __init__(self, path: Path) -> None:  # noqa: D107
        self.path = path
        self.work = store_of(path).parent
        if os.path.ismount(path):
            raise DtmError(
                f"The setting path names {path}, a mount point, which cannot be replaced in one step: name a folder "
                "inside it."
            )
        with suppress(FileNotFoundError):  # of a current folder that is gone
            if Path.cwd().is_relative_to(path):
                raise DtmError(
                    f"The setting path names {path}, in which this command runs and which cannot be replaced: "
                    "name a folder inside it, or start from elsewhere."
                )
        if path.exists() and not path.is_dir():
            raise DtmError(f"The setting path names {path}, which is a file: name a folder.")
        try:
            self.work.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DtmError(f"The folder {self.work} cannot be made: {error.strerror}.") from error

    @property
    def store(self) -> Path:
        """The file of the store."""
        return store_of(self.path)

    @property
    def _building(self) -> Path:
        return self.work / "building"

    @property
    def next(self) -> Path:
        """The package that is about to take its place; after that, the one that left it."""
        return self.work / "next"

    @property
    def _aside(self) -> Path:
        return self.work / "aside"

    def start(self) -> Path:
        """Return an empty folder to build a package in."""
        shutil.rmtree(self._building, ignore_errors=True)
        (self._building / "data").mkdir(parents=True)
        for folder in (self._building, self._building / "data"):
            folder.chmod(0o755)
        return self._building

    def reuse(self, name: str) -> None:
        """Put a file of the present package into the one in the making; files are never changed in place."""
        source, target = self.path / name, self._building / name
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)

    def ready(self) -> Manifest:
        """End building: from now on the package is whole, and on disk."""
        shutil.rmtree(self.next, ignore_errors=True)
        manifest = Manifest.of(self._building)
        _sync(self._building / "data")
        _sync(self._building)
        self._building.rename(self.next)
        _sync(self.work)
        return manifest

    def install(self, previous: Manifest | None) -> None:
        """Put the package that is ready in place of the present one.

        Args:
            previous: The files of the present package. Whatever else stands in its folder moves along.
        """
        if not self.path.exists():
            self.next.rename(self.path)
        elif not _exchange(self.next, self.path):
            self.path.rename(self._aside)
            self.next.rename(self.path)
        _sync(self.path.parent)
        for left in (self.next, self._aside):
            self._carry_over(left, previous)

    def recover(self, current: Manifest | None, previous: Manifest | None) -> None:
        """Finish what a killed run has begun.

        Args:
            current: The package that the store stands for.
            previous: The one before it.

        Raises:
            DtmError: The folder holds something else than this target's package.
        """
        if current is None:
            if self.path.is_dir() and any(self.path.iterdir()):
                raise DtmError(
                    f"The folder {self.path} is not empty, and no run of this target has filled it (or {self.work} "
                    "is gone): name another folder, or empty this one and start without state."
                )
        elif digest(self.path) != current.sha256 and digest(self.next) == current.sha256:
            self.install(previous)
        for left in (self.next, self._aside):
            if left.exists():
                is_previous = previous is not None and digest(left) == previous.sha256
                self._carry_over(left, previous if is_previous else None)
        shutil.rmtree(self._building, ignore_errors=True)

    def _carry_over(self, left: Path, manifest: Manifest | None) -> None:
        """Move what is not the package's from a package that has left its place, then remove it."""
        if not left.exists():
            return
        for path in sorted(left.rglob("*")) if manifest else ():
            name = path.relative_to(left)
            if (path.is_symlink() or path.is_file()) and manifest and name.as_posix() not in manifest.files:
                target = self.path / name
                if not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    path.rename(target)
        shutil.rmtree(left, ignore_errors=True)


def store_of(path: Path) -> Path:
    """Return the file in which the target keeps its record of the package in a folder, given by its absolute path."""
    return path.parent / f".{path.name}.target-datapackage" / "rows.sqlite"


def digest(folder: Path) -> str | None:
    """Return the sha256 of a package's descriptor, which holds those of its data; None without one."""
    try:
        return hashlib.sha256((folder / DESCRIPTOR).read_bytes()).hexdigest()
    except OSError:
        return None


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return (status.st_size, status.st_mtime_ns)


def _sync(folder: Path) -> None:
    """Make the names in a folder permanent, where the system knows how."""
    with suppress(OSError, AttributeError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the system cannot."""
    first, second = os.fsencode(one), os.fsencode(other)
    try:
        if sys.platform == "linux":
            libc = ctypes.CDLL(None, use_errno=True)
            failed = libc.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, ctypes.c_uint(_RENAME_EXCHANGE))
        elif sys.platform == "darwin":
            libc = ctypes.CDLL(None, use_errno=True)
            failed = libc.renamex_np(first, second, ctypes.c_uint(_RENAME_SWAP))
        else:
            return False
    except (AttributeError, OSError):
        return False
    if not failed:
        return True
    code = ctypes.get_errno()
    if code in {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}:
        return False
    raise OSError(code, os.strerror(code), str(other))
