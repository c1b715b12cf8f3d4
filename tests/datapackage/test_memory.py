"""Memory follows bytes, and not the number of rows: 400 MB plus three times the largest record are enough."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.datapackage.singer import dtm

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.programs

PROGRAM = """
import atexit, sys
from frictionless_dtm.command import main
# Not getrusage: the peak that it reports is at least that of the process which started this one.
status = lambda: dict(line.split(":", 1) for line in open("/proc/self/status"))
atexit.register(lambda: print(status()["VmHWM"].split()[0], file=sys.stderr))
main()
"""
KB = 1024


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize(
    ("records", "size", "formats", "key"),
    [
        (80, 1_000_000, ["csv"], ["id"]),
        (80, 1_000_000, ["csv"], []),
        (80, 1_000_000, ["parquet"], ["id"]),
        (1, 60_000_000, ["csv"], ["id"]),
    ],
)
def test_large_records_take_little_memory(
    tmp_path: Path, records: int, size: int, formats: list[str], key: list[str]
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"path": "package", "formats": formats}))
    properties = {"id": {"type": "integer"}, "v": {"type": "string"}}
    schema = {"type": "SCHEMA", "stream": "a", "schema": {"properties": properties}, "key_properties": key}

    def lines() -> Iterator[bytes]:
        yield json.dumps(schema).encode() + b"\n"
        for number in range(records):
            yield b'{"type":"RECORD","stream":"a","record":{"id":%d,"v":"' % number
            yield b"0123456789" * (size // 10) + b'"}}\n'

    assert peak(tmp_path, lines()) < 400 * 1_000_000 + 3 * size


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_the_figures_of_many_rows_take_little_memory(tmp_path: Path) -> None:
    messages = dtm("sandbox://?rows=120&countries=1")
    row = next(each["record"] for each in messages if each["type"] == "RECORD" and each["stream"] == "idp_admin2")
    (tmp_path / "config.json").write_text('{"path": "package"}')

    def lines() -> Iterator[bytes]:
        yield from (json.dumps(each).encode() + b"\n" for each in messages if each["type"] == "SCHEMA")
        for number in range(200_000):
            area = {"row_number": number + 1, "round_number": number // 500, "admin2_pcode": f"XA{number % 500:04}"}
            yield json.dumps({"type": "RECORD", "stream": "idp_admin2", "record": row | area}).encode() + b"\n"

    assert peak(tmp_path, lines()) < 400 * 1_000_000
    report = json.loads((tmp_path / "package" / "quality.json").read_text("utf-8"))
    assert (report["rows"]["idp_admin2"], report["reconciliation"]["checked"]) == (200_000, 400)


def peak(folder: Path, lines: Iterable[bytes]) -> int:
    """Let the target read lines, and return the most bytes of memory that it took."""
    command = [sys.executable, "-c", PROGRAM, "--config", "config.json"]
    with (
        (folder / "log").open("wb") as errors,
        subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors) as run,
    ):
        assert run.stdin
        for line in lines:
            run.stdin.write(line)
        run.stdin.close()
    log = (folder / "log").read_text().splitlines()
    assert run.returncode == 0, log
    return int(log[-1]) * KB
