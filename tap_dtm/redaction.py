"""Removes secrets and control characters from text before anybody sees it.

Programs register their secrets once, with ``guard``. The errors of this project and the log records of its commands
show ``***`` in place of a secret, also when an API, a proxy or a library repeats it. Control characters are escaped, so
that text from outside cannot forge a log line or control the terminal.
"""

from __future__ import annotations

import re
import threading
from typing import Final

HIDDEN: Final = "***"
MOST_QUOTED: Final = 500  # characters of another program's text in one message
_SHORTEST: Final = 4  # a shorter secret is part of ordinary words: hiding it would make messages unreadable
# C0 and C1 controls, separators of lines and paragraphs, and marks that change the direction of text.
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_lock = threading.Lock()
_guarded: dict[str, re.Pattern[str]] = {}


def guard(secret: str | None) -> None:
    """Hide a secret in everything that is shown from now on, in upper or lower case, plain or URL-encoded."""
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
    """Return a text for one line: secrets are hidden, and control characters are escaped."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), masked(str(text)))


def quoted(text: object, limit: int = MOST_QUOTED) -> str:
    """Return another program's text for a message: as ``shown``, and cut to a limit.

    The text is masked before it is cut, so that no part of a secret remains at the end.
    """
    words = shown(str(text)[: limit * 100])
    return words if len(words) <= limit else f"{words[:limit]} … (cut)"
