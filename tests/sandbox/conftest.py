"""A sandbox on a socket, and a way to ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest
import requests

from tap_dtm.sandbox import SandboxServer, invent

if TYPE_CHECKING:
    from collections.abc import Iterator

AGENT = "tap-dtm tests"


class Ask(Protocol):
    """Asks the sandbox with its key, and without following redirects."""

    def __call__(self, path: str, **params: object) -> requests.Response: ...


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(invent()) as server:
        yield server


@pytest.fixture
def ask(sandbox: SandboxServer) -> Iterator[Ask]:
    headers = {"User-Agent": AGENT, "Ocp-Apim-Subscription-Key": sandbox.key}
    with requests.Session() as session:

        def get(path: str, **params: object) -> requests.Response:
            return session.get(
                sandbox.url + path,
                params={name: str(value) for name, value in params.items()},
                headers=headers,
                timeout=10,
                allow_redirects=False,
            )

        yield get
