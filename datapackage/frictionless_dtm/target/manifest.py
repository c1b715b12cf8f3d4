"""The target's own record of the files that it wrote into a package; the store keeps it."""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

DESCRIPTOR: Final = "datapackage.json"


@dataclass(frozen=True)
class Manifest:
    """The files of a package as they were written: size and time of change by path, and the descriptor's sha256."""

    sha256: str
    files: dict[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> Manifest:
        """Return the manifest of a folder that holds only a package."""
        found = ((path.relative_to(folder).as_posix(), _stamp(path)) for path in sorted(folder.rglob("*")))
        return cls(digest(folder) or "", {name: stamp for name, stamp in found if stamp})

    @classmethod
    def from_json(cls, value: Any) -> Manifest | None:  # noqa: ANN401
        """Return the manifest that the store has noted, if it has one."""
        if not value:
            return None
        return cls(value["sha256"], {path: (size, time) for path, (size, time) in value["files"].items()})

    def to_json(self) -> dict[str, Any]:
        """Return what the store can note."""
        return {"sha256": self.sha256, "files": self.files}

    @property
    def folders(self) -> set[str]:
        """The folders of the files, such as ``.`` and ``data``."""
        return {parent.as_posix() for name in self.files for parent in PurePosixPath(name).parents}

    def has(self, folder: Path, name: str) -> bool:
        """Whether a file is there as it was written. A link to such a file is something else."""
        stamp = _stamp(folder / name)
        return stamp is not None and stamp == self.files.get(name)

    def is_whole(self, folder: Path) -> bool:
        """Whether every file is there as it was written."""
        return all(self.has(folder, name) for name in self.files)


def digest(folder: Path) -> str | None:
    """Return the sha256 of a package's descriptor, which holds those of its data; None without one."""
    path = folder / DESCRIPTOR
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() if _stamp(path) else None
    except OSError:
        return None


def _stamp(path: Path) -> tuple[int, int] | None:
    """Return size and time of change of a file; None for everything else, such as a link or a pipe."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None
