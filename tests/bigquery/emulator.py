"""An emulator of BigQuery on this machine, and how to ask it: its REST interface, which is BigQuery's."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from tests.environments import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PYTHON = "3.11"  # the emulator wants at least this, the target at most this
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_VALUES: dict[str, Callable[[str], Any]] = {
    "INTEGER": int,
    "FLOAT": float,
    "BOOLEAN": lambda text: text == "true",
    "DATE": dt.date.fromisoformat,
    "TIMESTAMP": lambda text: _EPOCH + dt.timedelta(microseconds=int(text)),
}


class QueryError(Exception):
    """BigQuery refuses a statement."""


@dataclass(frozen=True)
class BigQueryEmulator:
    """A running emulator, with one project. Datasets come with the target, or with `CREATE SCHEMA`."""

    url: str
    grpc: str  # host:port of the Storage Write API
    project: str = "invented-project"

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Run a statement or a script, and return the rows of its last query.

        Tables are `dataset.table`: the emulator knows no default dataset. Only results of one page are understood,
        which is thousands of rows.

        Raises:
            QueryError: The statement is wrong.
        """
        answer = self._call("POST", "queries", json={"query": sql, "useLegacySql": False, "timeoutMs": 60_000})
        if answer.get("errors"):
            raise QueryError(f"{answer['errors'][0]['message']}\n{sql}")
        assert answer["jobComplete"], sql
        fields = answer["schema"]["fields"]
        rows = [
            {field["name"]: _value(field, cell["v"]) for field, cell in zip(fields, row["f"], strict=True)}
            for row in answer["rows"]
        ]
        assert len(rows) == int(answer["totalRows"]), "there are more pages"
        return rows

    def execute_script(self, sql: str) -> None:
        """Run statements that give no rows.

        BigQuery takes several actions in one `ALTER TABLE`, the emulator one at a time. It keeps no description, and
        stumbles over some of them; functions may have none.

        Raises:
            QueryError: One of them is wrong.
        """
        without_texts = re.sub(r'description = "(?:[^"\\]|\\.)*"', 'description = "a text"', sql)
        without_texts = re.sub(r"(TABLE FUNCTION .*\))\nOPTIONS .*", r"\1", without_texts)
        for statement in re.split(r";\n", without_texts):
            table, *actions = re.split(r",?\n  (?=ALTER COLUMN)", statement)
            for action in actions or [""]:
                if (table + action).strip():
                    self.query(f"{table} {action}")

    def tables(self, dataset: str) -> set[str]:
        """Return the names of the tables and views of a dataset."""
        listed = self._call("GET", f"datasets/{dataset}/tables").get("tables", [])
        return {table["tableReference"]["tableId"] for table in listed}

    def table(self, dataset: str, name: str) -> dict[str, Any]:
        """Return what BigQuery knows about a table: schema, description, partitions, clusters."""
        return self._call("GET", f"datasets/{dataset}/tables/{name}")

    def _call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        response = requests.request(
            method, f"{self.url}/bigquery/v2/projects/{self.project}/{path}", timeout=120, **arguments
        )
        answer: dict[str, Any] = response.json()
        if not response.ok:
            raise QueryError(answer["error"]["message"])
        return answer


@contextmanager
def running_emulator(folder: Path) -> Iterator[BigQueryEmulator]:
    """Start an emulator that keeps its data in memory, and end it.

    Args:
        folder: Where it may write its log and temporary files.
    """
    commands = environment("bigquery-emulator", python=PYTHON)
    # DuckDB looks for its extensions at home; one that is not there, it would download.
    variables = {**os.environ, "HOME": str(folder), "TMPDIR": str(folder), "BQEMU_ENABLE_FORMAT_EXTENSIONS": "false"}
    extension = "from duckdb_extensions import import_extension; import_extension('spatial')"
    subprocess.run([commands / "python", "-c", extension], env=variables, check=True)
    program = Path(__file__).with_name("start_emulator.py")
    start = [str(commands / "python"), str(program), "start", "--rest-port=0", "--grpc-port=0"]
    log = folder / "emulator.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(start, env=variables, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        try:
            rest, grpc = _addresses(process, log)
            yield BigQueryEmulator(f"http://{rest}", grpc)
        finally:
            process.terminate()


def _addresses(process: subprocess.Popen[bytes], log: Path) -> tuple[str, str]:
    """Wait until the emulator has logged where it listens."""
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        listening = {}
        for line in log.read_text("utf-8").splitlines():
            if line.startswith("{") and line.endswith("}"):
                event = json.loads(line)
                listening[event["event"]] = f"{event.get('host')}:{event.get('port')}"
        if {"rest.listen", "grpc.listen"} <= listening.keys():
            return listening["rest.listen"], listening["grpc.listen"]
        time.sleep(0.05)
    raise RuntimeError(f"The emulator of BigQuery does not start:\n{log.read_text('utf-8')[-2000:]}")


def _value(field: dict[str, str], value: Any) -> Any:
    if field.get("mode") == "REPEATED":
        return [_value({"type": field["type"]}, each["v"]) for each in value]
    return None if value is None else _VALUES.get(field["type"], str)(value)
