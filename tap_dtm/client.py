"""The DTM API: one GET request at a time, retried, and its answer judged by its body.

How the API behaves was collected from published clients, an OpenAPI description and recorded answers: it says
"nothing found" with HTTP 200 and a ``statusCode`` of 204, reports mistakes of the caller with HTTP 200, and
sits behind a gateway (keys, quotas: JSON) and a firewall (HTML).
"""

from __future__ import annotations

import codecs
import logging
import random
import re
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import backoff
import msgspec
import requests

from tap_dtm.errors import (
    DtmAccessError,
    DtmAnswerError,
    DtmQuotaError,
    DtmRefusedError,
    DtmRequestError,
    DtmUnknownError,
)
from tap_dtm.settings import HOW_TO_GET_A_KEY

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from tap_dtm.errors import DtmError
    from tap_dtm.settings import Settings

KEY_HEADER = "Ocp-Apim-Subscription-Key"
CONNECT_TIMEOUT = 10.0
LONGEST_WAIT = 600.0
_MAX_REDIRECTS = 3
_PASSING_STATUSES = {429, 500, 502, 503, 504}
_SERVER_ERRORS = 500
_logger = logging.getLogger("tap-dtm.client")


@dataclass(frozen=True)
class Answer:
    """The rows of an answer, as published. ``message`` is what the API said of an empty one."""

    rows: list[dict[str, Any]]
    message: str = ""


class _PassingFault(Exception):  # noqa: N818
    """Worth another try. ``failure`` is what to raise when no try is left."""

    def __init__(self, failure: DtmRequestError | DtmAnswerError, wait: float | None = None) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.wait = wait


class DtmClient:
    """A client of one DTM API, safe to use from several threads.

    Args:
        settings: The checked settings; ``subscription_key`` goes to no host but that of ``api_url``.
    """

    def __init__(self, settings: Settings) -> None:  # noqa: D107
        self._url = settings.api_url
        self._is_local = settings.is_local
        self._key = settings.subscription_key or ""
        self._user_agent = settings.user_agent
        self._timeout = (min(CONNECT_TIMEOUT, settings.request_timeout), settings.request_timeout)
        self._tries = settings.max_retries + 1
        self._idle: list[requests.Session] = []
        self._count_lock = threading.Lock()
        self.requests_made = 0

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """Ask one endpoint.

        Args:
            path: The endpoint, for example ``/v3/displacement/admin0``.
            params: The API's query parameters, for example ``{"Admin0Pcode": "XAA"}``.

        Raises:
            DtmAccessError: The key is missing, invalid or used up (DtmQuotaError).
            DtmRequestError: No answer, or a refusal, after all retries; DtmRefusedError when a setting is to blame.
            DtmAnswerError: An answer that cannot be trusted, after all retries.
        """
        params = dict(params or {})
        where = path + "".join(f" {name}={value}" for name, value in params.items())
        retrying = backoff.on_exception(
            _waits,
            _PassingFault,
            max_tries=self._tries,
            jitter=None,
            on_backoff=lambda details: _logger.warning(
                "%s Trying again in %.1f s (try %d of %d).",
                details["exception"],
                details["wait"],
                details["tries"] + 1,
                self._tries,
            ),
            logger=None,
        )
        try:
            return retrying(self._try)(path, params, where)
        except _PassingFault as fault:
            raise fault.failure from None

    def _try(self, path: str, params: Mapping[str, str], where: str) -> Answer:
        with self._count_lock:
            self.requests_made += 1
        try:
            response = self._send(path, params, where)
        except requests.ReadTimeout:
            raise _PassingFault(
                DtmRequestError(
                    f"{where}: no answer within {self._timeout[1]:g} s. "
                    "Raise request_timeout if the API is slow for you."
                )
            ) from None
        except (
            requests.ConnectionError,
            requests.exceptions.ChunkedEncodingError,
            requests.exceptions.ContentDecodingError,
        ) as error:
            raise _PassingFault(
                DtmRequestError(
                    f"{where}: the connection to {urlsplit(self._url).netloc} failed or broke off "
                    f"({_root_cause(error)}). Check the network, a proxy, and the setting api_url."
                )
            ) from None
        except (requests.RequestException, ValueError) as error:  # requests lets some ValueErrors of others through
            raise DtmRefusedError(
                f"{where}: the request could not be made ({_root_cause(error)}). "
                "Check the settings api_url and user_agent."
            ) from None
        return _judge(response, where)

    def _send(self, path: str, params: Mapping[str, str], where: str) -> requests.Response:
        url = self._url + path
        query: Mapping[str, str] | None = params
        with self._session() as session:
            for _ in range(_MAX_REDIRECTS):
                response = session.get(url, params=query, timeout=self._timeout, allow_redirects=False)
                if not response.is_redirect:
                    return response
                # Followed by hand: requests would carry the key's header to any host.
                target = urljoin(url, response.headers["location"])
                if _origin(target) != _origin(self._url):
                    raise DtmRefusedError(
                        f"{where}: the API redirects to another host ({_said(response, _host(target))}); the key was "
                        "not sent there. Check the setting api_url."
                    )
                url, query = target, None
        raise DtmRefusedError(f"{where}: the API redirects in a circle. Check the setting api_url.")

    @contextmanager
    def _session(self) -> Iterator[requests.Session]:
        """Lend a session: requests does not promise that one may be used by two threads at a time."""
        try:
            session = self._idle.pop()
        except IndexError:
            session = requests.Session()
            # A proxy elsewhere cannot reach this machine's own addresses, and would be sent the key unencrypted.
            session.trust_env = not self._is_local
            session.headers.update(
                {"User-Agent": self._user_agent, "Accept": "application/json", KEY_HEADER: self._key}
            )
        try:
            yield session
        finally:
            self._idle.append(session)


