"""What several test modules need: a database of a real Postgres server, an emulator of BigQuery, a wheel."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.bigquery.dataset import Dataset
from tests.bigquery.emulator import BigQueryEmulator, running_emulator
from tests.chance import CHANCE, VARIABLE
from tests.extent import EVERYTHING
from tests.pipeline import Warehouse
from tests.servers import shared_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo.postgres import EmbeddedPostgres

_NUMBERS = count(1)


PROGRAMS = {"postgres", "bigquery", "duckdb_answers", "wheel"}
LONG = {"bigquery", "machine"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests whose fixtures start programs. BigQuery's emulator and most recipes are left to --everything.

    The long tests come first: a long one that is the last would have one processor for itself.
    """
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & PROGRAMS:
            item.add_marker("programs")
        if fixtures & LONG:
            item.add_marker("everything")
    items.sort(key=place)


def place(item: pytest.Item) -> int:
    """Return the place of a test in a run: 0 for long ones, 1 for those that start programs, 2 for all others."""
    if item.get_closest_marker("everything") or is_history(item):
        return 0
    return 1 if item.get_closest_marker("programs") else 2


def is_history(item: pytest.Item) -> bool:
    """Whether a test tries random histories, of which there are many with --everything."""
    return EVERYTHING and "quiet" in getattr(item, "fixturenames", ())


def pytest_collection_finish() -> None:
    """Take the libraries and the tests out of garbage collections, which would search them again and again."""
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let Python release the frozen objects when it ends."""
    gc.unfreeze()


def pytest_report_header() -> str:
    """Say how to repeat this run's choices."""
    return f"{VARIABLE}={CHANCE}"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with shared_postgres(tmp_path_factory) as server:
        yield server


@pytest.fixture
def warehouse(postgres: EmbeddedPostgres, tmp_path: Path) -> Warehouse:
    """A schema of the test's own."""
    return Warehouse(postgres, f"dtm_{next(_NUMBERS)}", tmp_path)


@pytest.fixture(scope="session")
def bigquery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BigQueryEmulator]:
    with running_emulator(tmp_path_factory.mktemp("bigquery")) as emulator:
        yield emulator


@pytest.fixture
def dataset(bigquery: BigQueryEmulator, tmp_path: Path) -> Dataset:
    """A dataset of the test's own."""
    return Dataset(bigquery, f"dtm_{next(_NUMBERS)}", tmp_path)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a release of the version 9.8.7 would be."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [Path(sys.executable).with_name("uv"), "build", "--quiet", "--wheel", "--python", sys.executable, "-o", folder],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "SETUPTOOLS_SCM_PRETEND_VERSION_FOR_TAP_DTM": "9.8.7"},
        check=True,
    )
    return next(folder.glob("*.whl"))
