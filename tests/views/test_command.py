"""The command `tap-dtm-views`: what it prints, DuckDB from a data package, and mistakes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tap_dtm.sandbox import world_at
from tests.target import COMMAND
from tests.views.databases import assert_views_are_right, place, rows_of

README = Path(__file__).parents[2] / "README.md"
VIEWS = [sys.executable, "-m", "tap_dtm.views"]
TARGET = [sys.executable, "-c", "from frictionless_dtm.target import main; main()"]


def views(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*VIEWS, *arguments], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data package of the sandbox with Parquet, in a folder whose name has blanks and an apostrophe."""
    folder = tmp_path_factory.mktemp("duckdb")
    path = folder / "a package's folder"
    (folder / "tap.json").write_text('{"api_url": "sandbox://?publication=2"}')
    (folder / "target.json").write_text(json.dumps({"path": str(path), "formats": ["parquet"]}))
    tap = subprocess.run([*COMMAND, "--config", "tap.json"], cwd=folder, stdout=subprocess.PIPE, check=True)
    subprocess.run(
        [*TARGET, "--config", "target.json"], cwd=folder, input=tap.stdout, stdout=subprocess.PIPE, check=True
    )
    return path


def test_duckdb_takes_the_package_and_the_views_and_takes_them_again(package: Path) -> None:
    printed = views("--dialect", "duckdb", "--package", str(package))
    assert printed.returncode == 0, printed.stderr

    with duckdb.connect() as db:
        for _ in range(2):
            db.execute(printed.stdout)

        assert_views_are_right(lambda query: rows_of(db, query), world_at(publication=2), place("duckdb"))
        (comment,) = rows_of(db, "SELECT comment FROM duckdb_views() WHERE view_name = 'operation_rounds'")
        (column,) = rows_of(
            db,
            "SELECT comment FROM duckdb_columns() WHERE table_name = 'operation_rounds' AND column_name = 'change'",
        )
    assert comment["comment"].startswith("One row per country, operation, reporting date, round and assessment type")
    assert column["comment"].startswith("Figure of this round minus that of the round before.")


def test_the_readme_s_line_for_duckdb_makes_a_database(package: Path, tmp_path: Path) -> None:
    (line,) = re.findall(r"^tap-dtm-views --dialect duckdb .*$", README.read_text(encoding="utf-8"), re.MULTILINE)
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "package").symlink_to(package)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    shell = ["bash", "-c", f"set -o pipefail; {line}"]
    subprocess.run(shell, cwd=tmp_path, env={**os.environ, "PATH": path}, check=True)

    with duckdb.connect(tmp_path / "displacement.duckdb", read_only=True) as db:
        assert_views_are_right(lambda query: rows_of(db, query), world_at(publication=2), place("duckdb"))


def test_a_package_without_parquet_is_told(tmp_path: Path) -> None:
    run = views("--dialect", "duckdb", "--package", str(tmp_path))

    assert run.returncode == 1
    assert f"The data package in {tmp_path} has no data/countries.parquet" in run.stderr
    assert run.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--dialect", "oracle"], "'oracle' is not one of 'postgres', 'bigquery', 'duckdb'"),
        (["--schema", 'x"; DROP TABLE y'], "is no schema that these views can stand in"),
        (["--schema", "project.dataset"], "is no schema that these views can stand in"),
        (["--dialect", "bigquery", "--schema", "a.b.c"], "is no schema that these views can stand in"),
        (["--package", "."], "--package goes with --dialect duckdb"),
        (["--dialect", "duckdb", "--install"], "--install goes with --dialect postgres"),
        (["--level", "3"], "3 is not in the range 0<=x<=2"),
        (["--dialect", "duckdb", "--package", "/no/such/folder"], "'/no/such/folder' does not exist"),
    ],
)
def test_mistakes_are_told_in_a_sentence(arguments: list[str], sentence: str) -> None:
    run = views(*arguments)

    assert run.returncode == 2
    assert sentence in run.stderr
    assert "Traceback" not in run.stderr
    assert run.stdout == ""


def test_nothing_of_a_database_is_imported_for_printing() -> None:
    code = "import sys; import tap_dtm.views.__main__; print('psycopg' in sys.modules, 'duckdb' in sys.modules)"

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.split() == ["False", "False"]
