"""A sandbox of six countries, and pauses that take no time."""

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


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between tries that were asked for; they take no time."""
    asked: list[float] = []
    monkeypatch.setattr("backoff._sync.time", SimpleNamespace(sleep=asked.append))
    return asked
