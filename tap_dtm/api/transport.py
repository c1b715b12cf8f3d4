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


class Bounds:
    """The limits of one answer, which end it when it exceeds them.

    Args:
        share: Its memory.
        read_timeout: Seconds to wait for the next bytes.
        longest: Seconds until the answer must be complete. Waiting for memory does not count.
    """

    def __init__(self, share: Share, read_timeout: float, longest: float) -> None:  # noqa: D107
        self.read_timeout = read_timeout
        self._share = share
        self._longest = longest
        self._received = 0
        self.start()

    def start(self) -> None:
        """Begin an answer of a proxy or of the server."""
        self._deadline = time.monotonic() + self._longest
        self.is_head = True

    def seconds_left(self) -> float:
        """Return how long to wait for the next bytes."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TooSlow
        return min(left, self.read_timeout)

    def received(self, count: int) -> None:
        """Count bytes from the network."""
        self._received += count
        if self.is_head and self._received > _MOST_HEAD:
            raise EndlessHead
        self.grow(self._received)

    def grow(self, size: int) -> None:
        """Take this much memory, as soon as there is room."""
        before = time.monotonic()
        self._share.grow(size)
        self._deadline += time.monotonic() - before


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
    """Keeps connections open. It ignores cookies, redirects and the user's ``.netrc``."""

    def __init__(self, *, trust_env: bool) -> None:  # noqa: D107
        super().__init__()
        self.trust_env = trust_env
        self.auth = lambda request: request  # without an auth function, requests reads ~/.netrc
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.headers["Accept-Encoding"] = "gzip, deflate"
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter())

    @override
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None. To follow a redirect, requests would read the whole body."""


def fetch(session: Session, method: str, url: str, bounds: Bounds, **options: Any) -> Reply:  # noqa: ANN401
    """Send a request with the options of ``requests.request``, and read the answer within its limits.

    Raises:
        TooSlow: The answer was not complete in time.
        EndlessHead: The head of the answer does not end.
        OverBudget: The answer is larger than the budget.
        GiveWay: Older answers need the memory.
        requests.RequestException: There is no answer, or it is not complete.
        OSError: The same, or the certificates of the environment cannot be read.
        ValueError: The request cannot be made.
    """
    token = _current.set(bounds)
    timeout = (min(CONNECT_TIMEOUT, bounds.read_timeout), bounds.read_timeout)
    start = time.monotonic()
    try:
        with session.request(method, url, timeout=timeout, allow_redirects=False, stream=True, **options) as response:
            body = _body(response, bounds)
            return Reply(response.status_code, response.headers, body, time.monotonic() - start)
    finally:
        _current.reset(token)


def _body(response: requests.Response, bounds: Bounds) -> bytearray:
    body = bytearray()
    if response.status_code in _REDIRECTS:
        return body
    if not {part.strip() for part in response.headers.get("content-encoding", "").lower().split(",")} <= _ENCODINGS:
        raise ContentDecodingError("an encoding that was not asked for")
    try:
        for piece in response.iter_content(_PIECE):
            bounds.grow(len(body) + len(piece))
            body += piece
            if response.status_code >= _FIRST_ERROR and len(body) > _MOST_EXPLANATION:
                return bytearray()
    except BaseException:
        body.clear()  # urllib3 keeps the exception for a while, and with it this frame
        raise
    return body


_current: ContextVar[Bounds] = ContextVar("_current")


class _Socket(io.RawIOBase):
    """The part of a socket that http.client's responses use. It reads within the limits of an answer."""

    def __init__(self, sock: socket.socket, bounds: Bounds) -> None:
        self._socket = sock
        self._stream = sock.makefile("rb", buffering=0)
        self._bounds = bounds

    def makefile(self, *_: object) -> io.BufferedReader:
        return io.BufferedReader(self, _PIECE)

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(self._bounds.seconds_left())
        try:
            count: int | None = self._stream.readinto(buffer)
        except TimeoutError:
            self._bounds.seconds_left()  # raises TooSlow if the time of the whole answer is over
            raise
        self._bounds.received(count or 0)
        return count

    @override
    def close(self) -> None:
        self._stream.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:  # noqa: ANN401
        self._bounds = _current.get()
        self._bounds.start()
        super().__init__(_Socket(sock, self._bounds), *args, **options)  # type: ignore[arg-type]

    @override
    def begin(self) -> None:
        """Read the head. Drop invalid header lines: urllib3 would log them, and they may hold the key."""
        super().begin()
        self.headers.defects = []
        self.headers.set_payload("")
        self._bounds.is_head = False


class _Adapter(HTTPAdapter):
    """Uses connections that read bounded answers."""

    @override
    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        pool.ConnectionCls = _bounded(pool.ConnectionCls)
        return pool


@cache
def _bounded(connection: Any) -> Any:  # noqa: ANN401  a class of urllib3: those for SOCKS proxies differ
    if getattr(connection, "response_class", None) is _Response:
        return connection
    return type(connection.__name__, (connection,), {"response_class": _Response})
