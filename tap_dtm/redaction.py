"""The one place through which text passes before anybody sees it: no secret, and no control characters.

Programs name their secrets once, with ``guard``. The errors of this project and the log records of its commands then
show ``***`` in their place, whatever an API, a proxy or a library made of them. Control characters are escaped, so that
nothing that comes from outside can forge a line of a log or reach the terminal.
"""

from __future__ import annotations

import re
import threading
from typing import Final

HIDDEN: Final = "***"
MOST_QUOTED: Final = 500  # characters of what another program says, in one message
_SHORTEST: Final = 4  # a shorter secret is in ordinary words, and hiding it would make messages unreadable
# C0 and C1 controls, line and paragraph separators, and what changes the direction of text.
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_lock = threading.Lock()
_guarded: dict[str, re.Pattern[str]] = {}


def guard(secret: str | None) -> None:
    """Keep a secret out of everything that is shown from now on, in any case, written plainly or URL-encoded."""
    if not secret or len(secret) < _SHORTEST:
        return
    letters = (f"(?:{re.escape(letter)}|%{ord(letter):02x})" for letter in secret)
    with _lock:
        _guarded[secret] = re.compile("".join(letters), re.IGNORECASE)


def masked(text: str) -> str:
    """Return a text without the guarded secrets."""
    for pattern in tuple(_guarded.values()):
        text = pattern.sub(HIDDEN, text)
    return text


def shown(text: object) -> str:
    """Return a text as it may be shown on one line: without secrets, its control characters escaped."""
    return _CONTROL.sub(_escaped, masked(str(text)))


def quoted(text: object, limit: int = MOST_QUOTED) -> str:
    """Return what another program says, for a message: as ``shown``, and no longer than a reader wants.

    The text is masked before it is cut, so that no part of a secret remains at the end.
    """
    words = shown(str(text)[: limit * 100])
    return words if len(words) <= limit else f"{words[:limit]} … (cut)"


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
