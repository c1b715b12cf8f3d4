"""An HTTP server that answers as a test tells it to: what the sandbox, which stays plausible, never would."""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from typing_extensions import override

from tap_dtm.sandbox import SANDBOX_KEY, Options
from tap_dtm.sandbox.api import Answer, Request, answer, gate

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any

    from typing_extensions import Self

    from tap_dtm.sandbox import World

    Respond = Callable[[Request], Answer]
    Rows = list[dict[str, Any]]


class ScriptedServer:
    """Serves what ``respond`` returns, on this machine and a free port; ``requests`` holds all that it was sent.

    Unlike the sandbox's, its requests are kept as they came: with the key, if it was sent.
    """

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.requests: list[Request] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.socket.close()  # not server_close, which would wait for clients that keep their connection

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body in two packets would wait for each other, 40 ms for each answer.
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                params = {name.lower(): value for name, value in parse_qsl(parts.query, keep_blank_values=True)}
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request("GET", parts.path, params, headers)
                server.requests.append(request)
                said = server.respond(request)
                body = said.body if isinstance(said.body, str) else json.dumps(said.body)
                content = body.encode(errors="surrogateescape")
                self.send_response(said.status)
                for name, value in {"Content-Length": str(len(content)), **said.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # a client that gives up is what some tests are about
                    self.wfile.write(content)
                    self.wfile.flush()

            @override
            def log_message(self, *_: object) -> None:
                """Be quiet."""

        return Handler


def always(body: dict[str, object] | str, status: int = 200, **headers: str) -> Respond:
    """Return a server's behaviour: the same answer to everything."""
    said = Answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})
    return lambda _: said


def doctored(world: World, alter: Callable[[Request, Rows], Rows | None]) -> Respond:
    """Return a server's behaviour: the sandbox's answers, their rows altered; None leaves an answer as it is."""

    def respond(request: Request) -> Answer:
        said = gate(request, SANDBOX_KEY) or answer(request, world.edition, Options())
        if not isinstance(said.body, dict) or not isinstance(said.body.get("result"), list):
            return said
        rows = alter(request, [dict(row) for row in said.body["result"]])
        if rows is None:
            return said
        code = 200 if rows else 204
        return Answer(200, {**said.body, "result": rows, "statusCode": code, "totalRecordsCount": len(rows)})

    return respond
