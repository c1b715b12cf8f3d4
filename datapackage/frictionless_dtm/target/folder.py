"""Builds a package next to its folder, puts it in place in one step, and recovers after a killed run.

The steps are: build, commit the store, rename ``building`` to ``next``, exchange it with the package, move the user's
own files, delete the rest. So ``building`` has only files of the target, and ``next`` is either the new package or the
replaced one.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import sqlite3
import stat
import sys
import tempfile
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.target.manifest import Manifest, digest
from frictionless_dtm.target.moving import carry_over, check_movable, is_folder, keep_modes, unlocked
from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_OTHERS: Final = 0o077  # the permissions of other users
_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2  # in linux/fs.h, and as RENAME_SWAP in sys/stdio.h of macOS


class Folder:
    """The folder of a package, and the hidden folder next to it with the store and the next package.

    The package's folder is an absolute path. It need not exist.
    """

    def __init__(self, path: Path) -> None:  # noqa: D107
        self.path = path
        self.store = store_of(path)
        self.work = self.store.parent
        self._building, self._scratch, self._aside = (self.work / name for name in ("building", "scratch", "aside"))
        self._next = self.work / "next"  # the new package before the exchange, the replaced one after it
        if os.path.ismount(path):
            raise DtmError(
                f"The setting path names {path}, a mount point, which cannot be replaced in one step. Name a folder "
                "inside it."
            )
        with suppress(FileNotFoundError):  # the current folder may be deleted
            if Path.cwd().is_relative_to(path):
                raise DtmError(
                    f"The setting path names {path}, in which this command runs, so it cannot be replaced. "
                    "Name a folder inside it, or start the command in another folder."
                )
        if path.exists() and not path.is_dir():
            raise DtmError(f"The setting path names {path}, which is a file: name a folder.")
        _private_folder(self.work, others=(self._next.name, self._aside.name))

    def start(self) -> Path:
        """Return an empty folder to build a package in."""
        self._clear()
        for folder in (self._building, self._building / "data"):
            folder.mkdir(mode=0o700)
        return self._building

    def _clear(self) -> None:
        for folder in (self._building, self._scratch):
            if folder.exists():
                shutil.rmtree(folder)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Return an empty folder for temporary files, which is deleted at the end."""
        self._scratch.mkdir(mode=0o700)
        try:
            yield self._scratch
        finally:
            shutil.rmtree(self._scratch)

    def reuse(self, name: str) -> None:
        """Reuse a file of the present package in the next one. Files are never changed in place."""
        source, target = self.path / name, self._building / name
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)

    def ready(self) -> Manifest:
        """End building. The package is complete and on disk."""
        _sync(self._building / "data")
        _sync(self._building)
        _sync(self.work)
        return Manifest.of(self._building)

    def install(self, previous: Manifest | None) -> None:
        """Replace the present package with the new one. The store has been committed.

        All files of the present package that are not in ``previous`` are moved into the new one. If one cannot be
        moved, which is a DtmError, the new package is in place.
        """
        self._building.rename(self._next)
        self._replace(previous)

    def _replace(self, previous: Manifest | None) -> None:
        keep_modes(self._next, self.path)
        if not self.path.exists():
            self._next.rename(self.path)
        else:
            with unlocked(self.path, self._next, self._aside):
                if not _exchange(self._next, self.path):
                    self.path.rename(self._aside)
                    self._next.rename(self.path)
        _sync(self.path.parent)
        self._carry_over(previous)

    def _carry_over(self, previous: Manifest | None) -> None:
        for left in (self._next, self._aside):
            carry_over(left, self.path, previous)

    def recover(self, current: Manifest | None, previous: Manifest | None) -> None:
        """Finish the work of a killed run, given the package that the store describes, and the one before it.

        Raises:
            DtmError: The folder is not this target's package, or a file in it cannot be moved.
        """
        if current is None:
            self._check_unused()
        else:
            if digest(self._next) == current.sha256:
                self._replace(previous)
            self._carry_over(previous)
            if digest(self._building) == current.sha256 and current.is_whole(self._building):
                self.install(previous)
            check_movable(self.path, current)
        self._clear()

    def _check_unused(self) -> None:
        if self.path.is_dir() and any(self.path.iterdir()):
            raise DtmError(
                f"The folder {self.path} is not empty, and this target has not filled it (or {self.work} is "
                "missing). Name another folder, or empty this one and start without state."
            )
        for left in filter(is_folder, (self._next, self._aside)):
            raise DtmError(
                f"The folder {left} has files of a run that this target has no record of. Move the files that you "
                "need, and delete the folder."
            )


