"""One HTTP request, and limits on the time and memory of its answer.

requests, urllib3 and http.client read status lines, headers, ``100 Continue``, chunk sizes and trailers without limits,
and each byte restarts their read timeout. So the limits are at the socket, through which all bytes pass.
"""

from __future__ import annotations

import http.client
import io
import time
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Final

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import ContentDecodingError
from typing_extensions import override

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from urllib3 import HTTPConnectionPool, PoolManager

    from tap_dtm.api.budget import Share

CONNECT_TIMEOUT: Final = 10.0
_MOST_HEAD: Final = 1_000_000  # bytes of a status line and headers, and of everything before them
_MOST_EXPLANATION: Final = 1_000_000  # bytes of an answer that reports an error
_PIECE: Final = 1 << 16
_ENCODINGS: Final = {"", "identity", "gzip", "x-gzip", "deflate"}
_REDIRECTS: Final = {301, 302, 303, 307, 308}
_FIRST_ERROR: Final = 400


class TooSlow(Exception):  # noqa: N818
    """The answer was not complete in time."""


class EndlessHead(Exception):  # noqa: N818
    """The part before the body does not end."""


@dataclass(frozen=True)
class Bounds:
    """The limits of an answer.

    Attributes:
        share: Its memory.
        read_timeout: Seconds to wait for the next bytes.
        longest: Seconds until the answer must be complete. Waiting for memory does not count.
    """

    share: Share
    read_timeout: float
    longest: float


@dataclass(frozen=True)
class Reply:
    """An answer as it arrived, and the seconds that it took. ``body`` is unpacked, and empty for a redirect."""

    status: int
    headers: Mapping[str, str]
    body: bytearray
    seconds: float = 0.0

    @property
    def is_redirect(self) -> bool:
        """Whether the answer is a redirect to another address."""
        return self.status in _REDIRECTS and "location" in self.headers


class Session(requests.Session):
    """Keeps connections open. It ignores cookies, redirects and the user's ``.netrc``.

    Args:
        trust_env: Whether proxies and certificates of the environment are used.
    """

    def __init__(self, *, trust_env: bool) -> None:  # noqa: D107
        super().__init__()
        self.trust_env = trust_env
        self.auth = _no_credentials  # without an auth function, requests reads ~/.netrc
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.headers["Accept-Encoding"] = "gzip, deflate"
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter())

    @override
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None. To follow a redirect, requests would read the whole body."""


def fetch(
    session: Session,
    method: str,
    url: str,
    bounds: Bounds,
    **options: Any,  # noqa: ANN401  as in requests
) -> Reply:
    """Send a request, and read the answer.

    Args:
        session: The session, which only one thread may use at a time.
        method: The HTTP method.
        url: The URL.
        bounds: The limits of the answer.
        options: The other options of ``requests.request``.

    Raises:
        TooSlow: The answer was not complete in time.
        EndlessHead: The head of the answer does not end.
        OverBudget: The answer is larger than the budget.
        GiveWay: Older answers need the memory.
        requests.RequestException: There is no answer, or it is not complete.
        OSError: The same, or the certificates of the environment cannot be read.
        ValueError: The request cannot be made.
    """
    meter = _Meter(bounds)
    token = _current.set(meter)
    timeout = (min(CONNECT_TIMEOUT, bounds.read_timeout), bounds.read_timeout)
    start = time.monotonic()
    try:
        response = session.request(method, url, timeout=timeout, allow_redirects=False, stream=True, **options)
        with response:
            body = _body(response, meter)
            return Reply(response.status_code, response.headers, body, time.monotonic() - start)
    finally:
        _current.reset(token)


def _body(response: requests.Response, meter: _Meter) -> bytearray:
    body = bytearray()
    if response.status_code in _REDIRECTS:
        return body
    if not {part.strip() for part in response.headers.get("content-encoding", "").lower().split(",")} <= _ENCODINGS:
        raise ContentDecodingError("an encoding that was not asked for")
    try:
        for piece in response.iter_content(_PIECE):
            meter.unpacked(len(body) + len(piece))
            body += piece
            if response.status_code >= _FIRST_ERROR and len(body) > _MOST_EXPLANATION:
                return bytearray()
    except BaseException:
        body.clear()  # urllib3 keeps the exception for a while, and with it this frame
        raise
    return body


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


class _Meter:
    """Measures one answer, and ends it when it exceeds its limits."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._deadline = 0.0
        self._received = 0
        self._is_head = True

    def start(self) -> None:
        """Begin an answer of a proxy or of the server."""
        self._deadline = time.monotonic() + self._bounds.longest
        self._is_head = True

    def end_of_head(self) -> None:
        self._is_head = False

    def seconds_left(self) -> float:
        """Return how long to wait for the next bytes."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TooSlow
        return min(left, self._bounds.read_timeout)

    def received(self, count: int) -> None:
        """Count bytes from the network."""
        self._received += count
        if self._is_head and self._received > _MOST_HEAD:
            raise EndlessHead
        self._grow(self._received)

    def unpacked(self, size: int) -> None:
        """Record the size of the unpacked body."""
        self._grow(size)

    def _grow(self, size: int) -> None:
        before = time.monotonic()
        self._bounds.share.grow(size)
        self._deadline += time.monotonic() - before  # waiting for memory does not count


_current: ContextVar[_Meter] = ContextVar("_current")


class _Raw(io.RawIOBase):
    """Reads from a socket within the limits of a meter."""

    def __init__(self, sock: socket.socket, meter: _Meter) -> None:
        self._socket = sock
        self._stream = sock.makefile("rb", buffering=0)
        self._meter = meter

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(self._meter.seconds_left())
        try:
            count: int | None = self._stream.readinto(buffer)
        except TimeoutError:
            self._meter.seconds_left()  # raises TooSlow if the time of the whole answer is over
            raise
        self._meter.received(count or 0)
        return count

    @override
    def close(self) -> None:
        self._stream.close()
        super().close()


class _Bounded:
    """The part of a socket that http.client's responses use."""

    def __init__(self, sock: socket.socket, meter: _Meter) -> None:
        self._socket = sock
        self._meter = meter

    def makefile(self, *_: object) -> io.BufferedReader:
        return io.BufferedReader(_Raw(self._socket, self._meter), _PIECE)


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:  # noqa: ANN401
        self._meter = _current.get()
        self._meter.start()
        super().__init__(_Bounded(sock, self._meter), *args, **options)  # type: ignore[arg-type]

    @override
    def begin(self) -> None:
        """Read the head. Drop invalid header lines: urllib3 would log them, and they may hold the key."""
        super().begin()
        self.headers.defects = []
        self.headers.set_payload("")
        self._meter.end_of_head()


class _Adapter(HTTPAdapter):
    """Uses connection pools that read bounded answers."""

    @override
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        _bound(self.poolmanager)

    @override
    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*args, **options)
        _bound(manager)
        return manager


def _bound(manager: PoolManager) -> None:
    # Derived from the manager's own classes, because those for SOCKS proxies differ.
    manager.pool_classes_by_scheme = {
        scheme: _bounded_pool(pool) for scheme, pool in manager.pool_classes_by_scheme.items()
    }


@cache
def _bounded_pool(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    if getattr(pool.ConnectionCls, "response_class", None) is _Response:
        return pool  # proxy_manager_for returned the same manager again
    connection = type(pool.ConnectionCls.__name__, (pool.ConnectionCls,), {"response_class": _Response})
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})
