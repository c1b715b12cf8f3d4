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

    ``current`` is the key to send.
    """

    def __init__(self, settings: Settings) -> None:  # noqa: D107
        self._first = self.current = settings.subscription_key or ""
        self._second = settings.secondary_subscription_key or self._first
        redaction.guard(self._first)
        redaction.guard(self._second)
        self._lock = threading.Lock()

    def replace(self, refused: str) -> bool:
        """Switch to the second key after a 401; return False if no other key is left."""
        if refused == self._second:
            return False
        with self._lock:
            if self.current == self._first:  # another request may have switched already
                self.current = self._second
                _logger.warning(
                    "The DTM API refuses the first subscription key (401). From now on this run uses the second one, "
                    "secondary_subscription_key. Put a valid key into subscription_key."
                )
        return True

    def named(self, status: int) -> str:
        """Return the name, in messages, of the keys that an answer of this HTTP status refuses."""
        if self._second == self._first:
            return "the subscription key"
        if self.current == self._first:
            return "the first subscription key"
        return "both subscription keys" if status == codes.unauthorized else "the second subscription key"
