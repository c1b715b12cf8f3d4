"""A sandbox of three countries, and pauses that take no time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tap_dtm.sandbox import SandboxServer, invent
from tests.client.conftest import waits
from tests.target import MemoryTarget

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["waits"]


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(invent(countries=3)) as server:
        yield server


@pytest.fixture
def target() -> MemoryTarget:
    return MemoryTarget()
