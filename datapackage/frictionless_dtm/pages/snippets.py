"""Code that loads a table, in several languages. The tests run it.

Each reader gets the names of the columns that are text. A reader that guesses would take codes of digits for numbers,
and lose their leading zeros.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.quality.database import FIGURES
from tap_dtm.views.dialects import DuckDB
from tap_dtm.views.package import TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from frictionless_dtm.pages.front import File, Front

_PLAIN: Final = {
    "pandas": "import pandas\n\ntable = {table}\nprint(table)",
    "duckdb": "FROM {table} LIMIT 10;",
    "r": "table <- {table}",
}
_NEWEST: Final = {
    "pandas": """\
import pandas

idps = {table}
newest = idps[idps["reporting_date"] == idps.groupby(["admin0_pcode", "operation"])["reporting_date"].transform("max")]
by = ["admin0_pcode", "operation", "reporting_date", "round_number", "assessment_type"]
print(newest.groupby(by)["num_present_idp_ind"].sum(min_count=1))""",
    "duckdb": """\
SELECT admin0_pcode, operation, reporting_date, round_number, assessment_type,
       sum(num_present_idp_ind) AS persons
FROM (
  SELECT *, max(reporting_date) OVER (PARTITION BY admin0_pcode, operation) AS newest
  FROM {table}
)
WHERE reporting_date = newest
GROUP BY ALL
ORDER BY ALL;""",
    "r": """\
library(dplyr)

idps <- {table}
newest <- idps |>
  group_by(admin0_pcode, operation) |>
  filter(reporting_date == max(reporting_date)) |>
  group_by(round_number, reporting_date, assessment_type, .add = TRUE) |>
  summarise(persons = sum(num_present_idp_ind), .groups = "drop")""",
}
_DUCKDB_TYPES: Final = {**TYPES, "integer": "HUGEINT"}
"""By type in the Table Schema; every other type is text in the file."""
_WIDTH: Final = 100


def snippets(front: Front, descriptor: Mapping[str, Any]) -> dict[str, Any]:
    """Return the code for one table, by language, and a sentence about Excel, which opens the workbook if possible.

    The table is displacement at the finest of the first two levels, or else the first table. The code shows the newest
    figures if the table has the columns for it.
    """
    file = min(front.resources, key=lambda file: (1, 0, 2, None).index(file.level))
    shows_newest = file.level is not None and set(FIGURES) <= {column.name for column in file.schema.fields}
    code = _NEWEST if shows_newest else _PLAIN
    if file.path.endswith(".parquet"):
        path = file.path
        tables = {
            "pandas": f'pandas.read_parquet("{path}")',
            "duckdb": f"'{path}'",
            "r": f'arrow::read_parquet("{path}")',
        }
    else:
        (resource,) = (each for each in descriptor["resources"] if each["name"] == file.name)
        tables = _csv_readers(file, has_hxl_row=bool(resource["dialect"].get("commentRows")))
    book = front.workbook
    return {
        **{language: code[language].replace("{table}", table) for language, table in tables.items()},
        "excel": f"Open {book.path}. The codes in it are text." if book else _excel(file.path),
        "shows_newest": shows_newest,
    }


def _csv_readers(file: File, *, has_hxl_row: bool) -> dict[str, str]:
    """Return the calls that read a CSV file, in which they skip the row of HXL tags by its number.

    As a comment, it would make comments of all lines with #.
    """
    columns = file.schema.fields
    texts = [json.dumps(each.name, ensure_ascii=False) for each in columns if each.type not in _DUCKDB_TYPES]
    types = [f"{DuckDB.literal(each.name)}: '{_DUCKDB_TYPES.get(each.type, 'VARCHAR')}'" for each in columns]
    r_types = ['.default = "?"', *(f'{name} = "c"' for name in texts)]
    has_date = any(each.name == "reporting_date" for each in columns)
    return {
        "pandas": _call(
            "pandas.read_csv",
            f'"{file.path}"',
            'keep_default_na=False, na_values=[""]',
            "skiprows=[1]" if has_hxl_row else "",
            'parse_dates=["reporting_date"]' if has_date else "",
            f"dtype={{\n{_in_lines(f'{name}: str' for name in texts)}\n    }}" if texts else "",
        ),
        "duckdb": _call(
            "read_csv",
            f"'{file.path}'",
            """auto_detect = false, delim = ',', quote = '"', escape = '"'""",
            "skip = 2, header = false" if has_hxl_row else "header = true",
            f"columns = {{\n{_in_lines(types)}\n    }}",
        ),
        "r": _call(
            "readr::read_csv",
            f'"{file.path}"',
            'na = ""',
            f'skip = 2, col_names = names(readr::read_csv("{file.path}", n_max = 0))' if has_hxl_row else "",
            f"col_types = readr::cols(\n{_in_lines(r_types)}\n    )",
        ),
    }


def _call(function: str, *options: str) -> str:
    lines = ",\n".join(f"    {option}" for option in options if option)
    return f"{function}(\n{lines}\n)"


def _in_lines(items: Iterable[str]) -> str:
    """Return items with commas between them, in indented lines of a limited width."""
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + len(item) + 10 <= _WIDTH:
            lines[-1] += f", {item}"
        else:
            lines.append(item)
    return ",\n".join(f"        {line}" for line in lines)


def _excel(path: str) -> str:
    if path.endswith(".parquet"):
        return "Data > Get Data > From File > From Parquet; older versions read CSV only."
    unpack = " (unpack it first)" if path.endswith(".gz") else ""
    return (
        f"Data > From Text/CSV, choose {path}{unpack}, file origin 65001 (UTF-8), and set the code columns to "
        "Text. A double click may damage names with accents and codes with zeros. More than 1,048,575 rows do not fit. "
        "Cells that begin with =, +, - or @ are written as published, and a spreadsheet may run them as formulas: set "
        "these columns to Text as well."
    )
