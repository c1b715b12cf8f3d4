"""The cost of a full load into Postgres, of a run with nothing new, and of each view.

python -m benchmarks.full_load [--rows 300000] [--countries 60] [--publications 0]

The tap and the loader of meltano.yml run as two processes with a pipe between them. This process serves the sandbox and
counts requests. The embedded Postgres is on the same machine, and does not wait for the disk. All data are invented.

With publications, histories are loaded as well: after the full load, DTM publishes so many times, and each time a run
follows. The functions are asked for the time in the middle.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import psycopg
from psycopg.sql import SQL, Composable, Identifier, Literal
from typing_extensions import override

from benchmarks.first_load import MEASURED, loader, program
from demo.postgres import EmbeddedPostgres
from tap_dtm.metadata.model import LEVELS
from tap_dtm.sandbox import VISIBLE, SandboxServer, world_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_dtm.sandbox.api import Request
    from tap_dtm.sandbox.faults import Fault

_SCHEMA = "dtm"
_SIZES = "SELECT relname, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class WHERE oid = %s::regclass"
_TABLES = ("countries", "operations", "idp_admin0", "idp_admin1", "idp_admin2")
_HISTORIES = ("idp_admin0_history", "idp_admin1_history", "idp_admin2_history", "runs")
_CHANGES = 3  # in each publication


@dataclass(frozen=True)
class Taken:
    """The cost of a program: seconds of the processor, and its largest memory in MB."""

    processor: float
    memory: float


@dataclass(frozen=True)
class Load:
    """One run: requests, answers, rows, and the cost."""

    requests: int
    answered: int
    """Bytes of the answers' bodies, uncompressed."""
    rows: int
    seconds: float
    """On the clock."""
    tap: Taken
    target: Taken


@dataclass(frozen=True)
class Table:
    """The size of a table in Postgres and of its indexes, in bytes."""

    name: str
    size: int
    indexes: int


class CountingServer(SandboxServer):
    """A sandbox that counts the bytes of its answers."""

    answered = 0

    @override
    def respond(self, request: Request) -> tuple[int, dict[str, str], bytes, Fault | None]:
        """Answer, and count the bytes."""
        reply = super().respond(request)
        with self._lock:
            self.answered += len(reply[2])
        return reply


