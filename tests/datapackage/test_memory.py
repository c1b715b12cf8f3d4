"""Memory follows bytes, and not the number of rows: 400 MB plus three times the largest record are enough."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tap_dtm.errors import DtmError
from tests.datapackage.pipe import content, run_target
from tests.datapackage.singer import dtm, record, schema

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


PROPERTIES = {"properties": {"id": {"type": "integer"}, "v": {"type": "string"}}}
TEXT = {"type": "string"}
OBJECT = {"type": "object"}
LARGEST = 10_400_000  # bytes of a value; a message of more than 10 MB is refused


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize(
    ("sent", "formats", "key", "kind"),
    [
        ((80, 1_000_000), ["csv"], ["id"], TEXT),
        pytest.param((80, 1_000_000), ["parquet"], ["id"], TEXT, marks=pytest.mark.everything),
        pytest.param((8, LARGEST), ["csv", "parquet"], ["id"], TEXT, marks=pytest.mark.everything),
        ((4, LARGEST), ["csv", "parquet"], [], OBJECT),
    ],
)
def test_large_records_take_little_memory(
    tmp_path: Path, sent: tuple[int, int], formats: list[str], key: list[str], kind: dict[str, str]
) -> None:
    """One character beyond the basic plane makes Python keep four bytes for each character of a text."""
    records, size = sent
    (tmp_path / "config.json").write_text(json.dumps({"path": "package", "formats": formats}))
    properties = {"id": {"type": "integer"}, "v": kind}
    text = '"\N{GRINNING FACE}'.encode() + b"0123456789" * (size // 10) + b'"'
    value = text if kind is TEXT else b'{"x":%b}' % text

    def lines() -> Iterator[bytes]:
        yield json.dumps(schema("a", {"properties": properties}, key)).encode() + b"\n"
        for number in range(records):
            yield b'{"type":"RECORD","stream":"a","record":{"id":%d,"v":%b}}\n' % (number, value)

    assert peak(tmp_path, lines()) < 400 * 1_000_000 + 3 * size


def test_a_longer_message_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "package"
    messages = [schema("a", PROPERTIES), record("a", id=1, v="x")]
    run_target(messages, folder)
    before = content(folder)

    with pytest.raises(DtmError) as error:
        run_target([*messages, record("a", id=2, v="x" * 11_000_000)], folder)

    assert str(error.value) == (
        "Line 3 of the input (stream a) is longer than 10 MB, the limit of this target. Deselect the column "
        "with the longest text in the tap's catalog, or remove it with a stream map. Nothing of this run was kept."
    )
    assert content(folder) == before


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_a_message_without_end_is_not_read_to_the_end(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"path": "package"}')

    def lines() -> Iterator[bytes]:
        yield b'{"type":"RECORD","stream":"a","record":{"v":"'
        yield from (b"x" * 1_000_000 for _ in range(500))

    with pytest.raises(BrokenPipeError):  # the target has ended
        peak(tmp_path, lines())

    assert "longer than 10 MB" in (tmp_path / "log").read_text("utf-8")


@pytest.mark.everything
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
