"""A workbook for Excel: the same figures and texts as the other formats, as a spreadsheet has to have them."""

from __future__ import annotations

import datetime as dt
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
from frictionless_dtm.descriptor.shape import shape_of
from frictionless_dtm.target import workbook
from frictionless_dtm.target.rows import Batch
from openpyxl.utils.escape import unescape

from tap_dtm.errors import DtmError
from tests.datapackage.pipe import content, descriptor, problems, run_lines, run_target, typed_rows
from tests.datapackage.singer import dtm, record, schema

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FORMATS = ["csv", "xlsx"]
DTM = "iom-dtm-displacement-sandbox.xlsx"


def book(path: Path) -> Any:
    return openpyxl.load_workbook(path)


def columns(**types: str) -> dict[str, Any]:
    properties: dict[str, Any] = {name: {"type": [kind, "null"]} for name, kind in types.items()}
    return schema("table", {"properties": {"id": {"type": "integer"}, **properties}})


def cells(folder: Path, type_: str, values: Sequence[Any], **more: Any) -> list[Any]:
    """Write values into a column of a workbook, and return its cells."""
    properties = {"id": {"type": "integer"}, "v": {"type": [type_, "null"], **more}}
    rows = [record("table", id=number, v=value) for number, value in enumerate(values)]
    run_target([schema("table", {"properties": properties}), *rows], folder, formats=FORMATS)
    return [row[1] for row in book(folder / "package.xlsx")["table"].iter_rows(min_row=2)]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dtm") / "package"
    run_target(dtm("sandbox://?rows=300&countries=2"), folder, formats=FORMATS)
    return folder


def test_every_table_has_a_sheet_with_the_rows_of_the_other_formats(package: Path) -> None:
    sheets = book(package / DTM)
    tables = [each["name"] for each in descriptor(package)["resources"]]
    assert sheets.sheetnames == ["Terms", "Dictionary", *tables]
    for table in tables:
        header, *rows = sheets[table].values
        found = [{name: _as_text(value) for name, value in zip(header, row, strict=True)} for row in rows]
        assert found == typed_rows(package, table)


def test_the_first_sheet_has_the_terms_and_how_not_to_read_the_figures(package: Path) -> None:
    said = descriptor(package)
    lines = [(label, text or "") for label, text in book(package / DTM)["Terms"].values]
    assert lines[0] == (said["title"], "")
    assert lines[1][1].startswith("Not for redistribution: ")
    assert ("Version", f"1.0.0 of {said['created'][:10]}") in lines
    assert ("Terms of use", said["dtm:creditLine"]) in lines
    assert ("Cite as", said["dtm:citation"]) in lines
    warnings = {each["text"] for resource in said["resources"] for each in resource.get("dtm:usageWarnings", ())}
    assert {text for label, text in lines if label == "Before you add anything up"} == warnings


def test_the_dictionary_describes_every_column(package: Path) -> None:
    header, *lines = book(package / DTM)["Dictionary"].values
    fields = [
        (resource["name"], field["name"], field["description"])
        for resource in descriptor(package)["resources"]
        for field in resource["schema"]["fields"]
    ]
    found = [dict(zip(header, line, strict=True)) for line in lines]
    assert [(each["Table"], each["Column"], each["Meaning"]) for each in found] == fields
    figure = next(each for each in found if each["Column"] == "num_present_idp_ind")
    assert (figure["Unit"], figure["HXL tag"]) == ("persons", "#affected+idps")


def test_the_package_says_what_it_is_and_is_valid(package: Path) -> None:
    assert problems(package) == []
    assert descriptor(package)["dtm:workbook"]["bytes"] == (package / DTM).stat().st_size
    assert f"| [`{DTM}`]({DTM}) |" in (package / "README.md").read_text("utf-8")
    assert f'<a href="{DTM}">' in (package / "index.html").read_text("utf-8")


