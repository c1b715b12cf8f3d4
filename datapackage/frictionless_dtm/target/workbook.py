"""Writes a package as an Excel workbook. The same rows and XlsxWriter give the same bytes.

The sheets are the terms, the dictionary, and each table. XlsxWriter can write each row to disk at once, is faster than
openpyxl, and has no dependencies.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override
from xlsxwriter import Workbook
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.worksheet import Worksheet

from frictionless_dtm.descriptor.package import MEDIA_TYPES, tables_of, terms_in_words, warnings_in
from frictionless_dtm.descriptor.table_schema import PREFIX
from frictionless_dtm.target.manifest import sha256_of
from frictionless_dtm.target.texts import text_of
from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from frictionless_dtm.descriptor.shape import Column, Kind, Shape
    from frictionless_dtm.target.rows import Batch

    Cell = str | float | bool | None

_TERMS: Final = "Terms"
_DICTIONARY: Final = "Dictionary"
_ABOUT_CELLS: Final = (
    "An empty cell has no value, which is not 0. Codes are text, so that they keep their zeros. Integers of more than "
    "15 digits are text, because Excel would change them. Decimal numbers have at most 16 digits here; CSV has all."
)
_HEADER: Final = ("Table", "Column", "Type", "Title", "Meaning", "Unit", "Measure", "HXL tag", "Missing values")
MOST_ROWS: Final = 1_048_575  # of a sheet, below the header
_MOST_COLUMNS: Final = 16_384
_LONGEST: Final = 32_767  # characters of a cell; those above U+FFFF count twice
_DIGITS: Final = 10**15  # Excel keeps 15 digits of a number, and replaces the others with zeros
_LARGEST: Final = 9.99e307
_DAY_0: Final = dt.date(1899, 12, 30).toordinal()
_FIRST_DAY: Final = "1900-03-01"  # Excel has an invalid day before this date, and no dates before 1900
_LONGEST_NAME: Final = 31  # of a sheet
_RESERVED: Final = {_TERMS.lower(), _DICTIONARY.lower(), "history"}  # Excel reserves "history"
_EVERYWHERE: Final = "A1:XFD1048576"
_TAKE_OUT: Final = "remove xlsx from the setting formats."


class _Sheet(Worksheet):  # type: ignore[misc]  # XlsxWriter declares no types
    @override
    def _xml_rich_inline_string(self, string: str, attributes: Any = ()) -> None:
        """Write a text unchanged. XlsxWriter takes a text between ``<r>`` and ``</r>`` for its own XML."""
        self._xml_inline_string(string, True, attributes)  # noqa: FBT003


def check_size(shape: Shape, rows: int) -> None:
    """Check that a table fits into a sheet, before anything is written."""
    columns = len(shape.columns)
    for number, most, what in ((rows, MOST_ROWS, "rows"), (columns, _MOST_COLUMNS, "columns")):
        if number > most:
            raise DtmError(
                f"The table {shape.stream} has {number:,} {what}, and a sheet of Excel holds {most:,}: {_TAKE_OUT}"
            )


def write_workbook(
    path: Path, descriptor: Mapping[str, Any], tables: Mapping[str, tuple[Shape, Iterable[Batch]]], scratch: Path
) -> None:
    """Write the workbook of a package, with tables by the name of their resource.

    ``scratch`` is a folder for temporary files, about as large as the tables in XML.
    """
    sheets = _sheet_names(tables)
    try:
        with Workbook(path, {"constant_memory": True, "tmpdir": str(scratch)}) as workbook:
            workbook.use_zip64()
            workbook.set_properties({"created": dt.datetime.fromisoformat(descriptor["created"].rstrip("Z"))})
            _write_texts(workbook, _TERMS, list(_terms(descriptor, sheets)), (26, 110))
            _write_texts(workbook, _DICTIONARY, list(_dictionary(descriptor)), (20, 30, 10, 30, 80, 12, 12, 30, 16))
            for name, (shape, batches) in tables.items():
                _write_table(_add_sheet(workbook, sheets[name]), workbook, shape, batches)
    except FileCreateError as error:
        raise error.args[0] from error


def described(path: Path) -> dict[str, Any]:
    """Return the description of the workbook for the descriptor. It is not a table, so it is not a resource."""
    return {
        "path": path.name,
        "title": "All tables for Excel",
        "mediatype": MEDIA_TYPES["xlsx"],
        "bytes": path.stat().st_size,
        "hash": f"sha256:{sha256_of(path)}",
    }


def _write_table(sheet: Any, workbook: Any, shape: Shape, batches: Iterable[Batch]) -> None:  # noqa: ANN401
    """Write a frozen header and all rows.

    Text columns have the text format, so that Excel keeps a code such as 007 when somebody edits it.
    """
    text = workbook.add_format({"num_format": "@"})
    formats = {
        "integer": workbook.add_format({"num_format": "0"}),
        "date": workbook.add_format({"num_format": "yyyy-mm-dd"}),
        "number": None,
        "boolean": None,
    }
    bold = workbook.add_format({"bold": True, "num_format": "@"})
    for number, column in enumerate(shape.columns):
        width = min(max(len(column.name) + 3, 12), 40)  # in characters: the name and the filter button, within limits
        sheet.set_column(number, number, width, formats.get(column.kind, text))
        sheet.write_string(0, number, _checked(column.name, shape, 0, column), bold)
    sheet.freeze_panes(1, 0)
    convert = [_CELLS.get(column.kind, text_of) for column in shape.columns]
    row = 0
    for row, values in enumerate(chain.from_iterable(batch.rows for batch in batches), 1):
        for number, value in enumerate(values):
            cell = None if value is None else convert[number](value)
            if isinstance(cell, str):
                if cell:
                    # write_string never makes a formula or a link of a text.
                    sheet.write_string(row, number, _checked(cell, shape, row, shape.columns[number]), text)
            elif isinstance(cell, bool):
                sheet.write_boolean(row, number, cell)
            elif cell is not None:
                sheet.write_number(row, number, cell)
    sheet.autofilter(0, 0, row, len(shape.columns) - 1)


def _checked(text: str, shape: Shape, row: int, column: Column) -> str:
    if 2 * len(text) > _LONGEST and len(text.encode("utf-16-le")) > 2 * _LONGEST:
        raise DtmError(
            f"The table {shape.stream} has a text of {len(text):,} characters (row {row:,}, column {column.name}), and "
            f"a cell of Excel holds {_LONGEST:,}: {_TAKE_OUT}"
        )
    return text


def _date(text: str) -> Cell:
    """Return Excel's number of a date, or text if Excel has no such date."""
    return float(dt.date.fromisoformat(text).toordinal() - _DAY_0) if text >= _FIRST_DAY else text


