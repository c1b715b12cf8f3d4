"""How to load a table, in several languages; the tests run what can be run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from frictionless_dtm.quality.streams import level_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


def sample_file(files: Sequence[File]) -> File | None:
    """Return the table to show: displacement by the finest of the first two levels, else the first table."""
    by_name = {file.name: file for file in files}
    for name in ("idp_admin1", "idp_admin0", "idp_admin2"):
        if name in by_name:
            return by_name[name]
    return files[0] if files else None


def snippets(file: File, resource: Mapping[str, Any]) -> dict[str, str]:
    """Return the examples for one table, by language."""
    is_dtm = level_of(file.name, [column.name for column in file.columns]) is not None
    if file.path.endswith(".parquet"):
        pandas, source = f'pandas.read_parquet("{file.path}")', f"'{file.path}'"
        read_r = f'arrow::read_parquet("{file.path}")'
    else:
        pandas, source, read_r = _csv(file, has_hxl_row=_has_hxl_row(resource))
    if not is_dtm:
        return {
            "pandas": f"import pandas\n\ntable = {pandas}\nprint(table)",
            "duckdb": f"FROM {source} LIMIT 10;",
            "r": f"table <- {read_r}",
            "excel": _excel(file),
        }
    return {
        "pandas": f"import pandas\n\nidps = {pandas}\n{_NEWEST}",
        "duckdb": _NEWEST_SQL.replace("{source}", source),
        "r": f"library(dplyr)\n\nidps <- {read_r}\n{_NEWEST_R}",
        "excel": _excel(file),
    }


def _csv(file: File, *, has_hxl_row: bool) -> tuple[str, str, str]:
    """Return how to read a CSV file, by language.

    The row of HXL tags is skipped by its number: as a comment, it would make every # in the data one.
    """
    names = [column.name for column in file.columns]
    options = ['keep_default_na=False, na_values=[""]']
    if "reporting_date" in names:
        options.append('parse_dates=["reporting_date"]')
    source, read_r = f"read_csv('{file.path}')", f'readr::read_csv("{file.path}", na = "")'
    if has_hxl_row:
        options.append("skiprows=[1]")
        listed = ", ".join(f"'{name}'" for name in names)
        source = f"read_csv('{file.path}', skip = 2, header = false, names = [{listed}])"
        read_r = (
            f'readr::read_csv("{file.path}", na = "", skip = 2,\n'
            f'  col_names = names(readr::read_csv("{file.path}", n_max = 0)))'
        )
    return f'pandas.read_csv("{file.path}", {", ".join(options)})', source, read_r


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
        f"Data > From Text/CSV, choose `{file.path}`{unpack}, file origin 65001 (UTF-8), and set the code columns to "
        "Text. A double click may damage names with accents and codes with zeros. More than 1,048,575 rows do not fit."
    )
