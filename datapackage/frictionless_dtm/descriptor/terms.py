"""Decides whether a text counts as a permission to redistribute data."""

from __future__ import annotations

import unicodedata
from typing import Final

_LEAST: Final = 3


def is_permission(text: object) -> bool:
    """Return whether a text can name who permits something: it has at least three visible letters or digits."""
    if not isinstance(text, str):
        return False
    seen = (each for each in text if each.isalnum() and "FILLER" not in unicodedata.name(each, ""))
    return sum(1 for _ in seen) >= _LEAST
