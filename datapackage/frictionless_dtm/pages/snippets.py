"""How to load a table, in several languages; the tests run what can be run.

Every reader is told which columns are text. A reader that guesses takes codes of digits only for numbers, and their
leading zeros are lost.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.quality.streams import FIGURES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from frictionless_dtm.descriptor.reading import Workbook
    from frictionless_dtm.pages.front import File

_NEWEST = """\
newest = idps[idps["reporting_date"] == idps.groupby(["admin0_pcode", "operation"])["reporting_date"].transform("max")]
by = ["admin0_pcode", "operation", "reporting_date", "round_number", "assessment_type"]
print(newest.groupby(by)["num_present_idp_ind"].sum(min_count=1))"""
_NEWEST_SQL = """\
SELECT admin0_pcode, operation, reporting_date, round_number, assessment_type,
       sum(num_present_idp_ind) AS persons
FROM (
  SELECT *, max(reporting_date) OVER (PARTITION BY admin0_pcode, operation) AS newest
  FROM {source}
)
WHERE reporting_date = newest
GROUP BY ALL
ORDER BY ALL;"""
_NEWEST_R = """\
newest <- idps |>
  group_by(admin0_pcode, operation) |>
  filter(reporting_date == max(reporting_date)) |>
  group_by(round_number, reporting_date, assessment_type, .add = TRUE) |>
  summarise(persons = sum(num_present_idp_ind), .groups = "drop")"""
_DUCKDB_TYPES: Final = {"integer": "HUGEINT", "number": "DOUBLE", "boolean": "BOOLEAN", "date": "DATE"}
"""By type in the Table Schema; every other type is text in the file."""
_WIDTH: Final = 100


def sample_file(files: Sequence[File]) -> File | None:
    """Return the table to show: displacement by the finest of the first two levels, else the first table."""
    for level in (1, 0, 2):
        for file in files:
            if file.level == level:
                return file
    return files[0] if files else None


def shows_newest(file: File) -> bool:
    """Whether the examples show the newest figures: the table is DTM's and has the columns for it."""
    return file.level is not None and set(FIGURES) <= {column.name for column in file.schema.fields}


def snippets(file: File, resource: Mapping[str, Any], workbook: Workbook | None = None) -> dict[str, str]:
    """Return the examples for one table, by language. A workbook of the package is what Excel opens."""
    excel = f"Open {workbook.path}. The codes in it are text." if workbook else _excel(file)
    if file.path.endswith(".parquet"):
        pandas, source = f'pandas.read_parquet("{file.path}")', f"'{file.path}'"
        read_r = f'arrow::read_parquet("{file.path}")'
    else:
        has_hxl_row = _has_hxl_row(resource)
        pandas = _pandas_csv(file, has_hxl_row=has_hxl_row)
        source = _duckdb_csv(file, has_hxl_row=has_hxl_row)
        read_r = _r_csv(file, has_hxl_row=has_hxl_row)
    if not shows_newest(file):
        return {
            "pandas": f"import pandas\n\ntable = {pandas}\nprint(table)",
            "duckdb": f"FROM {source} LIMIT 10;",
            "r": f"table <- {read_r}",
            "excel": excel,
        }
    return {
        "pandas": f"import pandas\n\nidps = {pandas}\n{_NEWEST}",
        "duckdb": _NEWEST_SQL.replace("{source}", source),
        "r": f"library(dplyr)\n\nidps <- {read_r}\n{_NEWEST_R}",
        "excel": excel,
    }


# The row of HXL tags is skipped by its number: as a comment, it would make every # in the data one.


def _pandas_csv(file: File, *, has_hxl_row: bool) -> str:
    options = [f'"{file.path}"', 'keep_default_na=False, na_values=[""]']
    if has_hxl_row:
        options.append("skiprows=[1]")
    if any(column.name == "reporting_date" for column in file.schema.fields):
        options.append('parse_dates=["reporting_date"]')
    if texts := [f"{_quoted(name)}: str" for name in _text_columns(file)]:
        options.append(f"dtype={{\n{_in_lines(texts, 8)}\n    }}")
    return _call("pandas.read_csv", options)


def _duckdb_csv(file: File, *, has_hxl_row: bool) -> str:
    columns = [f"{_sql(column.name)}: '{_DUCKDB_TYPES.get(column.type, 'VARCHAR')}'" for column in file.schema.fields]
    return _call(
        "read_csv",
        [
            f"'{file.path}'",
            """auto_detect = false, delim = ',', quote = '"', escape = '"'""",
            "skip = 2, header = false" if has_hxl_row else "header = true",
            f"columns = {{\n{_in_lines(columns, 8)}\n    }}",
        ],
    )


def _r_csv(file: File, *, has_hxl_row: bool) -> str:
    options = [f'"{file.path}"', 'na = ""']
    if has_hxl_row:
        options.append(f'skip = 2, col_names = names(readr::read_csv("{file.path}", n_max = 0))')
    texts = [f'{_quoted(name)} = "c"' for name in _text_columns(file)]
    types = ['.default = "?"', *texts]
    options.append(f"col_types = readr::cols(\n{_in_lines(types, 8)}\n    )")
    return _call("readr::read_csv", options)


def _text_columns(file: File) -> list[str]:
    return [column.name for column in file.schema.fields if column.type not in _DUCKDB_TYPES]


def _call(function: str, options: Sequence[str]) -> str:
    lines = ",\n".join(f"    {option}" for option in options)
    return f"{function}(\n{lines}\n)"


def _in_lines(items: Iterable[str], indent: int) -> str:
    """Return items with commas between them, in lines that are not wider than a reader likes."""
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + len(item) + 2 + indent <= _WIDTH:
            lines[-1] += f", {item}"
        else:
            lines.append(item)
    return ",\n".join(f"{' ' * indent}{line}" for line in lines)


def _quoted(name: str) -> str:
    """Return a name as Python and R write a text."""
    return json.dumps(name, ensure_ascii=False)


def _sql(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


def _has_hxl_row(resource: Mapping[str, Any]) -> bool:
    dialect = resource.get("dialect") or {}
    return bool(
        dialect.get("commentRows") or dialect.get("commentChar") or (dialect.get("csv") or {}).get("commentChar")
    )


def _excel(file: File) -> str:
    if file.path.endswith(".parquet"):
        return "Data > Get Data > From File > From Parquet; older versions read CSV only."
    unpack = " (unpack it first)" if file.path.endswith(".gz") else ""
    return (
        f"Data > From Text/CSV, choose {file.path}{unpack}, file origin 65001 (UTF-8), and set the code columns to "
        "Text. A double click may damage names with accents and codes with zeros. More than 1,048,575 rows do not fit. "
        "Cells that begin with =, +, - or @ are written as published, and a spreadsheet may run them as formulas: set "
        "these columns to Text as well."
    )
