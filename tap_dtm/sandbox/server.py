"""The sandbox on a socket: HTTP in, HTTP out, on this machine only."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
from requests.structures import CaseInsensitiveDict
from typing_extensions import override

from tap_dtm.sandbox.api import ADMIN_PATHS, KEY_HEADER, KEY_PARAMETER, Options, Request, answer, gate
from tap_dtm.sandbox.faults import Fault, Faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

    from tap_dtm.sandbox.world import World

SANDBOX_KEY = "invented-sandbox-key"
HOST = "127.0.0.1"


class SandboxServer:
    """An offline DTM API with invented data.

    `with SandboxServer(world) as sandbox:` serves it at `sandbox.url` under `sandbox.key`. World, options and faults
    may change between requests.
    """

    def __init__(self, world: World, *, key: str = SANDBOX_KEY, port: int = 0, options: Options | None = None) -> None:
        """Start listening, on a free port unless one is given."""
        self.world = world
        self.key = key
        self.options = options or Options()
        self.faults = Faults()
        self.requests: list[Request] = []
        """The requests, without the key."""
        self.most_at_once = 0
        """The largest number of requests that were being answered at the same time."""
        self._at_once = 0
        self._lock = threading.Lock()
        self.closing = threading.Event()
        self._http = _HttpServer(self, port)
        self.port: int = self._http.server_address[1]
        self.url = f"http://{HOST}:{self.port}"
        # A short poll, because closing waits for it; requests do not.
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Serve until the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving."""
        self.close()

    def close(self) -> None:
        """Stop serving, and close all connections. A second call has no effect."""
        if self.closing.is_set():
            return
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        for connection in self._http.connections.copy():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    @contextlib.contextmanager
    def noted(self, request: Request) -> Iterator[None]:
        """Record a request, without the key, and count it as being answered until the block ends."""
        noted = replace(
            request,
            params=CaseInsensitiveDict(request.params),
            headers=CaseInsensitiveDict(request.headers),
            key_sent=KEY_HEADER in request.headers or KEY_PARAMETER in request.params,
        )
        noted.headers.pop(KEY_HEADER, None)
        noted.params.pop(KEY_PARAMETER, None)
        with self._lock:
            self.requests.append(noted)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            with self._lock:
                self._at_once -= 1

    def respond(self, request: Request) -> tuple[int, dict[str, str], bytes, Fault | None]:
        """Return status, headers, body, and the fault that the delivery must act out."""
        fault = None
        given = gate(request, self.key)
        if given is None:
            fault = self.faults.take(request)
            level, _ = ADMIN_PATHS.get(request.path.lower(), (None, None))
            given = answer(request, self.world.shown_at(level), self.options)
            if fault is not None:
                given = fault.alter(given)
        is_page = isinstance(given.body, str)
        kind = {"Content-Type": "text/html" if is_page else "application/json; charset=utf-8"}
        body = given.body.encode() if isinstance(given.body, str) else msgspec.json.encode(given.body)
        return given.status, {**kind, **given.headers}, body, fault


class _HttpServer(ThreadingTCPServer):
    """Threads that end with the program, and connections that can be closed."""

    # Not HTTPServer, which looks up the name of the host: that can take seconds without a network.
    allow_reuse_address = os.name != "nt"  # where it would let two servers share a port
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, sandbox: SandboxServer, port: int) -> None:
        self.sandbox = sandbox
        self.connections: set[socket.socket] = set()
        super().__init__((HOST, port), _Handler)

    @override
    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        self.connections.add(request)
        super().process_request(request, client_address)

    @override
    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        self.connections.discard(request)
        super().shutdown_request(request)

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        # A client may close the connection, and the program may end in the meantime; anything else is a bug.
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError) and "interpreter shutdown" not in str(error):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "invented-dtm-sandbox"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _HttpServer

    def _any(self) -> None:
        if length := int(self.headers.get("Content-Length") or 0):
            self.rfile.read(length)
        parts = urlsplit(self.path)
        params: CaseInsensitiveDict[str] = CaseInsensitiveDict()
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            params.setdefault(name, value)
        request = Request(self.command, unquote(parts.path), params, CaseInsensitiveDict(self.headers.items()))
        with self.server.sandbox.noted(request):
            self._deliver(*self.server.sandbox.respond(request))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _any  # noqa: N815

    def _deliver(self, status: int, headers: dict[str, str], body: bytes, fault: Fault | None) -> None:
        kind = fault.kind if fault else None
        in_time = fault is None or kind != "slow" or not self.server.sandbox.closing.wait(fault.seconds)
        if kind == "dropped" or not in_time:
            self.close_connection = True
            return
        length = len(body)
        if kind in {"dropped_midway", "truncated", "cut_json"}:
            body = body[: length // 2]
            self.close_connection = kind != "cut_json"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if kind == "cut_json" else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()
        if kind == "dropped_midway":
            # Lingering for no time turns the close into a reset.
            at_once = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Do not log: the output belongs to the program that the sandbox is part of."""
