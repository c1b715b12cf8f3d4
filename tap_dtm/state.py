"""The form of the state: bookmarks, by stream. People and platforms edit states."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from tap_dtm.errors import DtmError
from tap_dtm.rounds import Bookmark  # noqa: TC001  read at runtime


class _Context(msgspec.Struct):
    admin0_pcode: str


class _Partition(msgspec.Struct):
    context: _Context
    operations: dict[str, Bookmark] = {}
    positions: dict[str, int] = {}
    read_whole: int = 0


class _Countries(msgspec.Struct):
    keys: list[tuple[str]] = []
    gone: list[tuple[str]] = []
    runs: int = 0
    read_whole: dict[str, int] = {}


class _Operations(msgspec.Struct):
    keys: list[tuple[str, str]] = []
    gone: list[tuple[str, str]] = []
    runs: int = 0


class _Idp(msgspec.Struct):
    partitions: list[_Partition] = []


_FORMS: Final = {"countries": _Countries, "operations": _Operations}
_REMEDY: Final = "Restore it from a backup, or empty the tables and start with an empty state."


def check_state(state: dict[str, Any]) -> None:
    """Check a Singer state.

    Raises:
        DtmError: It is not one of this tap's. One without bookmarks would count as none, and what is gone from the
            API would stay in the tables.
    """
    if state and "bookmarks" not in state:
        raise DtmError(
            "The state has no bookmarks. In what `meltano state get` prints, the state of a tap is the value of "
            "singer_state: use that alone. To start with no state, leave --state out."
        )
    bookmarks = state.get("bookmarks", {})
    if not isinstance(bookmarks, dict):
        raise DtmError(f"The state cannot be read. {_REMEDY}")
    for stream, bookmark in bookmarks.items():
        check_bookmark(stream, bookmark)


def check_bookmark(stream: str, bookmark: Any) -> None:  # noqa: ANN401
    """Check what a state holds of a stream.

    Raises:
        DtmError: This tap would not have written it.
    """
    try:
        msgspec.convert(bookmark, _FORMS.get(stream, _Idp))
    except msgspec.ValidationError as error:
        raise DtmError(f"The state cannot be read: that of {stream} is damaged ({error}). {_REMEDY}") from None
