"""What counts as a permission to pass data on."""

from __future__ import annotations

import unicodedata
from typing import Final

_LEAST: Final = 3


def is_permission(text: object) -> bool:
    """Whether a text can say who permits something: it has a few letters or digits that a reader sees."""
    if not isinstance(text, str):
        return False
    seen = (each for each in text if each.isalnum() and "FILLER" not in unicodedata.name(each, ""))
    return sum(1 for _ in seen) >= _LEAST