def _private_folder(path: Path, *, others: tuple[str, ...] = ()) -> None:
    """Create a folder that only this user can read and write, or check an existing one.

    ``others`` are the names in it that may belong to other users.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        _check(path)
        for each in sorted(path.iterdir()):
            _check(each, is_shared=each.name in others)
        with suppress(OSError):  # some file systems have no modes
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~_OTHERS)
        is_near = path.stat().st_dev == path.parent.stat().st_dev
    except OSError as error:
        raise DtmError(f"The hidden folder {path} cannot be used: {error.strerror}.") from error
    if not is_near:
        raise DtmError(
            f"The hidden folder {path} is not on the file system of the data package next to it, so the package cannot "
            "be replaced in one step. Move the folder to the same file system."
        )


def _check(path: Path, *, is_shared: bool = False) -> None:
    """Refuse links and files of other users, who could choose with them where data are written."""
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        raise DtmError(
            f"{path} is a symbolic link, and target-datapackage writes only to its own files. Delete the link."
        )
    if not is_shared and not _is_mine(path, status):
        raise DtmError(
            f"{path} belongs to another user, and target-datapackage writes only to its own files. Run it as that "
            "user, or write the data package into a folder that only this user may write to."
        )


def _is_mine(path: Path, status: os.stat_result) -> bool:
    if not hasattr(os, "geteuid") or status.st_uid == os.geteuid():
        return True
    # Some network file systems show the same owner for all files, even for new ones of this user.
    with tempfile.TemporaryDirectory(prefix=".target-datapackage-", dir=path.parent) as mine:
        return Path(mine).lstat().st_uid == status.st_uid


def store_of(path: Path) -> Path:
    """Return the file with the target's record of a package, given by the absolute path of its folder."""
    return path.parent / f".{path.name}.target-datapackage" / "rows.sqlite"


def recorded_descriptor(folder: Path) -> Mapping[str, Any] | None:
    """Return the descriptor as the target wrote it, which nobody edits; None if there is no record of the package."""
    store = store_of(folder.resolve())
    try:
        store.stat()
        with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True, timeout=0.2)) as db:
            row = db.execute("SELECT value FROM meta WHERE name = 'descriptor'").fetchone()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DtmError(
            f"The target's record of this package, {store}, cannot be read ({error.strerror}), so it is unknown "
            "whether the package was changed. Publish as the user who ran target-datapackage."
        ) from None
    except sqlite3.Error as error:
        raise DtmError(
            f"The target's record of this package, {store}, cannot be read ({error}). Wait until no run of "
            "target-datapackage writes the package. If a run was killed, run it again."
        ) from None
    return json.loads(row[0]) if row else None


def _sync(folder: Path) -> None:
    """Make the names in a folder permanent, if the system supports it."""
    with suppress(OSError, AttributeError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; return False if the system cannot."""
    first, second = os.fsencode(one), os.fsencode(other)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "linux":
            failed = libc.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, ctypes.c_uint(_RENAME_EXCHANGE))
        else:  # macOS; Windows has no such library
            failed = libc.renamex_np(first, second, ctypes.c_uint(_RENAME_EXCHANGE))
    except (AttributeError, OSError, TypeError):
        return False
    if not failed:
        return True
    code = ctypes.get_errno()
    if code in {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}:
        return False
    raise OSError(code, os.strerror(code), str(other))