def _waits() -> Generator[float, Any, None]:
    """Yield pauses in seconds: what the API asked for, else exponential with full jitter."""
    fault = yield 0.0  # backoff starts a wait generator with an empty send
    longest = 1.0
    while True:
        pause = random.uniform(longest / 2, longest)  # noqa: S311  jitter, not cryptography
        fault = yield pause if fault.wait is None else fault.wait + random.uniform(0, 0.5)  # noqa: S311
        longest = min(longest * 2, 60.0)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _host(url: str) -> str:
    """Return the host and port of a URL, without the name and password that may stand before them."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _root_cause(error: BaseException) -> str:
    """Name the innermost reason of a requests error, without the URL that its text repeats."""
    reason: Any = error
    while True:
        candidates = (getattr(reason, "reason", None), *reason.args, reason.__cause__)
        inner = next((each for each in candidates if isinstance(each, BaseException)), None)
        if inner is None:
            break
        reason = inner
    return getattr(reason, "strerror", None) or type(reason).__name__


def _judge(response: requests.Response, where: str) -> Answer:
    """Return the rows of a response, or raise what is wrong with it."""
    status = response.status_code
    body = _json(response)
    message = _said(response, str(body.get("message", ""))) if isinstance(body, dict) else ""
    if status == requests.codes.unauthorized:
        raise DtmAccessError(f"The DTM API refuses the subscription key (401: {message}). {HOW_TO_GET_A_KEY}")
    if status == requests.codes.forbidden:
        raise _forbidden(where, message, is_json=body is not None)
    if status in _PASSING_STATUSES:
        raise _passing_status(response, where, message)
    if status == requests.codes.not_found or (status < _SERVER_ERRORS and status != requests.codes.ok and not message):
        words = f"{message.rstrip('.')}. " if message else ""
        raise DtmRefusedError(f"{where}: HTTP {status}. {words}Check the settings api_url and api_version.")
    if status != requests.codes.ok:
        raise DtmRequestError(f"{where}: HTTP {status}. {message}")
    if body is None:
        kind = response.headers.get("content-type", "unknown type").split(";")[0]
        raise _PassingFault(
            DtmAnswerError(
                f"{where}: the answer (HTTP 200, {kind}) is not valid JSON: cut off, or a page of somebody else's. "
                "Nothing was taken; the next run asks again."
            )
        )
    return _unwrap(response, body, where)


def _forbidden(where: str, message: str, *, is_json: bool) -> DtmError:
    if not is_json:
        return DtmRefusedError(
            f"{where}: the firewall in front of the DTM API refuses the request (403, HTML). "
            "Set user_agent to something else; if that does not help, ask dtmdataconsolidation@iom.int."
        )
    if "quota" in message.casefold():
        return DtmQuotaError(
            f"The DTM API refuses the subscription key for now (403: {message}). Wait, or ask IOM for more."
        )
    return DtmAccessError(
        f"The DTM API refuses the subscription key (403: {message}). Ask IOM what it is for. {HOW_TO_GET_A_KEY}"
    )


def _said(response: requests.Response, words: str) -> str:
    """Return words of an answer for a message: without the key, should the other side repeat it."""
    return re.sub(re.escape(str(response.request.headers[KEY_HEADER])), "***", words, flags=re.IGNORECASE)


def _json(response: requests.Response) -> Any:  # noqa: ANN401
    try:
        # Stricter than json: no NaN, no half of a surrogate pair. A byte order mark is no part of the text.
        return msgspec.json.decode(response.content.removeprefix(codecs.BOM_UTF8))
    except (ValueError, RecursionError):
        return None


def _passing_status(response: requests.Response, where: str, message: str) -> Exception:
    seconds = _retry_after(response.headers.get("retry-after", ""))
    failure = DtmRequestError(f"{where}: HTTP {response.status_code}{': ' if message else '. '}{message}")
    if seconds is not None and seconds > LONGEST_WAIT:
        return DtmRequestError(f"{failure} The API asks to wait {seconds:g} s: run again after that.")
    return _PassingFault(failure, wait=seconds)


def _retry_after(header: str) -> float | None:
    """Return the seconds of a Retry-After header, which holds a number or a date; None without a usable one."""
    if header.isdecimal():
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _unwrap(response: requests.Response, body: Any, where: str) -> Answer:  # noqa: ANN401
    """Take the rows out of the envelope.

    ``statusCode`` 204 means "no rows": with ``isSuccess`` true for a filter that matches nothing, an empty
    answer; with false for a name or code that the API does not know.
    """
    if not isinstance(body, dict) or not isinstance(body.get("result"), list):
        raise _PassingFault(
            DtmAnswerError(f"{where}: the answer is JSON, but not the DTM API's. Check the setting api_url.")
        )
    rows: list[dict[str, Any]] = body["result"]
    reasons = body.get("errorMessages") or []
    message = _said(response, "; ".join(map(str, reasons if isinstance(reasons, list) else [reasons])))
    if body.get("totalRecordsCount") != len(rows):
        raise _PassingFault(
            DtmAnswerError(
                f"{where}: the answer announces {body.get('totalRecordsCount')} rows and holds {len(rows)}. "
                "Nothing was taken; the next run asks again."
            )
        )
    is_success, status = body.get("isSuccess") is True, body.get("statusCode")
    if is_success and status == (requests.codes.ok if rows else requests.codes.no_content):
        return Answer(rows, message)
    kind = DtmUnknownError if not rows and status == requests.codes.no_content else DtmRequestError
    raise kind(f"{where}: the API reports a failure: {message or f'statusCode {status}'}")
