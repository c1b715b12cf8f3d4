"""One file that is not DTM's, from a path or a URL.

No key of DTM goes there. Of the URL only host and path are shown, because what follows them may be a signature.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from requests import codes

from tap_dtm.api import network
from tap_dtm.api.answers import PASSING_STATUSES, passing_status
from tap_dtm.api.budget import Budget, OverBudget
from tap_dtm.api.retrying import retried
from tap_dtm.api.transport import fetch
from tap_dtm.errors import DtmError, DtmRefusedError
from tap_dtm.redaction import quoted
from tap_dtm.settings import LOOPBACK

if TYPE_CHECKING:
    from tap_dtm.api.transport import Reply
    from tap_dtm.settings import Settings

LARGEST: Final = 50_000_000  # bytes
_MAX_REDIRECTS: Final = 5
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


class Download:
    """A file to read from the path or URL in a setting.

    Raises:
        DtmError: The address is neither a path nor a URL.
    """

    def __init__(self, address: str, setting: str, settings: Settings) -> None:  # noqa: D107
        self._address = address
        self._setting = setting
        self._settings = settings
        self._is_url = _URL.match(address) is not None
        if self._is_url and not _is_plain(address):
            raise DtmError(
                f"The setting {setting} must be the path of a file, or a URL with http:// or https:// and without a "
                "user's name."
            )
        self.name = _shown(address) if self._is_url else quoted(address)
        """What messages call it."""

    def read(self) -> bytes:
        """Return the content.

        Raises:
            DtmError: It cannot be read, or is too large.
        """
        return bytes(retried(self._settings.max_retries + 1, self._fetched)) if self._is_url else self._from_disk()

    def _from_disk(self) -> bytes:
        try:
            with Path(self._address).expanduser().open("rb") as file:
                content = file.read(LARGEST + 1)
        except (OSError, RuntimeError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error).rstrip(".")
            raise DtmError(f"The setting {self._setting} names {self.name}, which cannot be read: {reason}.") from error
        if len(content) > LARGEST:
            raise self._too_large()
        return content

    def _fetched(self) -> bytearray:
        url = self._address
        for _ in range(_MAX_REDIRECTS + 1):
            reply = self._reply(url)
            if not reply.is_redirect:
                return self._content(reply)
            url = self._redirected(url, reply.headers["location"])
        raise DtmRefusedError(f"{self.name}: the site redirects in a circle. Check the setting {self._setting}.")

    def _reply(self, url: str) -> Reply:
        trust_env = urlsplit(url).hostname not in LOOPBACK
        site = network.Site(f"the setting {self._setting}", self._settings, "text/csv, */*", trust_env=trust_env)
        try:
            with Budget(LARGEST).share() as share, site.session(url) as session:
                return fetch(session, "GET", url, site.bounds(share))
        except OverBudget:
            raise self._too_large() from None
        except network.NO_ANSWER as error:
            raise site.unanswered(error, self.name, url) from None

    def _content(self, reply: Reply) -> bytearray:
        if reply.status == codes.ok:
            return reply.body
        if reply.status in PASSING_STATUSES:
            raise passing_status(reply, self.name, asker="The site")
        raise DtmRefusedError(f"{self.name}: HTTP {reply.status}. Check the setting {self._setting}.")

    def _redirected(self, url: str, location: str) -> str:
        try:
            target = urljoin(url, location)
        except ValueError:
            target = ""
        if not _is_plain(target) or (url.startswith("https:") and target.startswith("http:")):
            raise DtmRefusedError(
                f"{self.name}: the site redirects to {quoted(_shown(target), 100)}, which is not a plain https:// "
                f"address. Check the setting {self._setting}."
            )
        return target

    def _too_large(self) -> DtmError:
        return DtmError(
            f"{self.name} is larger than {LARGEST // 1_000_000} MB, which is not plausible. "
            f"Check the setting {self._setting}."
        )


def _is_plain(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc


def _shown(url: str) -> str:
    """Return a URL without what may be secret in it."""
    return re.split(r"[?#]", url, maxsplit=1)[0]
