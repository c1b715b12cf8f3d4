"""Hostile texts in CSV: the same bytes on every supported Python, valid, and read back equal by every reader."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pytest
from frictionless import Package

from tests.datapackage.pipe import problems, read_csv, resource, run_target, without_pages
from tests.datapackage.singer import record, schema

if TYPE_CHECKING:
    from pathlib import Path

# Each text, and how it is in the file.
FORMS = {
    "a\rb": '"a\rb"',
    "\r": '"\r"',
    "a\r\nb": '"a\r\nb"',
    "\n": '"\n"',
    'a "quote"': '"a ""quote"""',
    '"': '""""',
    "a,b": '"a,b"',
    "x, 'y', z": "\"x, 'y', z\"",  # from which frictionless guesses that blanks after a comma do not count
    " leading": " leading",
    "trailing ": "trailing ",
    " ": " ",
    "\t": "\t",
    "\u2028": "\u2028",
    "a\u0085b": "a\u0085b",
    "\ufeffmark": "\ufeffmark",
    "\\": "\\",
    "#1": "#1",
    "=1+1": "=1+1",
}
# Python 3.10 has no way to read it in CSV, and all other readers do.
WITH_NUL = {"a\0b": "a\0b", "\0": "\0", "\0,": '"\0,"'}
TEXTS = {"type": "object", "properties": {"id": {"type": "integer"}, "v": {"type": ["string", "null"]}, "w": {}}}


pytestmark = pytest.mark.usefixtures("no_pages")


@pytest.fixture(scope="module", params=["csv", "csv.gz"])
def package(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("forms") / "package"
    with without_pages():
        run_target(texts(FORMS), folder, formats=[request.param])
    return folder


def texts(of: dict[str, str]) -> list[Any]:
    return [schema(of=TEXTS), *(record(id=number, v=text, w="w") for number, text in enumerate(of))]


@pytest.mark.parametrize("forms", [FORMS, WITH_NUL])
def test_every_python_writes_these_bytes(tmp_path: Path, forms: dict[str, str]) -> None:
    run_target(texts(forms), tmp_path / "package")

    written = (tmp_path / "package/data/orders.csv").read_bytes().decode()
    assert written == "id,v,w\n" + "".join(f"{number},{form},w\n" for number, form in enumerate(forms.values()))


@pytest.mark.parametrize("text", [*FORMS, *WITH_NUL])
def test_a_text_has_one_form_alone_among_others_and_in_a_large_row(tmp_path: Path, text: str) -> None:
    """Rows take three ways to the file, by what else is written with them."""
    form = {**FORMS, **WITH_NUL}[text]
    large: dict[str, Any] = {"w": "x" * 3_000_000} if text in ("a\rb", '"', " leading") else {}

    run_target([schema(of=TEXTS), record(id=1, v=text, **large)], tmp_path / "package")

    written = (tmp_path / "package/data/orders.csv").read_bytes().decode()
    assert written.startswith(f"id,v,w\n1,{form},")


def test_a_row_of_one_empty_cell_is_no_blank_line(tmp_path: Path) -> None:
    one = {"properties": {"v": {"type": ["string", "null"]}}}
    for last in ("x", "\r"):
        run_target([schema(of=one, key=["v"]), record(v="a"), record(v=last)], tmp_path / "package")
    assert (tmp_path / "package/data/orders.csv").read_bytes() == b'v\n"\r"\na\nx\n'


def test_the_package_is_valid(package: Path) -> None:
    assert problems(package) == []


def test_pandas_reads_the_texts(package: Path) -> None:
    path = package / resource(package, "orders")["path"]
    assert list(pd.read_csv(path, dtype=str, keep_default_na=False)["v"]) == list(FORMS)


def test_duckdb_reads_the_texts(package: Path) -> None:
    path = str(package / resource(package, "orders")["path"])
    rows = duckdb.execute("SELECT v FROM read_csv(?, all_varchar = true)", [path]).fetchall()
    assert [row[0] for row in rows] == list(FORMS)


def test_frictionless_reads_the_texts(package: Path) -> None:
    assert frictionless_rows(package) == list(FORMS)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 cannot read NUL in CSV")
def test_nul_is_read_back(tmp_path: Path) -> None:
    folder = tmp_path / "package"
    run_target(texts(WITH_NUL), folder)

    path = folder / "data/orders.csv"
    assert list(pd.read_csv(path, dtype=str, keep_default_na=False)["v"]) == list(WITH_NUL)
    rows = duckdb.execute("SELECT v FROM read_csv(?, all_varchar = true)", [str(path)]).fetchall()
    assert [row[0] for row in rows] == list(WITH_NUL)
    assert frictionless_rows(folder) == list(WITH_NUL)
    assert problems(folder) == []


def test_an_empty_text_is_null_in_every_format(tmp_path: Path) -> None:
    folder = tmp_path / "package"
    run_target([schema(of=TEXTS), record(id=1, v="", w="")], folder, formats=["csv", "parquet"])

    assert read_csv(folder, "orders") == [{"id": "1", "v": "", "w": ""}]
    rows = duckdb.execute("SELECT v, w FROM read_parquet(?)", [str(folder / "data/orders.parquet")]).fetchall()
    assert rows == [(None, None)]


def frictionless_rows(folder: Path) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened: Any = Package(str(folder / "datapackage.json"))
        return [row["v"] for row in opened.get_resource("orders").read_rows()]