def measure(
    rows: int, countries: int, publications: int = 0
) -> tuple[list[Load], list[Table], dict[str, tuple[float, float]]]:
    """Load everything, run again with nothing new, publish, measure the tables, and read each view.

    Raises:
        SystemExit: The tap or the target failed.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        CountingServer(world_at(rows=rows, countries=countries)) as sandbox,
        EmbeddedPostgres(Path(folder, "postgres")) as postgres,
    ):
        (Path(folder) / "state.json").write_text("{}", "utf-8")
        settings = {"api_url": sandbox.url, "subscription_key": sandbox.key, "scrub_fraction": 0}
        catalog = _catalog(Path(folder)) if publications else []
        tap = _command(Path(folder), "tap-dtm", settings, "--state", "state.json", *catalog)
        url = postgres.url.replace("://", "+psycopg://")
        executable, own = loader()
        target = _command(Path(folder), executable, {**own, "sqlalchemy_url": url, "default_target_schema": _SCHEMA})
        loads = [_load(Path(folder), sandbox, tap, target) for _ in range(2)]
        for number in range(publications):
            rng = Random(number)  # noqa: S311  invented data
            sandbox.world.publish(*rng.sample(VISIBLE, _CHANGES), rng=rng)
            _load(Path(folder), sandbox, tap, target)
        with psycopg.connect(postgres.url) as connection:
            names = _TABLES + (_HISTORIES if publications else ())
            sizes = (connection.execute(_SIZES, [f"{_SCHEMA}.{table}"]) for table in names)
            tables = [Table(*row) for answer in sizes for row in answer]
            views = _views(connection, has_history=publications > 0)
    return loads, tables, views


def _catalog(folder: Path) -> list[str]:
    """Return the options with a catalog that selects the histories as well."""
    found = subprocess.run([program("tap-dtm"), "--discover"], cwd=folder, check=True, capture_output=True).stdout
    catalog = json.loads(found)
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] in _TABLES + _HISTORIES
    (folder / "catalog.json").write_text(json.dumps(catalog), "utf-8")
    return ["--catalog", "catalog.json"]


def _views(connection: psycopg.Connection, *, has_history: bool) -> dict[str, tuple[float, float]]:
    """Install the views, and return the seconds to read each view and one country of each view."""
    command = [program("tap-dtm-views"), f"--schema={_SCHEMA}", *(["--history"] if has_history else [])]
    connection.execute(subprocess.run(command, check=True, capture_output=True).stdout)
    connection.execute("ANALYZE")
    connection.execute(SQL("SET search_path TO {}").format(Identifier(_SCHEMA)))
    listed = connection.execute("SELECT viewname FROM pg_views WHERE schemaname = %s ORDER BY 1", [_SCHEMA])
    relations: dict[str, Composable] = {name: Identifier(name) for (name,) in listed}
    if has_history:
        middle = connection.execute("SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY observed_at) FROM runs")
        ((moment,),) = middle.fetchall()
        for level in LEVELS:
            name = f"idp_admin{level}_as_of"
            relations[name] = SQL("{}({})").format(Identifier(name), Literal(moment))
    country = connection.execute("SELECT min(admin0_pcode) FROM countries").fetchall()[0][0]
    seconds = {}
    for name, relation in relations.items():
        query = SQL("SELECT * FROM {}").format(relation)
        of_one = query + SQL(" WHERE admin0_pcode = {}").format(Literal(country))
        seconds[name] = (_seconds(connection, query), _seconds(connection, of_one))
    return seconds


def _seconds(connection: psycopg.Connection, query: Composable) -> float:
    started = time.monotonic()
    connection.execute(SQL("EXPLAIN (ANALYZE, TIMING off) {}").format(query))  # runs the query without sending rows
    return time.monotonic() - started


def _load(folder: Path, sandbox: CountingServer, tap: list[str], target: list[str]) -> Load:
    sandbox.requests.clear()
    sandbox.answered = 0
    started = time.monotonic()
    with (folder / "tap.log").open("wb") as log, (folder / "new-state.jsonl").open("wb") as output:
        sender = subprocess.Popen(tap, cwd=folder, stdout=subprocess.PIPE, stderr=log)
        pipe = sender.stdout
        receiver = subprocess.Popen(target, cwd=folder, stdin=pipe, stdout=output, stderr=log)
        if pipe:
            pipe.close()  # now only the target holds the pipe
        if sender.wait() or receiver.wait():
            sys.exit((folder / "tap.log").read_text("utf-8"))
    seconds = time.monotonic() - started
    state = (folder / "new-state.jsonl").read_text("utf-8").splitlines()[-1]
    (folder / "state.json").write_text(state, "utf-8")
    marks = json.loads(state)["bookmarks"]
    rows = sum(
        mark["rows"]
        for name, stream in marks.items()
        if name in _TABLES
        for partition in stream.get("partitions", ())
        for mark in partition["operations"].values()
    )
    taken = (_taken(folder, "tap-dtm"), _taken(folder, loader()[0]))
    return Load(len(sandbox.requests), sandbox.answered, rows, seconds, *taken)


def _command(folder: Path, name: str, config: Mapping[str, object], *arguments: str) -> list[str]:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(config), "utf-8")
    measured = [sys.executable, "-c", MEASURED, str(folder / f"{name}.taken")]
    return [*measured, program(name), "--config", str(path), *arguments]


def _taken(folder: Path, program: str) -> Taken:
    processor, memory = json.loads((folder / f"{program}.taken").read_text("utf-8"))
    return Taken(processor, memory / (1e6 if sys.platform == "darwin" else 1e3))  # bytes on macOS, kilobytes on Linux


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=300_000, help="approximate rows of the sandbox")
    parser.add_argument("--countries", type=int, default=60, help="countries of the sandbox")
    parser.add_argument("--publications", type=int, default=0, help="publications that the histories have")
    arguments = parser.parse_args()
    loads, tables, views = measure(arguments.rows, arguments.countries, arguments.publications)
    print(f"{os.cpu_count()} processors; invented data of {arguments.countries} countries\n")
    for name, load in zip(("full load", "nothing new"), loads, strict=True):
        print(
            f"{name:12}{load.requests:6} requests{load.answered / 1e6:9.1f} MB answered{load.seconds:8.1f} s"
            f"   tap {load.tap.processor:.1f} s of processor, {load.tap.memory:.0f} MB;"
            f" target {load.target.processor:.1f} s, {load.target.memory:.0f} MB"
        )
    print(f"\n{loads[0].rows} rows of figures, {loads[0].rows / loads[0].seconds:.0f} a second\n")
    for table in tables:
        print(f"{table.name:18}{table.size / 1e6:9.1f} MB{table.indexes / 1e6:9.1f} MB of indexes")
    print("\nread in seconds                 all  one country")
    for name, (whole, one) in views.items():
        print(f"{name:27}{whole:8.2f}{one:13.2f}")


if __name__ == "__main__":
    main()
