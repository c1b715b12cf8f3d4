"""Keeps a token out of what is shown, whatever a site makes of it."""

from __future__ import annotations

import re
from typing import Any, Final

HIDDEN: Final = "***"


class Redaction:
    """Replaces one token in texts, written plainly or with any of its letters url-encoded.

    Args:
        token: In ASCII; None hides nothing.
    """

    def __init__(self, token: str | None) -> None:  # noqa: D107
        letters = (f"(?:{re.escape(letter)}|(?i:%{ord(letter):02x}))" for letter in token or "")
        self._pattern = re.compile("".join(letters)) if token else None

    def of(self, value: Any) -> Any:  # noqa: ANN401
        """Return a text without the token, or a JSON value with no text that has it."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self._pattern.sub(HIDDEN, value)
        if isinstance(value, list):
            return [self.of(each) for each in value]
        if isinstance(value, dict):
            return {self.of(name): self.of(each) for name, each in value.items()}
        return value
