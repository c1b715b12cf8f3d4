"""The keys of one client: a subscription has two, so that one can be replaced while the other works."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from requests import codes

from tap_dtm import redaction

if TYPE_CHECKING:
    from tap_dtm.settings import Settings

_logger = logging.getLogger("tap-dtm.client")


class Keys:
    """The key that is in use: the first, and after its first 401 the second. Safe to use from several threads.

    Args:
        settings: The checked settings. The second key is optional.
    """

    def __init__(self, settings: Settings) -> None:  # noqa: D107
        self._first = self._current = settings.subscription_key or ""
        second = settings.secondary_subscription_key or ""
        self._second = second if second != self._first else ""
        redaction.guard(self._first)
        redaction.guard(self._second)
        self._lock = threading.Lock()

    @property
    def current(self) -> str:
        """The key to send."""
        return self._current

    def replace(self, refused: str) -> bool:
        """Switch to the second key after a 401; return False if no other key is left."""
        if not self._second or refused == self._second:
            return False
        with self._lock:
            if self._current == self._first:  # another request may have switched already
                self._current = self._second
                _logger.warning(
                    "The DTM API refuses the first subscription key (401). From now on this run uses the second one, "
                    "secondary_subscription_key. Put a valid key into subscription_key."
                )
        return True

    def named(self, status: int) -> str:
        """Return the name, in messages, of the keys that an answer of this HTTP status refuses."""
        if not self._second:
            return "the subscription key"
        if self._current == self._first:
            return "the first subscription key"
        return "both subscription keys" if status == codes.unauthorized else "the second subscription key"
