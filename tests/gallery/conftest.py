"""The answers of the databases, after two publications came in through the programs that people run."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import psycopg
import pytest

from generate.questions import AFTER, BEFORE, KEEP, Answer, ask_duckdb, questions
from tap_dtm.sandbox import World, open_sandbox
from tap_dtm.views.script import script
from tests.bigquery.dataset import Dataset
from tests.pipeline import Warehouse
from tests.views.databases import place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo.postgres import EmbeddedPostgres
    from tests.bigquery.emulator import BigQueryEmulator

Answers = dict[str, Answer]
SCHEMA = "dtm"  # the one that the questions name


@pytest.fixture(scope="package")
def before() -> World:
    """What the sandbox published first."""
    return _world(BEFORE)


@pytest.fixture(scope="package")
def after() -> World:
    """What it published over it."""
    return _world(AFTER)


def _world(url: str) -> World:
    with open_sandbox(url) as sandbox:
        return sandbox.world


@pytest.fixture(scope="package")
def duckdb_answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    return ask_duckdb(tmp_path_factory.mktemp("duckdb"))


@pytest.fixture(scope="package")
def loaded(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """Both publications in Postgres, the rounds put aside in between."""
    warehouse = Warehouse(postgres, SCHEMA, tmp_path_factory.mktemp("postgres-answers"))
    warehouse.drop()
    warehouse.sync({"api_url": BEFORE, "scrub_fraction": 0})
    subprocess.run(
        [sys.executable, "-m", "tap_dtm.views", "--schema", SCHEMA, "--install"],
        env=os.environ | {"TARGET_POSTGRES_SQLALCHEMY_URL": postgres.url},
        check=True,
    )
    with psycopg.connect(postgres.url) as connection:
        connection.execute(KEEP.encode())
    warehouse.sync({"api_url": AFTER, "scrub_fraction": 0})
    yield warehouse
    warehouse.drop()


@pytest.fixture(scope="package")
def postgres_answers(loaded: Warehouse) -> Answers:
    with psycopg.connect(loaded.server.url) as connection:
        return {question.name: _ask(connection, question.sql) for question in questions()}


@pytest.fixture(scope="package")
def bigquery_answers(bigquery: BigQueryEmulator, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    dataset = Dataset(bigquery, SCHEMA, tmp_path_factory.mktemp("bigquery-answers"))
    dataset.sync({"api_url": BEFORE, "scrub_fraction": 0})
    bigquery.execute_script(script(place("bigquery", f"{bigquery.project}.{SCHEMA}")))
    bigquery.execute_script(KEEP)
    dataset.sync({"api_url": AFTER, "scrub_fraction": 0})
    answers = {question.name: bigquery.query(question.sql) for question in questions()}
    return {name: Answer(tuple(rows[0]), tuple(tuple(row.values()) for row in rows)) for name, rows in answers.items()}


def _ask(connection: psycopg.Connection, query: str) -> Answer:
    cursor = connection.execute(query.encode())
    return Answer(tuple(column.name for column in cursor.description or ()), tuple(cursor.fetchall()))
