"""Writes a package and its checksums as one zip file. The same package gives the same bytes."""

from __future__ import annotations

import filecmp
import os
import re
import tempfile
import zipfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from frictionless_dtm.publish.folder import Folder

SUMS: Final = "SHA256SUMS"
_MODE: Final = 0o644


def archive_path(folder: Folder) -> Path:
    """Return the default path of the archive, which is next to the folder."""
    # The standard allows slashes in the name of a package.
    name = re.sub(r"[^\w.+-]+|^\.+", "-", f"{folder.package.name}-{folder.package.version}")
    return folder.path.resolve().parent / f"{name}.zip"


def write_archive(folder: Folder, target: Path) -> bool:
    """Write the archive under another name, then rename it. Return False if the target already has the same bytes.

    Raises:
        DtmError: A file changed in the meantime, or has the name of the checksums. The target stays as it was.
    """
    if taken := [file.path for file in folder.files if file.path.casefold() == SUMS.casefold()]:
        raise DtmError(
            f"The package has a file {taken[0]}, but the archive needs this name for its checksums. Rename the file."
        )
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            _write(folder, stream)
            stream.flush()
            os.fsync(stream.fileno())
        if target.is_file() and filecmp.cmp(target, draft, shallow=False):
            return False
        draft.chmod(_MODE)
        draft.replace(target)
        return True
    finally:
        draft.unlink(missing_ok=True)


def _write(folder: Folder, stream: IO[bytes]) -> None:
    """Write the checksums in the format of ``sha256sum -c``, and the files."""
    sums = "".join(f"{file.sha256}  {file.path}\n" for file in folder.files).encode()
    members: list[tuple[str, int, Iterable[bytes]]] = [(SUMS, len(sums), [sums])]
    members += [(file.path, file.size, file.chunks()) for file in folder.files]
    with zipfile.ZipFile(stream, "w") as archive:
        for name, size, chunks in members:
            # The archive does not depend on the clock or the machine.
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = (0o100000 | _MODE) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.file_size = size
            with archive.open(entry, "w") as member:
                member.writelines(chunks)
