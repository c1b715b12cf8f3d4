"""Moves the user's own files from the replaced package into the new one.

Everything that the target did not write is moved, never copied and never deleted: files, links, pipes, and folders with
their modes. A folder without files of the target, such as a git repository, moves as a whole.
"""

from __future__ import annotations

import logging
import os
import stat
from contextlib import contextmanager, nullcontext, suppress
from itertools import chain, count
from typing import TYPE_CHECKING, Final

from frictionless_dtm.target.manifest import Manifest
from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MODE: Final = 0o755
_OWNER: Final = 0o700
_LOGGER = logging.getLogger("target-datapackage")


def carry_over(left: Path, place: Path, written: Manifest | None) -> None:
    """Delete the target's files from a replaced package, move everything else to its place, and delete its folder.

    A file with the name of a new file of the target gets another name, with a warning.

    Raises:
        DtmError: A file cannot be moved. Nothing is lost, and the next call continues.
    """
    if not is_folder(left):
        return
    try:
        place.mkdir(exist_ok=True)
        _merge(left, place, "", written or Manifest(""))
    except OSError as error:
        raise DtmError(
            f"The data package is new, but {os.fsdecode(error.filename or left)} cannot be moved into it "
            f"({error.strerror}). Correct its permissions or its place, and run again."
        ) from error


def _merge(source: Path, target: Path, prefix: str, written: Manifest) -> None:
    mode = _mode(source)
    _unlock(source)
    # Files that need another name are last, so that they do not get the name of another file.
    for entry in sorted(source.iterdir(), key=lambda each: (os.path.lexists(target / each.name), each.name)):
        name, place = prefix + entry.name, target / entry.name
        is_free = not os.path.lexists(place)
        if name in written.files and entry.is_file() and not entry.is_symlink():
            entry.unlink()
        elif is_folder(entry) and (is_folder(place) or (is_free and name in written.folders)):
            place.mkdir(exist_ok=True)
            _merge(entry, place, f"{name}/", written)
            if is_free and not any(place.iterdir()):
                place.rmdir()
        else:
            _unlock(target)
            _move(entry, place)
    if _mode(target) != mode:
        target.chmod(mode)
    source.rmdir()


def _move(entry: Path, place: Path) -> None:
    names = (f"{place.name}.kept{number if number > 1 else ''}" for number in count(1))
    free = next(each for each in chain([place], map(place.with_name, names)) if not os.path.lexists(each))
    # Moving a folder to another parent writes to it.
    with unlocked(entry, free) if is_folder(entry) else nullcontext():
        entry.rename(free)
    if free != place:
        _LOGGER.warning(
            "This target did not write %s, but now needs the name for a file of its own. Your file is now %s",
            place,
            free,
        )


def keep_modes(package: Path, place: Path) -> None:
    """Give the folders of a new package the modes and owners of the present folders."""
    for folder in (package, *(path for path in package.rglob("*") if is_folder(path))):
        old = place / folder.relative_to(package)
        if not is_folder(old):
            folder.chmod(_MODE)
            continue
        status = old.lstat()
        for owner in ((-1, status.st_gid), (status.st_uid, -1)):
            with suppress(OSError, AttributeError):  # only root may give folders away; Windows has no owners
                os.chown(folder, *owner)
        folder.chmod(stat.S_IMODE(status.st_mode) | _OWNER)


def check_movable(place: Path, written: Manifest) -> None:
    """Check that the user's own folders in a package can be moved into the next one."""
    for folder in (place / name for name in sorted(written.folders)):
        if not is_folder(folder):
            continue
        for each in (folder, *filter(is_folder, folder.iterdir())):
            if each != place and os.path.ismount(each):
                raise DtmError(
                    f"The folder {each} is a mount point, which cannot be moved into the next data package. Unmount "
                    "it, and mount it outside of the data package."
                )
            if not os.access(each, os.W_OK | os.X_OK) and not _is_mine(each):
                raise DtmError(
                    f"The folder {each} belongs to another user, and this user may not write to it. So it cannot be "
                    "moved into the next data package. Change its owner or its permissions, or move it elsewhere."
                )


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder, not a link to one."""
    return path.is_dir() and not path.is_symlink()


@contextmanager
def unlocked(folder: Path, *places: Path) -> Iterator[None]:
    """Let this user write to its own folder while it moves to one of these places, and restore the mode afterwards."""
    mode = _mode(folder)
    _unlock(folder)
    try:
        yield
    finally:
        for moved in filter(is_folder, (folder, *places)):
            if _mode(moved) != mode:
                moved.chmod(mode)


def _unlock(folder: Path) -> None:
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        folder.chmod(_mode(folder) | _OWNER)


def _is_mine(path: Path) -> bool:
    return not hasattr(os, "geteuid") or path.lstat().st_uid == os.geteuid()


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)
