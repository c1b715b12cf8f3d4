"""The DTM API: one GET request at a time, retried as long as its fault may pass."""

from __future__ import annotations

import logging
import re
import threading
from contextlib import contextmanager
from http.client import HTTPException
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

import requests
from requests import codes
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from tap_dtm import redaction
from tap_dtm.api import network
from tap_dtm.api.answers import LONGEST_WAIT, Answer, PassingFault, judge
from tap_dtm.api.budget import Budget, GiveWay, OverBudget
from tap_dtm.api.keys import Keys
from tap_dtm.api.retrying import retried
from tap_dtm.api.transport import Bounds, Reply, Session, TooMuchAround, TooSlow, fetch
from tap_dtm.errors import DtmError, DtmRefusedError, DtmRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import msgspec

    from tap_dtm.api.budget import Share
    from tap_dtm.settings import Settings

__all__ = ["LONGEST_WAIT", "Answer", "DtmClient"]

KEY_HEADER: Final = "Ocp-Apim-Subscription-Key"
PATIENCE: Final = 10  # a whole answer may take that many times as long as the wait for its next bytes
_MAX_REDIRECTS: Final = 3
# What requests, urllib3, http.client and the system raise, and what ends an answer that takes too much.
_NO_ANSWER: Final = (
    requests.RequestException,
    HTTPError,
    HTTPException,
    OSError,
    ValueError,
    OverBudget,
    TooSlow,
    TooMuchAround,
)
_logger = logging.getLogger("tap-dtm.client")


