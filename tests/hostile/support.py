"""A server that writes to the socket whatever a test wants, and the ways in which it is hostile."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from tap_dtm.sandbox.api import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from tap_dtm.sandbox import SandboxServer

    Pieces = Iterator[bytes]
    Hostility = Callable[[threading.Event], Pieces]

ADMIN1 = "/v3/displacement/admin1"
VICTIM = "XBA"
_ROW = b'{"operation":"Invented Flood","admin0Name":"Invented XBA","numPresentIdpInd":1}'


class RawServer:
    """Serves a sandbox on this machine; but one country's admin 1 gets what ``hostility`` yields, piece by piece.

    Args:
        sandbox: Answers everything else.
        hostility: The pieces, up to the end of the connection. It is handed an event to sleep on.
        is_victim: Which requests get it, if not the ones for that country.
        others: What other paths get in its place.
    """

    def __init__(
        self,
        sandbox: SandboxServer,
        hostility: Hostility,
        is_victim: Callable[[Request], bool] | None = None,
        others: Mapping[str, Hostility] | None = None,
    ) -> None:
        self._sandbox = sandbox
        self._hostility = hostility
        self._others = others or {}
        self._is_victim = is_victim or (lambda said: said.path == ADMIN1 and said.params["admin0pcode"] == VICTIM)
        self.requests: list[Request] = []
        self.closing = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._hang_up(self._listening)
        self._listening.close()
        self._threads[0].join(30)  # from here on, there are no new connections
        for connection in self._connections:
            self._hang_up(connection)
        for thread in self._threads:
            thread.join(30)

    @staticmethod
    def _hang_up(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):  # it was closed before
            connection.shutdown(socket.SHUT_RDWR)

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._connections.append(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(ConnectionError, StopIteration):
            incoming = connection.makefile("rb")
            while not self.closing.is_set():
                request = self._request(incoming)
                self.requests.append(request)
                if self._is_victim(request):
                    for piece in self._others.get(request.path, self._hostility)(self.closing):
                        connection.sendall(piece)
                    return
                status, headers, body, _ = self._sandbox.respond(request)
                lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in headers.items())]
                head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])
                connection.sendall(head.encode() + body)

    def _request(self, incoming: Any) -> Request:
        lines: list[str] = []
        while not lines or lines[-1]:
            line = incoming.readline()
            if not line:
                raise StopIteration
            lines.append(line.decode().rstrip("\r\n"))
        parts = urlsplit(lines[0].split(" ")[1])
        headers = dict(line.split(": ", 1) for line in lines[1:-1])
        return Request(
            "GET",
            parts.path,
            {name.lower(): value for name, value in parse_qsl(parts.query)},
            {name.lower(): value for name, value in headers.items()},
        )


def head(status: int = 200, *headers: str) -> bytes:
    """Return a status line and headers."""
    return "\r\n".join([f"HTTP/1.1 {status} Said", "Content-Type: application/json", *headers, "", ""]).encode()


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(piece), piece)


def endless_body(closing: threading.Event, status: int = 200) -> Pieces:
    yield head(status, "Location: /elsewhere") if status == 302 else head(status)
    while not closing.is_set():
        yield b" " * 65536


def endless_list(closing: threading.Event) -> Pieces:
    yield head(200, "Transfer-Encoding: chunked") + chunk(b'{"result":[' + _ROW)
    while not closing.is_set():
        yield chunk((b"," + _ROW) * 1000)


def gzip_bomb(closing: threading.Event) -> Pieces:
    """A megabyte of blanks is a kilobyte here, and no length is announced."""
    packer = zlib.compressobj(9, wbits=31)
    yield head(200, "Content-Encoding: gzip") + packer.compress(b'{"result":[')
    while not closing.is_set():
        yield packer.compress(b" " * 1_000_000) + packer.flush(zlib.Z_SYNC_FLUSH)


def nested_gzip_bomb(closing: threading.Event) -> Pieces:
    """Packed twice: a megabyte of blanks is a few bytes."""
    inner, outer = zlib.compressobj(9, wbits=31), zlib.compressobj(9, wbits=31)
    yield head(200, "Content-Encoding: gzip, gzip")
    while not closing.is_set():
        once = inner.compress(b" " * 1_000_000) + inner.flush(zlib.Z_SYNC_FLUSH)
        yield outer.compress(once) + outer.flush(zlib.Z_SYNC_FLUSH)


def dripping_body(closing: threading.Event) -> Pieces:
    yield head(200, "Content-Length: 100000000")
    yield from _drops(closing, b" ")


def dripping_chunk(closing: threading.Event) -> Pieces:
    yield head(200, "Transfer-Encoding: chunked")
    yield from _drops(closing, b"0")


def dripping_status(closing: threading.Event) -> Pieces:
    yield b"HTTP/1.1 200 "
    yield from _drops(closing, b"O")


def dripping_header(closing: threading.Event) -> Pieces:
    yield b"HTTP/1.1 200 OK\r\nX-News: "
    yield from _drops(closing, b"x")


def dripping_trailers(closing: threading.Event) -> Pieces:
    yield head(200, "Transfer-Encoding: chunked") + chunk(b"{}") + b"0\r\n"
    yield from _drops(closing, b"X-News: x\r\n")


def dripping_continue(closing: threading.Event) -> Pieces:
    yield from _drops(closing, b"HTTP/1.1 100 Continue\r\n\r\n")


def endless_continue(closing: threading.Event) -> Pieces:
    while not closing.is_set():
        yield b"HTTP/1.1 100 Continue\r\n\r\n" * 1000


def endless_trailers(closing: threading.Event) -> Pieces:
    yield head(200, "Transfer-Encoding: chunked") + chunk(b"{}") + b"0\r\n"
    while not closing.is_set():
        yield b"X-News: x\r\n" * 5000


def endless_trailer(closing: threading.Event) -> Pieces:
    yield head(200, "Transfer-Encoding: chunked") + chunk(b"{}") + b"0\r\nX-News: "
    while not closing.is_set():
        yield b"x" * 65536


def endless_chunk_size(closing: threading.Event) -> Pieces:
    yield head(200, "Transfer-Encoding: chunked") + b"1;"
    while not closing.is_set():
        yield b"x" * 65536


def memory_bomb(_: threading.Event, rows: int = 600_000) -> Pieces:
    """A valid answer whose rows are small in JSON, and twenty times as large in memory."""
    yield _whole(b"{}", rows)


def nested_bomb(_: threading.Event) -> Pieces:
    """The same within one row."""
    yield _whole(b'{"a":[' + b"{}," * 600_000 + b"{}]}", 1)


def _whole(row: bytes, count: int) -> bytes:
    said = {"statusCode": 200, "isSuccess": True, "errorMessages": [], "totalRecordsCount": count}
    body = b'{"result":[' + b",".join([row] * count) + b"]," + json.dumps(said).encode()[1:]
    return head(200, f"Content-Length: {len(body)}") + body


def _drops(closing: threading.Event, drop: bytes) -> Pieces:
    while not closing.wait(0.05):
        yield drop
