"""The speed of target-datapackage compared with other programs: ratios of one run, on one machine.

python -m benchmarks.datapackage [--rows 300000] [--rounds 1] [--without-pages]

Invented rows of the sandbox are read into a file once. Then each program gets them on stdin, one after the other:
* target-datapackage: a complete package with csv and all pages (or without the pages);
* target-datapackage again, on the output of the tap when nothing has changed, and on all rows a second time;
* meltanolabs-target-csv;
* frictionless' own writer, which does less: it writes one table of the same messages to csv, with the package's schema,
  and computes bytes, hash and rows. Its time is scaled to all tables by the number of rows.
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
from dataclasses import dataclass
from pathlib import Path

_FRICTIONLESS = """
import json, sys
from frictionless import Package, Resource, system
system.trusted = True
table = "idp_admin2"
schema = Package(sys.argv[1]).get_resource(table).schema
schema.foreign_keys = []  # the other tables are missing here
def records():
    for line in sys.stdin.buffer:
        message = json.loads(line)
        if message["type"] == "RECORD" and message["stream"] == table:
            yield message["record"]
Resource(name=table, data=records, schema=schema).write(Resource(path=sys.argv[2]))
written = Resource(name=table, path=sys.argv[2], schema=schema)
written.infer(stats=True)
assert written.hash and written.rows
"""
_WITHOUT_PAGES = """
from frictionless_dtm import command as target
target._render = lambda contents: {}
target.main()
"""


@dataclass(frozen=True)
class Cost:
    """The cost of a run: seconds on the clock and of the processor, and the largest memory in MB."""

    seconds: float
    processor: float
    memory: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=300_000, help="rows of the sandbox")
    parser.add_argument("--rounds", type=int, default=1, help="runs of each program, of which the best counts")
    parser.add_argument("--without-pages", action="store_true", help="only data and descriptor")
    parser.add_argument("--only-ours", action="store_true", help="only this target, for large inputs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _measure(Path(folder), arguments)


def _measure(folder: Path, arguments: argparse.Namespace) -> None:
    first, nothing = folder / "first.jsonl", folder / "nothing.jsonl"
    _tap(folder, first, arguments.rows)
    state = folder / "state.json"
    state.write_text(_last_state(first), "utf-8")
    _tap(folder, nothing, arguments.rows, state)
    with first.open("rb") as file:
        rows = sum(b'"type":"RECORD"' in line for line in file)
    print(f"{rows} rows; {os.cpu_count()} processors")
    costs: dict[str, list[Cost]] = {}
    for number in range(arguments.rounds):
        config = _config(folder, f"ours{number}", path=str(folder / f"package{number}"))
        command = (
            [sys.executable, "-c", _WITHOUT_PAGES] if arguments.without_pages else [_program("target-datapackage")]
        )
        costs.setdefault("target-datapackage", []).append(_run([*command, "--config", config], first))
        costs.setdefault("  nothing new", []).append(_run([*command, "--config", config], nothing))
        costs.setdefault("  all rows again", []).append(_run([*command, "--config", config], first))
        if not arguments.only_ours:
            (folder / f"csv{number}").mkdir()
            config = _config(folder, f"csv{number}", output_path=str(folder / f"csv{number}"))
            costs.setdefault("target-csv", []).append(_run([_program("target-csv"), "--config", config], first))
            package = folder / f"package{number}"
            with (package / "data/idp_admin2.csv").open("rb") as file:
                share = sum(1 for _ in file) / rows
            names = (package / "datapackage.json", folder / f"f{number}.csv")
            taken = _run([sys.executable, "-c", _FRICTIONLESS, *map(str, names)], first)
            whole = Cost(taken.seconds / share, taken.processor / share, taken.memory)
            costs.setdefault("frictionless, per table", []).append(whole)
    base = min(taken.processor for taken in costs["target-datapackage"])
    for name, runs in costs.items():
        best = min(runs, key=lambda taken: taken.processor)
        print(
            f"{name:26}{best.seconds:8.1f} s {best.processor:8.1f} s of processor{rows / best.processor:10.0f} rows/s"
            f"{best.memory:8.0f} MB{best.processor / base:8.2f} x"
        )


def _tap(folder: Path, output: Path, rows: int, state: Path | None = None) -> None:
    url = f"sandbox://?rows={rows}&countries={min(60, max(1, rows // 100))}"
    config = _config(folder, "tap", api_url=url, scrub_fraction=0)
    command = [_program("tap-dtm"), "--config", config, *(["--state", str(state)] if state else [])]
    with output.open("wb") as file:
        subprocess.run(command, stdout=file, stderr=subprocess.DEVNULL, check=True)


def _last_state(messages: Path) -> str:
    with messages.open(encoding="utf-8") as file:
        last = [line for line in file if line.startswith('{"type":"STATE"')][-1]
    return json.dumps(json.loads(last)["value"])


def _config(folder: Path, name: str, **config: object) -> str:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(config), "utf-8")
    return str(path)


def _program(name: str) -> str:
    return str(Path(sysconfig.get_path("scripts")) / name)


def _run(command: list[str], messages: Path) -> Cost:
    started = time.monotonic()
    with messages.open("rb") as file, Path(os.devnull).open("wb") as nowhere:
        process = subprocess.Popen(command, stdin=file, stdout=nowhere, stderr=nowhere)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command[0]} failed")
    scale = 1e6 if sys.platform == "darwin" else 1e3  # bytes on macOS, kilobytes on Linux
    return Cost(time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / scale)


if __name__ == "__main__":
    main()
