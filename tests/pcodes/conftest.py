"""A sandbox of three countries, and pauses that take no time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tap_dtm.sandbox import SandboxServer
from tests.client.conftest import waits
from tests.guards.support import small_world
from tests.target import MemoryTarget

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["waits"]


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(small_world()) as server:
        yield server


@pytest.fixture
def target() -> MemoryTarget:
    return MemoryTarget()
