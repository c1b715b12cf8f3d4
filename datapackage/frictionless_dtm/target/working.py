"""The hidden folder in which the target works: private, and this user's own."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from tap_dtm.errors import DtmError

_OTHERS: Final = 0o077


def private_folder(path: Path, *, others: tuple[str, ...] = ()) -> None:
    """Make a folder that only this user can read and write, or check the one that is there.

    Args:
        path: The folder.
        others: The names in it that may belong to somebody else.

    Raises:
        DtmError: It cannot be made, or it is not this user's own.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        _check(path)
        for each in sorted(path.iterdir()):
            _check(each, is_anybodys=each.name in others)
        with suppress(OSError):  # of file systems without modes
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~_OTHERS)
        is_near = path.stat().st_dev == path.parent.stat().st_dev
    except OSError as error:
        raise DtmError(f"The hidden folder {path} cannot be used: {error.strerror}.") from error
    if not is_near:
        raise DtmError(
            f"The hidden folder {path} is on another file system than the data package next to it, which can then not "
            "be replaced in one step. Move it to the same file system."
        )


def _check(path: Path, *, is_anybodys: bool = False) -> None:
    """Refuse links and what belongs to others: they would lead what is written to places that others chose."""
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        raise DtmError(
            f"{path} is a symbolic link, and target-datapackage writes only to files of its own. Delete the link."
        )
    if not is_anybodys and not _is_mine(path, status):
        raise DtmError(
            f"{path} belongs to another user, and target-datapackage writes only to files of its own. Run it as that "
            "user, or write the data package into a folder that nobody else may write to."
        )


def _is_mine(path: Path, status: os.stat_result) -> bool:
    if not hasattr(os, "geteuid") or status.st_uid == os.geteuid():
        return True
    # Some network file systems show one owner for everything, also for what this user makes.
    with tempfile.TemporaryDirectory(prefix=".target-datapackage-", dir=path.parent) as mine:
        return Path(mine).lstat().st_uid == status.st_uid
