"""GitHub's Git Data API on a socket of this machine: one repository with one branch."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from typing_extensions import override

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

TOKEN = "github-token-0123456789abcdef"  # noqa: S105  of nothing but this
REPOSITORY = "nobody/invented-data"
BRANCH = "main"
Answer = tuple[int, dict[str, Any]]


@dataclass
class FakeGithub:
    """`with FakeGithub() as site:` serves it at `site.url`; `site.files` is what the branch holds."""

    private: bool = True
    calls: list[tuple[str, str]] = field(default_factory=list)
    faults: dict[tuple[str, str], Answer] = field(default_factory=dict)
    lost: set[tuple[str, str]] = field(default_factory=set)
    """Faults at which the site does it all the same, and only the answer is lost."""
    messages: list[str] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    trees: dict[str, dict[str, str]] = field(default_factory=dict)
    commits: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.head = self._commit(self._tree({}), [], "Begin")
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def files(self) -> dict[str, bytes]:
        """The files of the branch."""
        return {path: self.blobs[sha] for path, sha in self.trees[self.commits[self.head]["tree"]].items()}

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [(method, path) for method, path in self.calls if method != "GET"]

    def commit(self, files: dict[str, bytes], message: str = "By hand") -> None:
        """Commit as somebody else would."""
        tree = {path: self._blob(content) for path, content in files.items()}
        self.head = self._commit(self._tree({**self.trees[self.commits[self.head]["tree"]], **tree}), [], message)

    def answer(self, method: str, path: str, body: dict[str, Any], authorization: str | None) -> Answer:
        self.calls.append((method, path))
        if (fault := self.faults.pop((method, path), None)) is not None:
            if (method, path) in self.lost:
                getattr(self, f"_{method.lower()}")(path, body)
            return fault
        if authorization not in {None, f"Bearer {TOKEN}"}:
            return 401, {"message": "Bad credentials"}
        if authorization is None and (method != "GET" or self.private):
            return 404, {"message": "Not Found"}
        return getattr(self, f"_{method.lower()}")(path, body)  # type: ignore[no-any-return]

    def _get(self, path: str, _: dict[str, Any]) -> Answer:
        if path == "":
            return 200, {"full_name": REPOSITORY, "private": self.private}
        if path == f"/git/ref/heads/{BRANCH}":
            return 200, {"object": {"type": "commit", "sha": self.head}}
        if path.startswith("/git/commits/"):
            return 200, {"tree": {"sha": self.commits[path.rsplit("/", 1)[1]]["tree"]}}
        if path.startswith("/git/blobs/"):
            content = base64.encodebytes(self.blobs[path.rsplit("/", 1)[1]]).decode()
            return 200, {"sha": path.rsplit("/", 1)[1], "content": content, "encoding": "base64"}
        if path.startswith("/git/trees/"):
            tree = self.trees[path.rsplit("/", 1)[1]]
            folders = {str(folder) for name in tree for folder in PurePosixPath(name).parents} - {"."}
            entries = [{"path": name, "type": "blob", "sha": sha} for name, sha in tree.items()]
            entries += [{"path": name, "type": "tree", "sha": "0"} for name in folders]
            return 200, {"tree": entries, "truncated": False}
        return 404, {"message": "Not Found"}

    def _post(self, path: str, body: dict[str, Any]) -> Answer:
        if path == "/git/blobs":
            return 201, {"sha": self._blob(base64.b64decode(body["content"], validate=True))}
        if path == "/git/trees":
            tree = dict(self.trees[body["base_tree"]])
            for entry in body["tree"]:
                if entry["sha"] is None:
                    del tree[entry["path"]]
                else:
                    assert entry["sha"] in self.blobs
                    tree[entry["path"]] = entry["sha"]
            return 201, {"sha": self._tree(tree)}
        sha = self._commit(body["tree"], body["parents"], body["message"])
        return 201, {"sha": sha, "html_url": f"https://github.example/{REPOSITORY}/commit/{sha}"}

    def _patch(self, _: str, body: dict[str, Any]) -> Answer:
        if self.commits[body["sha"]]["parents"] != [self.head] or body["force"]:
            return 422, {"message": "Update is not a fast forward"}
        self.head = body["sha"]
        self.messages.append(self.commits[self.head]["message"])
        return 200, {"object": {"sha": self.head}}

    def _blob(self, content: bytes) -> str:
        sha = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
        self.blobs[sha] = content
        return sha

    def _tree(self, tree: dict[str, str]) -> str:
        sha = hashlib.sha1(json.dumps(tree, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
        self.trees[sha] = tree
        return sha

    def _commit(self, tree: str, parents: list[str], message: str) -> str:
        sha = hashlib.sha1(f"{len(self.commits)}".encode(), usedforsecurity=False).hexdigest()
        self.commits[sha] = {"tree": tree, "parents": parents, "message": message}
        return sha


def _handler(site: FakeGithub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def _any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if len(body) < length:
                self.close_connection = True  # half a request is none
                return
            path = urlsplit(self.path).path
            root = f"/repos/{REPOSITORY}"
            if path.startswith(root):
                sent = json.loads(body) if body else {}
                authorization = self.headers.get("Authorization")
                status, answer = site.answer(self.command, path.removeprefix(root), sent, authorization)
            else:
                status, answer = 404, {"message": "Not Found"}
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()

        do_GET = do_POST = do_PATCH = _any  # noqa: N815

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler
