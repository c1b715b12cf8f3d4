"""The client of the DTM API: GET requests, repeated while their fault may pass."""

from __future__ import annotations

import logging
import re
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from requests import codes

from tap_dtm import redaction
from tap_dtm.api import network
from tap_dtm.api.answers import LONGEST_WAIT, Answer, judge
from tap_dtm.api.budget import Budget, GiveWay, OverBudget
from tap_dtm.api.retrying import retried
from tap_dtm.api.transport import fetch
from tap_dtm.errors import DtmRefusedError, DtmRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import msgspec

    from tap_dtm.api.budget import Share
    from tap_dtm.api.transport import Reply, Session
    from tap_dtm.settings import Settings

__all__ = ["LONGEST_WAIT", "Answer", "DtmClient"]

KEY_HEADER: Final = "Ocp-Apim-Subscription-Key"
_MAX_REDIRECTS: Final = 3
_logger = logging.getLogger("tap-dtm.client")


class _Keys:
    """A subscription has two keys, so that one can be replaced while the other works. Safe to use from several threads.

    ``current`` is the key to send: the first, and after its first 401 the second.
    """

    def __init__(self, settings: Settings) -> None:
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


class DtmClient:
    """A client of one DTM API. Safe to use from several threads.

    Args:
        settings: The checked settings. Their keys are sent only to the host of ``api_url``.
        on_reply: Called with every answer as it arrived, before it is judged, in the thread of the request.
    """

    def __init__(self, settings: Settings, on_reply: Callable[[Reply], None] | None = None) -> None:  # noqa: D107
        self._on_reply = on_reply
        self._url = settings.api_url
        self._origin = "{0.scheme}://{0.netloc}".format(urlsplit(self._url))
        self._keys = _Keys(settings)
        self._site = network.Site("the setting api_url", settings, "application/json", trust_env=not settings.is_local)
        self._tries = settings.max_retries + 1
        self._budget_mb = settings.answer_budget_mb
        self._budget = Budget(settings.answer_budget_mb * 1_000_000)
        self._decoding = threading.Lock()  # one answer at a time: decoding takes several times its bytes
        self._idle: list[Session] = []
        self._count_lock = threading.Lock()
        self.requests_made = 0

    def get(
        self, path: str, params: Mapping[str, str] | None = None, form: type[msgspec.Struct] | None = None
    ) -> Answer:
        """Ask one endpoint.

        Args:
            path: The endpoint, for example ``/v3/displacement/admin0``.
            params: The API's query parameters, for example ``{"Admin0Pcode": "XAA"}``.
            form: The struct to decode rows into, if all of them fit.

        Raises:
            DtmAccessError: The key, or the second of two, is missing or invalid, or its quota is used up.
            DtmRequestError: There is no answer, or a refusal, after all retries; DtmRefusedError if a setting is wrong.
            DtmAnswerError: The answer cannot be trusted, after all retries.
        """
        params = dict(params or {})
        where = path + "".join(f" {name}={value}" for name, value in params.items())
        return retried(self._tries, self._try, path, params, where, form)

    def _try(self, path: str, params: Mapping[str, str], where: str, form: type[msgspec.Struct] | None) -> Answer:
        with self._budget.share() as share:
            while (reply := self._arrived(path, params, where, share)) is None:
                _logger.info("%s: waiting until other answers release enough memory.", where)
                share.wait_for_turn()
            try:
                if self._on_reply is not None:
                    self._on_reply(reply)
                with self._decoding:
                    return judge(reply, where, form, self._keys.named(reply.status))
            except MemoryError:
                raise _short_of_memory(where) from None
            finally:
                reply.body.clear()  # errors keep their frames in memory, and so the answer

    def _arrived(self, path: str, params: Mapping[str, str], where: str, share: Share) -> Reply | None:
        """Return the answer; None if the request gave way to older ones and must be repeated."""
        failure: Exception
        try:
            return self._reply(path, params, where, share)
        except GiveWay:
            return None
        except OverBudget:
            failure = DtmRequestError(
                f"{where}: the answer is larger than {self._budget_mb} MB, which is the limit of all answers. "
                "If that much data is plausible, raise answer_budget_mb."
            )
        except network.NO_ANSWER as error:
            failure = self._site.unanswered(error, where, self._url)
        except MemoryError:
            failure = _short_of_memory(where)
        raise failure  # here, so that it does not keep the first error, with its connection

    def _reply(self, path: str, params: Mapping[str, str], where: str, share: Share) -> Reply:
        """Send a request. Repeat it with the second key if the first is refused as invalid."""
        key = self._keys.current
        reply = self._send(path, params, where, share, key)
        if reply.status == codes.unauthorized and self._keys.replace(key):
            return self._send(path, params, where, share, self._keys.current)
        return reply

    def _send(self, path: str, params: Mapping[str, str], where: str, share: Share, key: str) -> Reply:
        with self._count_lock:
            self.requests_made += 1
        url = self._url + path
        query: Mapping[str, str] | None = params
        bounds = self._site.bounds(share)
        with self._session() as session:
            for _ in range(_MAX_REDIRECTS):
                reply = fetch(session, "GET", url, bounds, params=query, headers={KEY_HEADER: key})
                if not reply.is_redirect:
                    return reply
                url, query = self._redirected(url, reply.headers["location"], where), None
        raise DtmRefusedError(f"{where}: the API redirects in a circle. Check the setting api_url.")

    def _redirected(self, url: str, location: str, where: str) -> str:
        """Return the URL that a redirect names, if it begins as the API's own URL does: the key goes along.

        Libraries parse odd URLs differently, so only the exact text of the host counts.
        """
        target = host = ""
        with suppress(ValueError):  # not a URL
            target = urljoin(url, location)
            host = urlsplit(target).netloc.rpartition("@")[2]
        if re.fullmatch(r"[!-~]+", location) and "\\" not in location and target.startswith(f"{self._origin}/"):
            return target
        raise DtmRefusedError(
            f"{where}: the API redirects to another host ({redaction.quoted(host or location)}); the key was "
            "not sent there. Check the setting api_url."
        )

    @contextmanager
    def _session(self) -> Iterator[Session]:
        """Lend a session to one thread: requests does not promise that threads can share it."""
        try:
            session = self._idle.pop()
        except IndexError:
            session = self._site.session(self._url)
        try:
            yield session
        finally:
            self._idle.append(session)


def _short_of_memory(where: str) -> DtmRequestError:
    return DtmRequestError(
        f"{where}: there is not enough memory for the answer. Lower answer_budget_mb or max_parallel_requests, or use "
        "a machine with more memory."
    )
