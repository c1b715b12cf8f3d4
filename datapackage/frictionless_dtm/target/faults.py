"""What SQLite, the file system and the decoder raise, in a sentence that also says how the data package is then."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# By what SQLite says: the codes came with Python 3.11 only.
_ADVICE: Final = {
    "database is locked": "another run is writing this data package; wait for it to end",
    "disk is full": "the disk is full; make room",
    "readonly database": "this user may not write it; change who may",
    "unable to open": "it cannot be opened; see who may read and write it and its folder",
    "not a database": "it is damaged; bring it back from a backup, or name another folder and start without state",
    "malformed": "it is damaged; bring it back from a backup, or name another folder and start without state",
    "disk I/O error": "the disk cannot be read or written; look at the disk, and at who may write the folder",
}


NOTHING_KEPT: Final = "Nothing of this run was kept."


@contextmanager
def explained(path: Path, outcome: Callable[[], str]) -> Iterator[None]:
    """Turn what goes wrong with the store or the input into one sentence.

    Args:
        path: The file of the store.
        outcome: Returns a sentence on what has become of the data package and its state so far.

    Raises:
        DtmError: Something went wrong.
    """
    try:
        yield
    except sqlite3.Error as error:
        advice = next((advice for words, advice in _ADVICE.items() if words in str(error)), "look into that")
        raise DtmError(
            f"What the target remembers between runs ({path}) cannot be used ({error}): {advice}. {outcome()}"
        ) from error
    except OSError as error:
        name = f" ({os.fsdecode(error.filename)})" if error.filename else ""
        raise DtmError(
            f"Cannot write the data package: {error.strerror or type(error).__name__}{name}. {outcome()}"
        ) from error
    except RecursionError as error:
        raise DtmError(f"The input has JSON that is nested too deeply. {outcome()}") from error
    except UnicodeDecodeError as error:
        raise DtmError(f"The input is not UTF-8 ({error}). {outcome()}") from error
