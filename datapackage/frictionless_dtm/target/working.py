"""The target's hidden folder, which only its user can read and write."""

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
