"""Reads the target's own record of a package. Unlike the files of the package, nobody edits it."""

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
    """Return the descriptor as the target wrote it; None if there is no record next to the package."""
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
