"""The Postgres server that all processes of a run of the tests share. It starts when the first test needs it."""

from __future__ import annotations

import os
import pickle
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from filelock import FileLock

from demo.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

PROCESS = os.environ.get("PYTEST_XDIST_WORKER", "main")
ANALYST = f"an analyst of {PROCESS}"  # a role, which all databases of a server know


class _Postgres(EmbeddedPostgres):
    def __getstate__(self) -> dict[str, Any]:
        """Leave out how to stop it, which is left to the process that started it."""
        return {**vars(self), "_exit": ExitStack()}


@contextmanager
def shared_postgres(factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """Enter the server, with a database for this process.

    The first process that needs the server starts it, and stops it when no other uses it any more.
    """
    own = factory.mktemp("postgres")
    run = factory.getbasetemp() if PROCESS == "main" else factory.getbasetemp().parent
    description, change = run / "postgres.pickle", FileLock(run / "postgres.lock")
    used = FileLock(run / f"postgres.{PROCESS}.used")  # it is free when its process has ended, however that ended
    with used, ExitStack() as stack:
        with change:
            if description.exists():
                server: _Postgres = pickle.loads(description.read_bytes())  # noqa: S301 - written below
            else:
                server = stack.enter_context(_Postgres(own))
                description.write_bytes(pickle.dumps(server))
                stack.callback(_leave, description, change, used)
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {PROCESS}".encode())
        server.database = PROCESS
        yield server


def _leave(description: Path, change: FileLock, used: FileLock) -> None:
    """Wait until no other process uses the server. One that needs it later starts another."""
    with change:
        description.unlink()
    for path in description.parent.glob("postgres.*.used"):
        if str(path) != used.lock_file:
            with FileLock(path):
                pass
