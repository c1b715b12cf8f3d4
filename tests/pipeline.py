"""The tap and a target as an orchestrator runs them: two programs, a pipe, and the state that comes back."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from typing_extensions import override

from tests.forked import forked
from tests.world import LEVELS, Version, assert_positions_are_whole, count, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo.postgres import EmbeddedPostgres
    from tap_dtm.sandbox import SandboxServer, World

Process = subprocess.Popen[bytes]
_FILTERS = ("countries", "operations", "start_date", "end_date")


def sandbox_config(sandbox: SandboxServer, **config: Any) -> dict[str, Any]:
    """Return the tap's settings for a sandbox, without scrubbing unless asked for."""
    return {
        "api_url": sandbox.url,
        "subscription_key": sandbox.key,
        "scrub_fraction": 0,
        "max_retries": 0,
        **config,
    }


@contextmanager
def running_tap(
    folder: Path, config: dict[str, Any], state: dict[str, Any], catalog: dict[str, Any] | None = None
) -> Iterator[Process]:
    """Start the tap's command line; on leaving, it has ended, one way or another.

    Its log is in ``tap.log``.
    """
    arguments = [
        "--config",
        _written(folder / "config.json", config),
        "--state",
        _written(folder / "state.json", state),
    ]
    if catalog is not None:
        arguments += ["--catalog", _written(folder / "catalog.json", catalog)]
    with (
        (folder / "tap.log").open("wb") as log,
        subprocess.Popen([*forked("tap-dtm"), *arguments], stdout=subprocess.PIPE, stderr=log) as tap,
    ):
        try:
            yield tap
        finally:
            if tap.poll() is None:
                tap.kill()


def output(process: Process) -> IO[bytes]:
    """Return the standard output of a process that was started with a pipe for it."""
    assert process.stdout is not None
    return process.stdout


def _written(path: Path, content: dict[str, Any]) -> str:
    path.write_text(json.dumps(content), encoding="utf-8")
    return str(path)


class Loaded(ABC):
    """What a target has loaded, and the last state that it confirmed."""

    folder: Path
    state: dict[str, Any]

    def sync(
        self,
        config: dict[str, Any],
        *,
        catalog: dict[str, Any] | None = None,
        exit_code: int = 0,
        target_exit_code: int = 0,
        **target_config: Any,
    ) -> None:
        """Run the tap into the target, and keep the state as an orchestrator does."""
        with (
            running_tap(self.folder, config, self.state, catalog) as tap,
            self.running_target(stdin=output(tap), **target_config) as target,
        ):
            output(tap).close()  # the target alone holds the pipe now
            self.confirm(output(target).read())
            assert tap.wait() == exit_code, self.log("tap")
            assert target.wait() == target_exit_code, self.log("target")

    @contextmanager
    def running_target(self, stdin: int | IO[bytes] = subprocess.PIPE, **config: Any) -> Iterator[Process]:
        """Start the target; on leaving, it has ended, one way or another."""
        config_file = _written(self.folder / "target.json", {**self.target_config(), **config})
        with (
            (self.folder / "target.log").open("wb") as log,
            subprocess.Popen(
                [*self.target_command(), "--config", config_file],
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **self.target_environment()},
            ) as target,
        ):
            try:
                yield target
            finally:
                if target.poll() is None:
                    target.kill()

    @abstractmethod
    def target_command(self) -> list[str]:
        """Return the command that starts the target."""

    @abstractmethod
    def target_config(self) -> dict[str, Any]:
        """Return the target's settings."""

    def target_environment(self) -> dict[str, str]:
        """Return the variables that are added to the environment of the target."""
        return {}

    @abstractmethod
    def undeleted(self, stream: str) -> list[dict[str, Any]]:
        """Return the rows of a table that are not deleted, as the database gives them."""

    def confirm(self, printed: bytes) -> None:
        """Take over the last state that the target printed, if it printed any."""
        lines = printed.splitlines()
        if lines:
            self.state = json.loads(lines[-1])

    def log(self, program: str) -> str:
        """Return what a program logged in its last run."""
        return (self.folder / f"{program}.log").read_text(encoding="utf-8", errors="replace")

    def live(self, stream: str) -> list[dict[str, Any]]:
        """Return the rows of a table that are not deleted, with dates as the tap writes them."""
        return [
            {
                name: value.isoformat() if isinstance(value, dt.date) else value
                for name, value in row.items()
                if not name.startswith("_sdc_")
            }
            for row in self.undeleted(stream)
        ]

    def assert_equals_api(self, world: World, version: Version = "v3", **config: Any) -> None:
        """Check that the tables hold what the API serves under these settings: no row more, none less."""
        filters = {name: value for name, value in config.items() if name in _FILTERS}
        for level in LEVELS:
            rows = self.live(f"idp_admin{level}")
            assert count(rows) == served(world, level, version, **filters)
            assert_positions_are_whole(rows)
        assert len(self.live("countries")) == len(world.country_list())
        assert len(self.live("operations")) == len(world.operation_list())


@dataclass
class Warehouse(Loaded):
    """A schema of a real Postgres that the loader of meltano.yml fills, and the last state that it confirmed."""

    server: EmbeddedPostgres
    schema: str
    folder: Path
    state: dict[str, Any] = field(default_factory=dict)
    program: str = "fast-target-postgres"

    @override
    def target_command(self) -> list[str]:
        """Return the command that starts the target."""
        if self.program == "fast-target-postgres":
            return forked(self.program)
        program = shutil.which(self.program, path=str(Path(sys.executable).parent))
        assert program, f"{self.program} is missing in the environment of the tests"
        return [program]

    @override
    def target_config(self) -> dict[str, Any]:
        """Return the target's settings, those of meltano.yml included."""
        database = {"sqlalchemy_url": self._sqlalchemy_url, "default_target_schema": self.schema}
        return {**database, "use_copy": True, "validate_records": False}

    def query(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Ask the database, in the warehouse's schema."""
        with psycopg.connect(self.server.url, row_factory=dict_row) as connection:
            connection.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(self.schema)))
            return connection.execute(query, values or None).fetchall()

    def drop(self) -> None:
        """Drop the schema, if it is there."""
        with psycopg.connect(self.server.url) as connection:
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(self.schema)))

    @override
    def undeleted(self, stream: str) -> list[dict[str, Any]]:
        """Return the rows of a table that are not deleted, as the database gives them."""
        return self.query(f'SELECT * FROM "{stream}" WHERE _sdc_deleted_at IS NULL')  # noqa: S608

    @property
    def _sqlalchemy_url(self) -> str:
        return self.server.url.replace("postgresql://", "postgresql+psycopg://")
