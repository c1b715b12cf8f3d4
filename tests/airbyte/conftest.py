"""What several test modules need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tap_dtm.sandbox import SandboxServer
from tests.airbyte.support import Destination, Source
from tests.guards.support import small_world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Three countries, two operations each."""
    with SandboxServer(small_world()) as server:
        yield server


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(tmp_path)


@pytest.fixture
def destination() -> Destination:
    return Destination()