class DtmClient:
    """A client of one DTM API, safe to use from several threads.

    Args:
        settings: The checked settings; their keys go to no host but that of ``api_url``.
        heard: Is handed every answer as it arrived, before it is judged, by the thread that asked.
    """

    def __init__(self, settings: Settings, heard: Callable[[Reply], None] | None = None) -> None:  # noqa: D107
        self._heard = heard
        self._url = settings.api_url
        # A proxy elsewhere cannot reach this machine's own addresses, and would be sent the key unencrypted.
        self._trust_env = not settings.is_local
        self._keys = Keys(settings)
        self._user_agent = settings.user_agent
        self._timeout = settings.request_timeout
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
            form: The form in which the rows are decoded, if all of them have it.

        Raises:
            DtmAccessError: The key, or the second of two, is missing, invalid or used up (DtmQuotaError).
            DtmRequestError: No answer, or a refusal, after all retries; DtmRefusedError when a setting is to blame.
            DtmAnswerError: An answer that cannot be trusted, after all retries.
        """
        params = dict(params or {})
        where = path + "".join(f" {name}={value}" for name, value in params.items())
        return retried(self._tries, self._try, path, params, where, form)

    def _try(self, path: str, params: Mapping[str, str], where: str, form: type[msgspec.Struct] | None) -> Answer:
        with self._budget.share() as share:
            # An exception keeps all that it passes through in memory: what had arrived, too. So it is raised out here.
            while (outcome := self._outcome(path, params, where, form, share)) is None:
                _logger.info("%s: waits until other answers have left it enough memory.", where)
                share.wait_for_turn()
        if isinstance(outcome, Answer):
            return outcome
        raise outcome

    def _outcome(
        self, path: str, params: Mapping[str, str], where: str, form: type[msgspec.Struct] | None, share: Share
    ) -> Answer | DtmError | PassingFault | None:
        """Return the rows, or what is wrong; None if it must be asked for again, because it had to give way."""
        try:
            try:
                reply = self._reply(path, params, where, share)
            except _NO_ANSWER as error:
                return self._failure(error, where)
            if self._heard is not None:
                self._heard(reply)
            with self._decoding:
                return judge(reply, where, form, self._keys.named(reply.status))
        except GiveWay:
            return None
        except (DtmError, PassingFault) as error:
            return _alone(error)
        except MemoryError:
            return DtmRequestError(
                f"{where}: there is not enough memory for the answer. Lower answer_budget_mb or "
                "max_parallel_requests, or use a machine with more memory."
            )

    def _reply(self, path: str, params: Mapping[str, str], where: str, share: Share) -> Reply:
        """Send a request, and once more with the second key if the first is refused as invalid."""
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
        bounds = Bounds(share, self._timeout, self._timeout * PATIENCE)
        with self._session() as session:
            for _ in range(_MAX_REDIRECTS):
                reply = fetch(session, "GET", url, bounds, params=query, headers={KEY_HEADER: key})
                if not reply.is_redirect:
                    return reply
                url, query = self._redirected(url, reply.headers["location"], where), None
        raise DtmRefusedError(f"{where}: the API redirects in a circle. Check the setting api_url.")

    def _redirected(self, url: str, location: str, where: str) -> str:
        """Return the URL that a redirect names, exactly as it will be requested.

        Programs take URLs apart differently. So nothing is followed that could be ambiguous, and what requests and
        urllib3 make of it must be this API's own host: requests would carry the key's header to any.
        """
        host = ""
        try:
            target = _prepared(urljoin(url, location))
            name, _, host = urlsplit(target).netloc.rpartition("@")
            is_plain = re.fullmatch(r"[!-~]+", location) and "\\" not in location and not name
            if is_plain and _origins(target) == _origins(_prepared(self._url)):
                return target
        except (requests.RequestException, ValueError):
            pass  # no URL: refused like those of other hosts
        raise DtmRefusedError(
            f"{where}: the API redirects to another host ({redaction.quoted(host or location)}); the key was "
            "not sent there. Check the setting api_url."
        )

    @contextmanager
    def _session(self) -> Iterator[Session]:
        """Lend a session: requests does not promise that one may be used by two threads at a time."""
        try:
            session = self._idle.pop()
        except IndexError:
            if self._trust_env:
                network.check_environment(self._url)
            session = Session(trust_env=self._trust_env)
            session.headers.update({"User-Agent": self._user_agent, "Accept": "application/json"})
        try:
            yield session
        finally:
            self._idle.append(session)

    def _failure(self, error: Exception, where: str) -> DtmError | PassingFault:
        """Return what is wrong when there is no answer."""
        if isinstance(error, OverBudget):
            return DtmRequestError(
                f"{where}: the answer is larger than {self._budget_mb} MB, which all answers together may take. "
                "If that much data is plausible, raise answer_budget_mb."
            )
        if isinstance(error, TooSlow):
            return DtmRequestError(
                f"{where}: the answer was not complete within {self._timeout * PATIENCE:g} s. "
                f"Raise request_timeout if the API is slow for you: a whole answer may take {PATIENCE} times as long."
            )
        if isinstance(error, TooMuchAround):
            return DtmRequestError(f"{where}: the head of the answer does not end. Check the setting api_url.")
        if isinstance(error, requests.ReadTimeout):
            return PassingFault(
                DtmRequestError(
                    f"{where}: no answer within {self._timeout:g} s. Raise request_timeout if the API is slow for you."
                )
            )
        # An InvalidHeader is the answer's: the settings' own were checked.
        if isinstance(error, ValueError) and not isinstance(error, requests.exceptions.InvalidHeader):
            return DtmRefusedError(
                f"{where}: the request could not be made ({network.words(error)}). "
                "Check the settings api_url and user_agent."
            )
        host = urlsplit(self._url).netloc
        failure = network.explain(error, self._url, host, "the setting api_url", trust_env=self._trust_env)
        words = f"{where}: {failure.words}"
        return PassingFault(DtmRequestError(words)) if failure.may_pass else DtmRefusedError(words)


def _alone(error: DtmError | PassingFault) -> DtmError | PassingFault:
    """Return an error without the frames that it passed through: they hold what had arrived."""
    for each in (error, getattr(error, "failure", None)):
        if each is not None:
            each.__traceback__ = each.__context__ = None
    return error


def _prepared(url: str) -> str:
    """Return a URL as requests would send it."""
    return requests.Request("GET", url).prepare().url or ""


def _origins(url: str) -> set[tuple[str | None, str | None, int | None]]:
    """Return the scheme, host and port of a URL, as each of the two libraries sees them that will send it."""
    standard, requested = urlsplit(url), parse_url(url)
    default = {"http": 80, "https": 443}
    return {
        (standard.scheme, standard.hostname, standard.port or default.get(standard.scheme)),
        (requested.scheme, (requested.host or "").strip("[]"), requested.port or default.get(requested.scheme or "")),
    }