def _as_text(value: Any) -> Any:
    return value.date().isoformat() if isinstance(value, dt.datetime) else value


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Adak"])
@pytest.mark.usefixtures("no_pages")
def test_the_same_data_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1760000000")
    messages = dtm("sandbox://?rows=100&countries=1")
    run_target(messages, tmp_path / "first" / "package", formats=FORMATS)
    monkeypatch.setenv("TZ", zone)
    time.tzset() if hasattr(time, "tzset") else None

    run_target(messages, tmp_path / "second" / "package", formats=FORMATS)

    monkeypatch.undo()
    time.tzset() if hasattr(time, "tzset") else None
    assert content(tmp_path / "first" / "package") == content(tmp_path / "second" / "package")


TEXTS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(1)",
    '{=HYPERLINK("https://example.org")}',
    "https://example.org/?a=1&b=2",
    "mailto:nobody@example.org",
    "007",
    "1e5",
    "TRUE",
    " Côte Inventée ",
    "<r><t>no XML</t></r>",
    "<r>&</r>",
    "&<>\"'",
    "_x0041_",
    "NUL \0, bell \a, escape \x1b",
    "one\ntwo\r\nthree\rfour\tfive",
    "\ufffe\uffff",
    "\N{GRINNING FACE}" * 16_383,
    "x" * 32_767,
]


@pytest.mark.usefixtures("no_pages")
def test_texts_stay_texts_whatever_they_begin_with(folder: Path) -> None:
    found = cells(folder, "string", TEXTS)
    assert [unescape(cell.value) for cell in found] == TEXTS
    assert {(cell.data_type, cell.number_format, cell.hyperlink) for cell in found} == {("s", "@", None)}


@pytest.mark.usefixtures("no_pages")
def test_numbers_are_numbers_and_integers_that_excel_would_change_are_texts(folder: Path) -> None:
    values = [0, -5, 10**15 - 1, 10**15, -(2**53) - 1, 10**400, None]
    assert [cell.value for cell in cells(folder, "integer", values)] == [
        *values[:3],
        *(str(value) for value in values[3:6]),
        None,
    ]


@pytest.mark.usefixtures("no_pages")
def test_decimal_numbers_have_sixteen_digits(folder: Path) -> None:
    lines = [f'{{"type":"RECORD","stream":"table","record":{{"id":{n},"v":{v}}}}}' for n, v in enumerate(NUMBERS)]
    run_lines(folder, columns(v="number"), *lines, formats=FORMATS)
    found = [row[1] for row in book(folder / "package.xlsx")["table"].iter_rows(min_row=2, values_only=True)]
    assert found == list(NUMBERS.values())


NUMBERS: dict[str, Any] = {
    "0.1": 0.1,
    "-2.50": -2.5,
    "18.12345678901234567": 18.12345678901234,
    "1e300": 1e300,
    "9.999e307": "9.999E+307",
    "12345678901234567": "12345678901234567",
}


@pytest.mark.usefixtures("no_pages")
def test_dates_are_dates_where_excel_has_them(folder: Path) -> None:
    found = cells(folder, "string", ["2025-06-30", "1900-03-01", "1900-02-28", "", None, "9999-12-31"], format="date")
    days = [dt.datetime(2025, 6, 30), dt.datetime(1900, 3, 1)]  # noqa: DTZ001  Excel knows no zones
    assert [cell.value for cell in found] == [*days, "1900-02-28", None, None, dt.datetime(9999, 12, 31)]  # noqa: DTZ001
    assert found[0].number_format == "yyyy-mm-dd"


@pytest.mark.usefixtures("no_pages")
def test_other_values_are_written_as_in_csv(folder: Path) -> None:
    messages = [columns(a="boolean", b="object", c="array"), record("table", id=1, a=False, b={"x": 1}, c=["=1"])]
    run_target(messages, folder, formats=FORMATS)
    assert list(book(folder / "package.xlsx")["table"].values)[1] == (1, False, '{"x":1}', '["=1"]')


@pytest.mark.usefixtures("no_pages")
def test_a_text_that_is_too_long_for_a_cell_is_refused(folder: Path) -> None:
    run_target([columns(v="string"), record("table", id=1, v="short")], folder, formats=FORMATS)
    before = content(folder)
    for text in ("x" * 32_768, "\N{GRINNING FACE}" * 16_384):
        with pytest.raises(
            DtmError, match=r"The table table has a text of .* \(row 2, column v\), and a cell of Excel"
        ):
            run_target([columns(v="string"), record("table", id=2, v=text)], folder, formats=FORMATS)
    assert content(folder) == before


