"""What the target has recorded of the package that it wrote. Unlike the package's files, nobody edits it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from frictionless_dtm.target.folder import store_of
from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def recorded_descriptor(folder: Path) -> Mapping[str, Any] | None:
    """Return the descriptor as the target wrote it; None where its record is not next to the package.

    Raises:
        DtmError: The record cannot be read: it is another user's, another run is using it, or the last one was killed.
    """
    store = store_of(folder.resolve())
    try:
        store.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DtmError(
            f"The target's record of this package, {store}, cannot be read ({error.strerror}), and without it nobody "
            "knows whether the package was changed since. Publish as the user who ran target-datapackage."
        ) from None
    try:
        with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True, timeout=0.2)) as db:
            row = db.execute("SELECT value FROM meta WHERE name = 'descriptor'").fetchone()
    except sqlite3.Error as error:
        raise DtmError(
            f"The target's record of this package, {store}, cannot be read ({error}). Wait until no run of "
            "target-datapackage is writing the package; after a killed run, run it once again."
        ) from None
    return json.loads(row[0]) if row else None
