"""A sandbox, and pauses that take no time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tap_dtm.sandbox import SandboxServer, invent

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(invent(seed=1, countries=6)) as server:
        yield server


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backoff._sync.time", SimpleNamespace(sleep=lambda _: None))
