"""A sandbox that serves the small world, and a target to sync it to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tap_dtm.sandbox import SandboxServer
from tests.guards.support import small_world
from tests.target import MemoryTarget

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(small_world()) as server:
        yield server


@pytest.fixture
def target() -> MemoryTarget:
    return MemoryTarget()
