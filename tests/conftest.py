"""What several test modules need: one real Postgres server for all of them."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest

from demo.postgres import EmbeddedPostgres
from tests.pipeline import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def warehouse(postgres: EmbeddedPostgres, tmp_path: Path) -> Warehouse:
    """A schema of the test's own."""
    return Warehouse(postgres, f"dtm_{next(_NUMBERS)}", tmp_path)
