"""The package as one zip file with its checksums: the same bytes for the same package."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
import zipfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from frictionless_dtm.publish.folder import CHUNK
from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from frictionless_dtm.publish.folder import Folder

SUMS: Final = "SHA256SUMS"
_MODE: Final = 0o644


def archive_path(folder: Folder) -> Path:
    """Return where the archive goes unless an option says otherwise: next to the folder."""
    # The standard allows slashes in a name.
    name = re.sub(r"[^\w.+-]+|^\.+", "-", f"{folder.name}-{folder.version}")
    return folder.path.resolve().parent / f"{name}.zip"


def checksums(folder: Folder) -> str:
    """Return what ``sha256sum -c`` reads."""
    return "".join(f"{file.sha256}  {file.path}\n" for file in folder.files)


def write_archive(folder: Folder, target: Path) -> bool:
    """Write the archive next to its place and rename it; return False when it is there already, byte for byte.

    Raises:
        DtmError: A file changed meanwhile, or has the name of the checksums; what was there before is left as it is.
    """
    if taken := [file.path for file in folder.files if file.path.casefold() == SUMS.casefold()]:
        raise DtmError(f"The package has a file {taken[0]}, where the archive holds its checksums: rename the file.")
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            _write(folder, stream)
            stream.flush()
            os.fsync(stream.fileno())
        if target.is_file() and _digest(target) == _digest(draft):
            return False
        draft.chmod(_MODE)
        draft.replace(target)
        return True
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()


def _write(folder: Folder, stream: IO[bytes]) -> None:
    sums = checksums(folder).encode()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, SUMS, len(sums), iter([sums]))
        for file in folder.files:
            _add(archive, file.path, file.size, file.chunks())


def _add(archive: zipfile.ZipFile, name: str, size: int, chunks: Iterator[bytes]) -> None:
    # Neither the clock nor this machine leaves a trace.
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.create_system = 3
    entry.external_attr = (0o100000 | _MODE) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.file_size = size
    with archive.open(entry, "w") as member:
        for chunk in chunks:
            member.write(chunk)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
