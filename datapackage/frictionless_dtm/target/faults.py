"""Explains errors of SQLite, the file system and the decoder, and what has become of the data package."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# By SQLite's text, because error codes need Python 3.11.
_ADVICE: Final = {
    "database is locked": "another run is writing this data package; wait for it to end",
    "disk is full": "the disk is full; make room",
    "readonly database": "this user may not write it; change its permissions",
    "unable to open": "it cannot be opened; check the permissions of the file and its folder",
    "not a database": "it is damaged; restore it from a backup, or name another folder and start without state",
    "malformed": "it is damaged; restore it from a backup, or name another folder and start without state",
    "disk I/O error": "the disk cannot be read or written; check the disk, and the permissions of the folder",
}


NOTHING_KEPT: Final = "Nothing of this run was kept."


@contextmanager
def explained(path: Path, outcome: Callable[[], str]) -> Iterator[None]:
    """Raise errors of the store and the input as one sentence, followed by the outcome for the data package."""
    try:
        yield
    except sqlite3.Error as error:
        advice = next((advice for words, advice in _ADVICE.items() if words in str(error)), "check the file")
        raise DtmError(f"The target's record {path} cannot be used ({error}): {advice}. {outcome()}") from error
    except OSError as error:
        name = f" ({os.fsdecode(error.filename)})" if error.filename else ""
        raise DtmError(
            f"Cannot write the data package: {error.strerror or type(error).__name__}{name}. {outcome()}"
        ) from error
    except RecursionError as error:
        raise DtmError(f"The input has JSON that is nested too deeply. {outcome()}") from error
    except UnicodeDecodeError as error:
        raise DtmError(f"The input is not UTF-8 ({error}). {outcome()}") from error