def _number(value: Any) -> Cell:  # noqa: ANN401  an integer, or a decimal number
    if isinstance(value, int):
        return value if abs(value) < _DIGITS else str(value)
    number = float(value)
    return number if abs(number) < _LARGEST else str(value)


_CELLS: Final[Mapping[Kind, Callable[[Any], Cell]]] = {
    "boolean": bool,
    "date": _date,
    "integer": _number,
    "number": _number,
}
"""The conversion of values by kind of column. All other kinds are texts, as in CSV."""


def _sheet_names(tables: Iterable[str]) -> dict[str, str]:
    """Return a valid and unique name for the sheet of each table."""
    names = {}
    for table in tables:
        names[table] = table
        if len(table) > _LONGEST_NAME or table in _RESERVED:
            digest = hashlib.sha256(table.encode()).hexdigest()[:8]
            names[table] = f"{table[: _LONGEST_NAME - len(digest) - 1]}-{digest}"
    return names


def _add_sheet(workbook: Any, name: str) -> Any:  # noqa: ANN401
    sheet = workbook.add_worksheet(name, worksheet_class=_Sheet)
    sheet.ignore_errors({"number_stored_as_text": _EVERYWHERE})
    return sheet


def _write_texts(workbook: Any, name: str, lines: Sequence[Sequence[str]], widths: Sequence[int]) -> None:  # noqa: ANN401
    """Write a table of texts below a header, or else labels and paragraphs below a title."""
    sheet, is_table = _add_sheet(workbook, name), name == _DICTIONARY
    heading = workbook.add_format({"bold": True} if is_table else {"bold": True, "font_size": 14})
    label = workbook.add_format({"bold": True, "valign": "top"})
    text = workbook.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
    for column, width in enumerate(widths):
        sheet.set_column(column, column, width)
    for row, line in enumerate(lines):
        for column, words in enumerate(line):
            form = heading if not row else label if not (column or is_table) else text
            sheet.write_string(row, column, words[: _LONGEST // 2], form)
    if is_table:
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, len(lines) - 1, len(widths) - 1)
    else:
        sheet.hide_gridlines(2)


def _terms(descriptor: Mapping[str, Any], sheets: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield labels and paragraphs of the first sheet; the first label is the title. ``sheets`` are by table."""
    words = terms_in_words(descriptor)
    yield descriptor.get("title") or descriptor["name"], ""
    yield from _paragraphs("Terms of use", words)
    yield from _paragraphs("Cite as", descriptor.get(f"{PREFIX}citation", ""))
    yield "Version", f"{descriptor['version']} of {descriptor['created'][:10]}"
    for source in descriptor.get("sources", ()):
        yield "Source", f"{source.get('title', '')} ({source.get('path', '')})"
    yield from _paragraphs("About", descriptor.get("description", "").removesuffix(words))
    for text in warnings_in(descriptor):
        yield "Before you add anything up", text
    yield "Cells", _ABOUT_CELLS
    for table in tables_of(descriptor):
        about = table.get(f"{PREFIX}grain") or table.get("description") or table.get("title", "")
        yield f"Sheet {sheets[table['name']]}", f"{table['rows']:,} rows. {about}"


def _dictionary(descriptor: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    """Yield the header and a line for each column of each table."""
    yield _HEADER
    for table in tables_of(descriptor):
        for field in table["schema"]["fields"]:
            yield (
                table["name"],
                field["name"],
                field["type"],
                field.get("title", ""),
                field.get("description", ""),
                field.get(f"{PREFIX}unit", ""),
                field.get(f"{PREFIX}measure", ""),
                field.get(f"{PREFIX}hxl", ""),
                ", ".join(filter(None, field.get("missingValues", ()))),
            )


def _paragraphs(label: str, text: str) -> Iterator[tuple[str, str]]:
    for paragraph in filter(None, map(str.strip, text.split("\n\n"))):
        yield label, paragraph
