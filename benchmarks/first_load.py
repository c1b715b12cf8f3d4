"""The cost of a first load into Postgres and into a data package, compared with dlt, with invented data.

python -m benchmarks.first_load [--rows 300000] [--countries 60]

Every program gets the same answers of an API on this machine, and loads into the same embedded Postgres, which does not
wait for the disk. "Our target-postgres" is the loader with the settings of meltano.yml. "Limit" is the least that a tap
in Python must do with these rows (benchmarks/limit.py). Each program runs once, so close other programs first. The
processor time of Postgres is shown only on Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import yaml

from benchmarks.answers import serving, write_answers
from demo.postgres import EmbeddedPostgres
from tests.environments import environment
from tests.meltano import MeltanoProject, inherited

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROOT = Path(__file__).parents[1]
# A process counts the memory and the time of all its children, so each program gets a separate parent.
MEASURED = """
import json, resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
json.dump([usage.ru_utime + usage.ru_stime, usage.ru_maxrss], open(sys.argv[1], "w"))
sys.exit(code)
"""


@dataclass(frozen=True)
class Taken:
    """The cost of a run: seconds on the clock, and seconds of the processor for each program and for Postgres."""

    name: str
    clock: float
    processor: dict[str, float]
    postgres: float | None
    memory: float
    """The memory of the largest program, in MB."""


class Bench:
    """A folder, an API and a database in which programs run and are measured."""

    def __init__(self, folder: Path, api_url: str, postgres: EmbeddedPostgres | None = None) -> None:
        """Keep the folder, the URL of the API and the database."""
        self._folder = folder
        self._postgres = postgres
        self.api_url = api_url
        self._runs = 0

    @property
    def postgres_url(self) -> str:
        """The connection string of the database."""
        if self._postgres is None:
            raise RuntimeError("There is no database.")
        return self._postgres.url

    def config(self, name: str, **settings: object) -> str:
        """Write the settings of a program, and return the path of the file."""
        path = self._folder / f"{name}.json"
        path.write_text(json.dumps(settings), "utf-8")
        return str(path)

    def target(self, command: str, **settings: object) -> list[str]:
        """Return the command of a loader, which will load into a new schema."""
        self._runs += 1
        schema = f"run_{self._runs}"
        url = self.postgres_url.replace("://", "+psycopg://")
        config = self.config(schema, sqlalchemy_url=url, default_target_schema=schema, **settings)
        return [program(command), "--config", config]

    def meltano(self) -> tuple[list[str], dict[str, str]]:
        """Return the command of `meltano run` with this project's meltano.yml, and its environment variables.

        The plugins are those of this environment. Meltano has already prepared its own database.
        """
        self._runs += 1
        project = MeltanoProject(self._folder / "project")
        project.run("--environment=prod", "config", "list", "tap-dtm")
        settings = {
            "TAP_DTM_API_URL": self.api_url,
            "TAP_DTM_SUBSCRIPTION_KEY": "invented",
            "TAP_DTM_SCRUB_FRACTION": "0",
            "TARGET_POSTGRES_SQLALCHEMY_URL": self.postgres_url.replace("://", "+psycopg://"),
            "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": f"run_{self._runs}",
        }
        command = [program("meltano"), "--cwd", str(project.folder), "--environment=prod", "run"]
        return [*command, "tap-dtm", "target-postgres"], settings

    def run(
        self,
        name: str,
        *commands: list[str],
        stdin: Path | None = None,
        stdout: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> Taken:
        """Run programs with pipes between them. `settings` are environment variables.

        Raises:
            SystemExit: A program failed.
        """
        before, started = _processor_time(self._postgres), time.monotonic()
        log = self._folder / "log"
        processes: list[subprocess.Popen[bytes]] = []
        with ExitStack() as stack:
            errors = stack.enter_context(log.open("wb"))
            source: Any = stack.enter_context((stdin or Path(os.devnull)).open("rb"))
            last = stack.enter_context((stdout or Path(os.devnull)).open("wb"))
            for number, command in enumerate(commands):
                measured = [sys.executable, "-c", MEASURED, str(self._folder / f"{number}.taken"), *command]
                output: Any = last if number == len(commands) - 1 else subprocess.PIPE
                processes.append(
                    subprocess.Popen(
                        measured,
                        stdin=source,
                        stdout=output,
                        stderr=errors,
                        cwd=_ROOT,
                        env=inherited() | dict(settings or {}),
                    )
                )
                source.close()  # now only the program holds the pipe
                source = processes[-1].stdout
            codes = [process.wait() for process in processes]
            if any(codes):
                sys.exit(f"{name} failed:\n{log.read_text('utf-8')[-2000:]}")
        clock = time.monotonic() - started
        after = _processor_time(self._postgres)
        usages = [json.loads((self._folder / f"{n}.taken").read_text("utf-8")) for n in range(len(commands))]
        return Taken(
            name,
            clock,
            {Path(command[0]).name: usage[0] for command, usage in zip(commands, usages, strict=True)},
            None if before is None or after is None else after - before,
            max(usage[1] for usage in usages)
            / (1e6 if sys.platform == "darwin" else 1e3),  # bytes on macOS, KB on Linux
        )

    def rows(self) -> dict[str, int]:
        """Count the rows of idp_admin2 in every schema that has it."""
        with psycopg.connect(self.postgres_url) as connection:
            schemas = connection.execute("SELECT schemaname FROM pg_tables WHERE tablename = 'idp_admin2'").fetchall()
            counts: dict[str, int] = {}
            for (schema,) in schemas:
                query = psycopg.sql.SQL("SELECT count(*) FROM {}.idp_admin2").format(psycopg.sql.Identifier(schema))
                ((counts[schema],),) = connection.execute(query).fetchall()
        return counts


def measure(rows: int, countries: int) -> list[Taken]:
    """Run everything once.

    Raises:
        SystemExit: A program failed, or two of them loaded different numbers of rows.
    """
    dlt = environment("dlt-postgres") / "python"
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        write_answers(folder / "answers", rows, countries)
        postgres = stack.enter_context(EmbeddedPostgres(folder / "postgres"))
        bench = Bench(folder, stack.enter_context(serving(folder / "answers")), postgres)
        messages = folder / "messages"
        tap_config = bench.config("tap", api_url=bench.api_url, subscription_key="invented", scrub_fraction=0)
        tap = [program("tap-dtm"), "--config", tap_config]
        package = bench.config("package", path=str(folder / "package"))
        executable, settings = loader()
        meltano, meltano_settings = bench.meltano()
        dlt_load = [str(dlt), str(_ROOT / "benchmarks/dlt_load.py"), bench.api_url, postgres.url, str(folder / "dlt")]
        limit = [sys.executable, "-m", "benchmarks.limit", str(folder / "answers")]
        taken = [
            bench.run("limit", limit),
            bench.run("tap alone", tap, stdout=messages),
            bench.run("target-postgres by itself", bench.target("target-postgres"), stdin=messages),
            bench.run("our target-postgres", bench.target(executable, **settings), stdin=messages),
            bench.run("tap | our target-postgres", tap, bench.target(executable, **settings)),
            bench.run("the same with meltano run", meltano, settings=meltano_settings),
            bench.run("tap | target-datapackage", tap, [program("target-datapackage"), "--config", package]),
            bench.run("dlt, replace", dlt_load),
        ]
        if len(set(bench.rows().values())) != 1:
            sys.exit(f"The programs loaded different numbers of rows: {bench.rows()}")
    return taken


def loader() -> tuple[str, dict[str, object]]:
    """Return the command of target-postgres and its settings in meltano.yml, without the database."""
    declared = yaml.safe_load((_ROOT / "meltano.yml").read_text("utf-8"))
    (plugin,) = (each for each in declared["plugins"]["loaders"] if each["name"] == "target-postgres")
    where = {"host", "port", "default_target_schema"}
    settings = {each["name"]: each["value"] for each in plugin["settings"] if "value" in each}
    return plugin["executable"], {name: value for name, value in settings.items() if name not in where}


def program(name: str) -> str:
    """Return the path of a command of this environment."""
    return str(Path(sysconfig.get_path("scripts")) / name)


def _processor_time(postgres: EmbeddedPostgres | None) -> float | None:
    """Return the processor time of the server's ended processes. Each connection is a process."""
    if postgres is None or not Path("/proc/self/stat").exists():
        return None
    time.sleep(0.2)  # until the last connection's process ends
    process = (postgres.folder / "data/postmaster.pid").read_text("utf-8").splitlines()[0]
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def table(taken: list[Taken]) -> str:
    """Return the table. The last run, of dlt, is the unit of the ratios."""
    unit = taken[-1]
    lines = [f"{'':32}{'clock':>9}{'/ dlt':>7}{'processor':>11}{'/ dlt':>7}{'Postgres':>10}{'memory':>9}"]
    for each in taken:
        processor = sum(each.processor.values())
        server = "" if each.postgres is None else f"{each.postgres:.1f} s"
        parts = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in each.processor.items())
        lines.append(
            f"{each.name:32}{each.clock:7.1f} s{each.clock / unit.clock:7.2f}{processor:9.1f} s"
            f"{processor / sum(unit.processor.values()):7.2f}{server:>10}{each.memory:6.0f} MB"
            + (f"   {parts}" if len(each.processor) > 1 else "")
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=300_000, help="approximate rows of the sandbox")
    parser.add_argument("--countries", type=int, default=60, help="countries of the sandbox")
    arguments = parser.parse_args()
    taken = measure(arguments.rows, arguments.countries)
    print(f"{os.cpu_count()} processors; {arguments.rows} invented rows of {arguments.countries} countries\n")
    print(table(taken))
    limit, tap = taken[:2]
    print(f"\nThe tap takes {sum(tap.processor.values()) / sum(limit.processor.values()):.1f} times the limit.")


if __name__ == "__main__":
    main()
