"""Moves the user's own files from a package that has left its place into the one that took it.

Whatever the target did not write is moved, never copied and never deleted: files, links, pipes, folders with their
modes. A folder without files of the target moves as a whole, such as a git repository.
"""

from __future__ import annotations

import logging
import os
import stat
from contextlib import contextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING, Final

from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from frictionless_dtm.target.manifest import Manifest

_MODE: Final = 0o755
_OWNER: Final = 0o700
_LOGGER = logging.getLogger("target-datapackage")


def carry_over(left: Path, place: Path, written: Manifest | None) -> None:
    """Delete the target's files from a package that has left its place, and move everything else.

    Whatever is in the way of a new file of the target gets another name, and a warning says so.

    Args:
        left: The folder of the package that has left its place, which is gone afterwards; need not exist.
        place: The folder of the package.
        written: What the target wrote into the first one.

    Raises:
        DtmError: Something cannot be moved. Everything is still there, and the next call goes on from there.
    """
    if not is_folder(left):
        return
    own = (set(written.files), written.folders) if written else (set[str](), set[str]())
    try:
        place.mkdir(exist_ok=True)
        _merge(left, place, "", own)
    except OSError as error:
        raise DtmError(
            f"The data package is new, but {os.fsdecode(error.filename or left)} cannot be moved into it "
            f"({error.strerror}). Repair that, and run again: the next run moves it."
        ) from error


def _merge(source: Path, target: Path, prefix: str, own: tuple[set[str], set[str]]) -> None:
    files, folders = own
    mode = _mode(source)
    _unlock(source)
    # What is in the way of something else comes last, so that it takes no name that another one has.
    for entry in sorted(source.iterdir(), key=lambda each: (os.path.lexists(target / each.name), each.name)):
        name, place = prefix + entry.name, target / entry.name
        if name in files and entry.is_file() and not entry.is_symlink():
            entry.unlink()
            continue
        is_new = name in folders and is_folder(entry) and not os.path.lexists(place)
        if is_new:
            place.mkdir()
        if is_folder(entry) and is_folder(place):
            _merge(entry, place, f"{name}/", own)
            if is_new and not any(place.iterdir()):
                place.rmdir()
        else:
            _unlock(target)
            _move(entry, place)
    if _mode(target) != mode:
        target.chmod(mode)
    source.rmdir()


def _move(entry: Path, place: Path) -> None:
    free = place
    for number in count(1):
        if not os.path.lexists(free):
            break
        free = place.with_name(f"{place.name}.kept{number if number > 1 else ''}")
    if is_folder(entry):
        with unlocked(entry, at=(free,)):  # a folder that moves to another one is written to
            entry.rename(free)
    else:
        entry.rename(free)
    if free != place:
        _LOGGER.warning(
            "%s was not written by this target, and is in the way of a file that now is: it is kept as %s", place, free
        )


def keep_modes(package: Path, place: Path) -> None:
    """Give the folders of a new package the modes and owners of those that they are about to replace."""
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
    """Check that the user's own folders in a package can be moved into the next one.

    Raises:
        DtmError: One cannot.
    """
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
                    f"The folder {each} belongs to another user, and this user may not write to it, so it cannot be "
                    "moved into the next data package. Change its owner or its permissions, or move it elsewhere."
                )


def is_folder(path: Path) -> bool:
    """Whether this is a folder itself, not a link to one."""
    return path.is_dir() and not path.is_symlink()


@contextmanager
def unlocked(folder: Path, at: Iterable[Path]) -> Iterator[None]:
    """Let this user write to a folder that it owns, while the folder moves, and give its mode back afterwards.

    Args:
        folder: The folder.
        at: Where it may be afterwards, if not where it was.
    """
    mode = _mode(folder)
    _unlock(folder)
    try:
        yield
    finally:
        for moved in filter(is_folder, (folder, *at)):
            if _mode(moved) != mode:
                moved.chmod(mode)


def _unlock(folder: Path) -> None:
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        folder.chmod(_mode(folder) | _OWNER)


def _is_mine(path: Path) -> bool:
    return not hasattr(os, "geteuid") or path.lstat().st_uid == os.geteuid()


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)
