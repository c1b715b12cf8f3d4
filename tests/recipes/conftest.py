"""What all recipes need: the machine they speak of, and an API."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from tap_dtm.sandbox import SandboxServer, tiny
from tests.recipes.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.pipeline import Warehouse


@pytest.fixture
def sandbox(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    """An API with two countries, or as many as a test asks for."""
    with SandboxServer(tiny(Random(7), countries=getattr(request, "param", 2))) as server:
        yield server


@pytest.fixture
def machine(tmp_path: Path, sandbox: SandboxServer, warehouse: Warehouse) -> Machine:
    return Machine(tmp_path / "srv", sandbox, warehouse)
