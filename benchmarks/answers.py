"""Stores the sandbox's answers to a first load, and serves them: python -m benchmarks.answers FOLDER.

The sandbox itself composes an answer at each request, which would take part of the measured time.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from typing_extensions import override

from tap_dtm.sandbox import SandboxServer, world_at
from tap_dtm.sandbox.api import KEY_HEADER, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

_LISTS = ("/v3/displacement/country-list", "/v3/displacement/operation-list")
LEVELS = ("admin0", "admin1", "admin2")


def write_answers(folder: Path, rows: int, countries: int) -> None:
    """Write the answers to a first load of this many invented rows."""
    folder.mkdir()
    with SandboxServer(world_at(rows=rows, countries=countries)) as sandbox:
        for path in _LISTS:
            (folder / _name(path, {})).write_bytes(_answer(sandbox, path))
        listed = json.loads((folder / _name(_LISTS[0], {})).read_bytes())["result"]
        for country in listed:
            for level in LEVELS:
                path, query = f"/v3/displacement/{level}", {"admin0pcode": country["admin0Pcode"]}
                (folder / _name(path, query)).write_bytes(_answer(sandbox, path, **query))


def _answer(sandbox: SandboxServer, path: str, **query: str) -> bytes:
    status, _, body, _ = sandbox.respond(Request("GET", path, query, {KEY_HEADER: sandbox.key}))
    if status != 200:  # noqa: PLR2004
        raise RuntimeError(f"The sandbox answers {path} with status {status}.")
    return body


def _name(path: str, query: dict[str, str]) -> str:
    return "-".join([path.rsplit("/", 1)[1], *query.values()]) + ".json"


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve the answers from another process, and yield the URL."""
    command = [sys.executable, "-m", "benchmarks.answers", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            if server.stdout is None or not (port := server.stdout.readline().strip()):
                raise RuntimeError("The server of the answers did not start.")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, folder: Path, *arguments: object) -> None:
        self._folder = folder
        super().__init__(*arguments)  # type: ignore[arg-type]  # passed on from the server

    def do_GET(self) -> None:
        """Send the file of this request. A first load has no filters except the country."""
        parts = urlsplit(self.path)
        query = {name.lower(): value for name, value in parse_qsl(parts.query)}
        file = self._folder / _name(parts.path, query)
        body = file.read_bytes() if file.is_file() else b"{}"
        self.send_response(200 if file.is_file() else 404)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


def main() -> None:
    """Serve until this process is terminated."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, Path(sys.argv[1])))
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
