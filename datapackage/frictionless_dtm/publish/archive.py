"""An archive of a package, with its checksums. The same package gives the same bytes."""

from __future__ import annotations

import filecmp
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from frictionless_dtm.target.manifest import make_permanent
from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from frictionless_dtm.publish.folder import Folder

SUMS: Final = "SHA256SUMS"


def write_archive(folder: Folder, target: Path) -> bool:
    """Write the archive under another name, then rename it. Return False if the target already has the same bytes.

    Raises:
        DtmError: A file changed in the meantime, or has the name of the checksums. The target stays as it was.
    """
    if taken := [file.path for file in folder.files if file.path.casefold() == SUMS.casefold()]:
        raise DtmError(
            f"The package has a file {taken[0]}, but the archive needs this name for its checksums. Rename the file."
        )
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as scratch:
        draft = Path(scratch, target.name)
        _write(folder, draft)
        if target.is_file() and filecmp.cmp(target, draft, shallow=False):
            return False
        make_permanent(draft)
        draft.replace(target)
    return True


def _write(folder: Folder, path: Path) -> None:
    """Write the checksums in the format of ``sha256sum -c``, and the files."""
    sums = "".join(f"{file.sha256}  {file.path}\n" for file in folder.files).encode()
    members: list[tuple[str, int, Iterable[bytes]]] = [(SUMS, len(sums), [sums])]
    members += [(file.path, file.size, file.chunks()) for file in folder.files]
    with zipfile.ZipFile(path, "w") as archive:
        for name, size, chunks in members:
            # The archive does not depend on the clock or the machine.
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.file_size = size
            with archive.open(entry, "w") as member:
                member.writelines(chunks)
