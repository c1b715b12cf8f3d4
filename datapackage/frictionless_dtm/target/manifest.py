"""The files of a package: their sizes, times and hashes."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from frictionless_dtm.descriptor.package import DESCRIPTOR


@dataclass(frozen=True)
class Manifest:
    """The files of a package as written: size and modification time by path, and the sha256 of the descriptor."""

    sha256: str
    files: dict[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> Manifest:
        """Return the manifest of a folder that holds only a package."""
        stamps = ((path.relative_to(folder).as_posix(), _stamp(path)) for path in sorted(folder.rglob("*")))
        return cls(digest(folder) or "", {name: stamp for name, stamp in stamps if stamp})

    @property
    def folders(self) -> set[str]:
        """The folders of the files, such as ``.`` and ``data``."""
        return {parent.as_posix() for name in self.files for parent in PurePosixPath(name).parents}

    def has(self, folder: Path, name: str) -> bool:
        """Return whether a file is unchanged since it was written. A link to such a file does not count."""
        stamp = _stamp(folder / name)
        return stamp is not None and stamp == self.files.get(name)

    def is_whole(self, folder: Path) -> bool:
        """Return whether all files are unchanged since they were written."""
        return all(self.has(folder, name) for name in self.files)


def digest(folder: Path) -> str | None:
    """Return the sha256 of a package's descriptor, which has the hashes of the data; None without a descriptor."""
    path = folder / DESCRIPTOR
    try:
        return sha256_of(path) if _stamp(path) else None
    except OSError:
        return None


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1024 * 1024):
            digest.update(chunk)
    return digest.hexdigest()


def make_permanent(path: Path) -> None:
    """Wait until a new file is on disk, and let everybody read it."""
    path.chmod(0o644)
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _stamp(path: Path) -> tuple[int, int] | None:
    """Return size and modification time of a file; None for everything else, such as a link or a pipe."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None
