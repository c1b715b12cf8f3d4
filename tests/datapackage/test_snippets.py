"""The examples in a package's README run as they are printed, and read codes as text: "01" stays "01"."""

from __future__ import annotations

import contextlib
import csv
import io
import re
import shutil
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from frictionless import Package

from tests.datapackage.pipe import run_target
from tests.datapackage.singer import dtm, record, schema
from tests.extent import mostly

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.target import Message

FORMATS: dict[str, dict[str, Any]] = {
    "csv": {},
    "csv.gz": {"formats": ["csv.gz"]},
    "parquet": {"formats": ["parquet"]},
    "hxl": {"include_hxl_row": True},
}
CODES = ("admin1_pcode", "admin2_pcode", "idp_origin_admin1_pcode")
ODD = "it's a code"
TEXTS = ["007", "12", "1E3", "NA", "-0"]


def numbered() -> Callable[[str], str]:
    """Return what replaces each different code by a number of its own, the first ones with a zero in front."""
    known: dict[str, str] = {}
    return lambda code: known.setdefault(code, f"{len(known) + 1:02}")


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    """A sync of one country whose P-codes are all digits."""
    found, number = dtm("sandbox://?rows=900&countries=1"), numbered()
    for message in found:
        if message["type"] == "RECORD":
            for name in CODES:
                if message["record"].get(name):
                    message["record"][name] = number(message["record"][name])
    return found


