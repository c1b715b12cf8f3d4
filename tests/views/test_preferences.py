"""The operations that the operator prefers: the file, and the table that it is loaded into."""

from __future__ import annotations

import unicodedata
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from click.testing import CliRunner

from tap_dtm.errors import DtmError
from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.views import load_views
from tap_dtm.views.command import command
from tap_dtm.views.preferences import Preference, check_known, read_preferences
from tap_dtm.views.script import script
from tests.views.databases import SCHEMA, place, rows_of
from tests.views.odd import load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEADER = "admin0_pcode,operation,assessment_type\n"
ACCENTED = "Réponse inventée"
WHERE = place("duckdb", levels=[0])
KNOWN = [("XAA", "Invented Monitoring"), ("XAA", unicodedata.normalize("NFD", ACCENTED)), ("XBB", "Invented Survey")]
UNKNOWN = (
    'The preferred operation "Invented Monitorin" of XAA is not one of its operations. These are: Invented '
    "Monitoring; Réponse inventée. Correct the file of preferred operations."
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "preferred.csv"


@pytest.fixture
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    """Tables with the operations that are known, and the views."""
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in load_catalogue().resources}
    tables["operations"] = [{"admin0_pcode": country, "operation": operation} for country, operation in KNOWN]
    with duckdb.connect() as connection:
        connection.execute(f"CREATE SCHEMA {SCHEMA}; {load(tables, WHERE, 'duckdb')}")
        connection.execute(script(WHERE))
        yield connection


def preferred(db: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    found = rows_of(db, f"FROM {SCHEMA}.preferred_operations ORDER BY ALL")
    return [tuple(row.values()) for row in found]


def test_the_file_has_the_columns_of_the_table() -> None:
    (table,) = load_views("v3", section="tables")

    assert [column.name for column in table.columns] == [field.name for field in fields(Preference)]


def test_a_file_is_read_in_any_unicode_form_and_an_empty_type_is_none(file: Path) -> None:
    lines = ["XAA,Invented Monitoring,BA", "", f'XBB," {unicodedata.normalize("NFD", ACCENTED)}",']
    file.write_text("\ufeff" + HEADER + "\r\n".join(lines), encoding="utf-8")

    read = read_preferences(file)

    assert read == (Preference("XAA", "Invented Monitoring", "BA"), Preference("XBB", ACCENTED, None))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ", line 1: write the names of the columns, admin0_pcode,operation,assessment_type."),
        ("country;operation;type\n", ", line 1: write the names of the columns"),
        (HEADER + "XAA,Invented\n", ", line 2: write 3 values"),
        (HEADER + "Invented Country,Invented,BA\n", ', line 2: "Invented Country" is not an ISO 3166-1 alpha-3 code'),
        (HEADER + "XAA,,BA\n", ", line 2: write the name of an operation in one line"),
        (HEADER + 'XAA,"Invented\nMonitoring",BA\n', ", line 3: write the name of an operation in one line"),
        (HEADER + "XAA,Invented,BA\nXAA,Other,BA\n", ", line 3: XAA is there twice: prefer one operation."),
        (HEADER + 'XAA,"Invented', " cannot be read: unexpected end of data."),
        (HEADER + "XAA,Inventée,BA\n", " cannot be read: it is not UTF-8."),
    ],
)
def test_a_wrong_line_is_named(file: Path, text: str, message: str) -> None:
    file.write_text(text, encoding="latin-1")

    with pytest.raises(DtmError) as caught:
        read_preferences(file)

    assert message in str(caught.value)


def test_a_file_that_is_missing_is_named_by_the_command(file: Path) -> None:
    done = CliRunner().invoke(command, ["--preferred-operations", str(file)])

    assert done.exit_code == 1
    assert f"The file of preferred operations {file} cannot be read: No such file or directory." in done.output


def test_an_unknown_operation_is_an_error_that_lists_those_of_the_country() -> None:
    check_known([Preference("XAA", ACCENTED), Preference("XCC", "Of a country that is not loaded")], KNOWN)

    with pytest.raises(DtmError) as caught:
        check_known([Preference("XAA", "Invented Monitorin")], KNOWN)

    assert str(caught.value) == UNKNOWN


def test_the_table_is_made_empty_filled_from_the_file_and_kept(db: duckdb.DuckDBPyConnection) -> None:
    empty = preferred(db)

    db.execute(script(WHERE, "", [Preference("XAA", ACCENTED), Preference("XBB", "Invented Survey", "SA")]))
    first = preferred(db)
    db.execute(script(WHERE))
    kept = preferred(db)
    db.execute(script(WHERE, "", [Preference("XBB", "Invented Survey")]))
    replaced = preferred(db)
    db.execute(script(WHERE, "", []))

    assert empty == []
    assert first == kept == [("XAA", ACCENTED, None), ("XBB", "Invented Survey", "SA")]
    assert replaced == [("XBB", "Invented Survey", None)]
    assert preferred(db) == []


def test_the_script_fails_at_an_unknown_operation_and_the_table_stays_as_it_was(db: duckdb.DuckDBPyConnection) -> None:
    db.execute(script(WHERE, "", [Preference("XAA", ACCENTED)]))

    with pytest.raises(duckdb.InvalidInputException) as caught:
        db.execute(script(WHERE, "", [Preference("XAA", "Invented Monitorin")]))

    db.execute("ROLLBACK")
    assert UNKNOWN in str(caught.value)
    assert preferred(db) == [("XAA", ACCENTED, None)]


def test_a_country_that_is_not_loaded_is_not_checked(db: duckdb.DuckDBPyConnection) -> None:
    db.execute(script(WHERE, "", [Preference("XCC", "Invented elsewhere")]))

    assert preferred(db) == [("XCC", "Invented elsewhere", None)]
