"""The answers of the databases, after two publications came in through the programs that people run."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

import demo.__main__ as demo
from demo.database import SCHEMA, connect
from demo.questions import AFTER, BEFORE, questions
from generate.questions import Answer, ask_duckdb
from tap_dtm.sandbox import World, open_sandbox
from tests.meltano import demo_in
from tests.pipeline import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from demo.postgres import EmbeddedPostgres

Answers = dict[str, Answer]


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
    """The demo's tables: both publications in Postgres, with what the first one said."""
    folder = tmp_path_factory.mktemp("demo")
    warehouse = Warehouse(postgres, SCHEMA, folder)
    warehouse.drop()
    with demo_in(folder / "clone"):
        demo.load(postgres.url)
        yield warehouse
    warehouse.drop()


@pytest.fixture
def demo_database(loaded: Warehouse) -> Iterator[psycopg.Connection]:
    """A connection to the demo's tables, as its commands have it."""
    with connect(loaded.server.url) as connection:
        yield connection


@pytest.fixture(scope="package")
def postgres_answers(loaded: Warehouse) -> Answers:
    with connect(loaded.server.url) as connection:
        return {question.name: _ask(connection, question.sql) for question in questions()}


def _ask(connection: psycopg.Connection, query: str) -> Answer:
    cursor = connection.execute(query.encode())
    rows = [tuple(float(each) if isinstance(each, Decimal) else each for each in row) for row in cursor]
    return Answer(tuple(column.name for column in cursor.description or ()), tuple(rows))