@pytest.fixture(scope="module")
def packages(messages: list[Message], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package of these rows in each format."""
    folder = tmp_path_factory.mktemp("packages")
    for name, form in FORMATS.items():
        run_target(messages, folder / name / "package", **form)
    return folder


@pytest.fixture
def package(request: pytest.FixtureRequest, packages: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of these rows, in whose folder the examples run."""
    folder: Path = packages / request.param / "package"
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def orders(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of another tap: a column of codes with an awkward name, and one of numbers."""
    properties = {"id": {"type": "string"}, ODD: {"type": ["string", "null"]}, "n": {"type": ["integer", "null"]}}
    values: list[dict[str, Any]] = [{"id": f"{n:02}", ODD: text, "n": n} for n, text in enumerate(TEXTS)]
    rows = [record(**each) for each in values]
    folder = tmp_path / "package"
    run_target([schema(of={"properties": properties}), *rows], folder, **FORMATS[request.param])
    monkeypatch.chdir(folder)
    return folder


def example(folder: Path, language: str) -> str:
    """Return the example of one language."""
    readme = (folder / "README.md").read_text("utf-8")
    (code,) = re.findall(rf"```{language}\n(.*?)```", readme, re.DOTALL)
    return str(code)


def run_python(code: str) -> dict[str, Any]:
    said: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(code.replace("print(", "result = ("), said)  # noqa: S102  the example is what is tested
    return said


def run_r(code: str, table: str) -> list[dict[str, str]]:
    """Run an example of R, and return the rows of the table that it has read."""
    shown = f'{code}\nutils::write.csv({table}, "read.csv", row.names = FALSE, na = "")\n'
    done = subprocess.run(
        ["Rscript", "-"],  # noqa: S607
        input=shown,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    )
    assert done.returncode == 0, done.stderr
    with open("read.csv", encoding="utf-8", newline="") as file:  # noqa: PTH123
        return list(csv.DictReader(file))


def has_r() -> bool:
    libraries = "suppressMessages({library(readr); library(dplyr)})"
    return (
        shutil.which("Rscript") is not None
        and subprocess.run(["Rscript", "-e", libraries], capture_output=True, check=False).returncode == 0  # noqa: S607
    )


def newest(messages: list[Message]) -> dict[tuple[Any, ...], int]:
    """Return the people of the newest date of each operation, by operation, round and assessment type."""
    rows = [each["record"] for each in messages if each["type"] == "RECORD" and each["stream"] == "idp_admin1"]
    dates: dict[str, str] = {}
    for row in rows:
        dates[row["operation"]] = max(dates.get(row["operation"], ""), row["reporting_date"])
    sums: Counter[tuple[Any, ...]] = Counter()
    for row in rows:
        if row["reporting_date"] == dates[row["operation"]]:
            key = (row["admin0_pcode"], row["operation"], row["round_number"], row["assessment_type"])
            sums[key] += row["num_present_idp_ind"]
    return dict(sums)


def published(messages: list[Message], column: str) -> Counter[str]:
    rows = [each["record"] for each in messages if each["type"] == "RECORD" and each["stream"] == "idp_admin1"]
    return Counter(row[column] for row in rows)


in_every_format = pytest.mark.parametrize("package", FORMATS, indirect=True)
in_text = pytest.mark.parametrize("orders", ["csv", "csv.gz", "parquet"], indirect=True)


@in_every_format
def test_pandas(package: Path, messages: list[Message]) -> None:
    pytest.importorskip("pandas")

    said = run_python(example(package, "python"))

    for column in CODES[::2]:
        assert Counter(said["idps"][column]) == published(messages, column)
    assert {(k[0], k[1], k[3], k[4]): int(v) for k, v in said["result"].items()} == newest(messages)


@in_every_format
def test_duckdb(package: Path, messages: list[Message]) -> None:
    query = example(package, "sql")
    (source,) = re.findall(r"AS newest\n  FROM (.*?)\n\)\nWHERE", query, re.DOTALL)

    with duckdb.connect() as db:
        answer = {(row[0], row[1], row[3], row[4]): int(row[5]) for row in db.execute(query).fetchall()}
        for column in CODES[::2]:
            read = db.execute(f"SELECT {column} FROM {source}").fetchall()  # noqa: S608
            assert Counter(code for (code,) in read) == published(messages, column)

    assert answer == newest(messages)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # frictionless leaves files open
@in_every_format
def test_frictionless(package: Path, messages: list[Message]) -> None:
    assert 'frictionless.Package("datapackage.json")' in (package / "README.md").read_text("utf-8")

    opened: Any = Package("datapackage.json")
    rows = opened.get_resource("idp_admin1").read_rows()

    for column in CODES[::2]:
        assert Counter(row[column] for row in rows) == published(messages, column)


@pytest.mark.parametrize("package", ["csv", "csv.gz", "hxl"], indirect=True)
def test_r(package: Path, messages: list[Message]) -> None:
    code = example(package, "r")
    for column in CODES[::2]:
        assert f'"{column}" = "c"' in code
    if not has_r():
        return

    rows = run_r(code, "idps")

    for column in CODES[::2]:
        assert Counter(row[column] for row in rows) == published(messages, column)


@in_text
def test_pandas_with_the_table_of_another_tap(orders: Path) -> None:
    pytest.importorskip("pandas")

    table = run_python(example(orders, "python"))["table"]

    assert list(table[ODD]) == TEXTS
    assert list(table["id"]) == ["00", "01", "02", "03", "04"]
    assert list(table["n"]) == [0, 1, 2, 3, 4]


@in_text
def test_duckdb_with_the_table_of_another_tap(orders: Path) -> None:
    with duckdb.connect() as db:
        assert db.execute(example(orders, "sql")).fetchall() == [
            (f"{number:02}", text, number) for number, text in enumerate(TEXTS)
        ]


@pytest.mark.parametrize("orders", ["csv", "csv.gz"], indirect=True)
def test_r_with_the_table_of_another_tap(orders: Path) -> None:
    code = example(orders, "r")
    assert f'"{ODD}" = "c"' in code
    if has_r():
        assert [row[ODD] for row in run_r(code, "table")] == TEXTS


@pytest.mark.parametrize("variant", mostly(["csv", "parquet"], FORMATS))
def test_a_table_without_rows_can_be_read(variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    folder = tmp_path / "package"
    run_target(
        [each for each in dtm("sandbox://?rows=100&countries=1") if each["type"] == "SCHEMA"],
        folder,
        **FORMATS[variant],
    )
    monkeypatch.chdir(folder)

    assert len(run_python(example(folder, "python"))["result"]) == 0
    with duckdb.connect() as db:
        assert db.execute(example(folder, "sql")).fetchall() == []