@pytest.mark.usefixtures("no_pages")
def test_a_table_that_is_too_large_for_a_sheet_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert workbook.MOST_ROWS == 1_048_575
    monkeypatch.setattr(workbook, "MOST_ROWS", 2)
    rows = [record("table", id=number) for number in range(3)]
    run_target([columns(), *rows[:2]], folder, formats=FORMATS)
    with pytest.raises(DtmError, match=r"The table table has 3 rows, and a sheet of Excel holds 2: remove xlsx"):
        run_target([columns(), *rows], folder, formats=FORMATS)


@pytest.mark.usefixtures("no_pages")
def test_a_table_of_too_many_columns_is_refused(folder: Path) -> None:
    wide = columns(**{f"c{number}": "string" for number in range(16_384)})
    with pytest.raises(DtmError, match=r"The table table has 16,385 columns, and a sheet of Excel holds 16,384"):
        run_target([wide], folder, formats=FORMATS)


def test_a_workbook_comes_and_goes_with_the_setting_and_the_version_stays(folder: Path) -> None:
    messages = [columns(v="string"), record("table", id=1, v="one")]
    for formats in (["csv"], FORMATS, ["csv"]):
        run_target(messages, folder, formats=formats)
        assert (folder / "package.xlsx").exists() is ("dtm:workbook" in descriptor(folder)) is ("xlsx" in formats)
        assert ("package.xlsx" in (folder / "README.md").read_text("utf-8")) is ("xlsx" in formats)
        assert descriptor(folder)["version"] == "1.0.0"


@pytest.mark.usefixtures("no_pages")
def test_a_workbook_that_somebody_has_saved_is_written_again(folder: Path) -> None:
    messages = [columns(v="string"), record("table", id=1, v="one")]
    run_target(messages, folder, formats=FORMATS)
    before = content(folder)
    (folder / "package.xlsx").write_bytes(b"saved by somebody")
    run_target(messages, folder, formats=FORMATS)
    assert content(folder) == before


@pytest.mark.usefixtures("no_pages")
def test_the_workbook_follows_the_data(folder: Path) -> None:
    run_target([columns(), schema("other", {"properties": {"id": {}}}, ["id"])], folder, formats=FORMATS)
    run_target([columns(), record("table", id=7)], folder, formats=FORMATS)
    sheets = book(folder / "package.xlsx")
    assert sheets.sheetnames == ["Terms", "Dictionary", "other", "table"]
    assert list(sheets["table"].values) == [("id",), (7,)]


@pytest.mark.usefixtures("no_pages")
def test_every_table_has_a_name_that_excel_accepts(folder: Path) -> None:
    streams = ["terms", "dictionary", "history", "a" * 31, "b" * 32, "b" * 33]
    run_target([schema(each, {"properties": {"id": {}}}, ["id"]) for each in streams], folder, formats=FORMATS)
    names = book(folder / "package.xlsx").sheetnames
    assert len({name.lower() for name in names}) == 8
    assert "a" * 31 in names
    assert all(len(name) <= 31 and name.lower() != "history" for name in names)


def test_the_rows_of_a_workbook_take_no_memory(tmp_path: Path) -> None:
    """Measured once with a whole run: 300,000 rows of idp_admin2 take as much memory with a workbook as without."""
    shape = shape_of("table", {"properties": {"v": {"type": "string"}}}, [])
    batches = (Batch([(f"{number} " + "x" * 20_000,)], 20_000) for number in range(1000))
    said = {"name": "x", "version": "1.0.0", "created": "2025-07-01T00:00:00Z", "resources": []}

    tracemalloc.start()
    workbook.write_workbook(tmp_path / "x.xlsx", {**said, "dtm:redistribution": ""}, {"t": (shape, batches)}, tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 5_000_000 < 1000 * 20_000
