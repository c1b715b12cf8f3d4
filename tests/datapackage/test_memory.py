"""Memory follows bytes, and not the number of rows: 400 MB plus three times the largest record are enough."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
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

    command = [sys.executable, "-c", PROGRAM, "--config", "config.json"]
    with (
        (tmp_path / "log").open("wb") as errors,
        subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stderr=errors) as run,
    ):
        assert run.stdin
        run.stdin.write(json.dumps(schema).encode() + b"\n")
        for number in range(records):
            run.stdin.write(b'{"type":"RECORD","stream":"a","record":{"id":%d,"v":"' % number)
            run.stdin.write(b"0123456789" * (size // 10) + b'"}}\n')
        run.stdin.close()

    log = (tmp_path / "log").read_text().splitlines()
    assert run.returncode == 0, log
    assert int(log[-1]) * KB < 400 * 1_000_000 + 3 * size
