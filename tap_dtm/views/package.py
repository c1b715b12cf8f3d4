"""The tables of a data package as tables of DuckDB."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from pathlib import Path

    from tap_dtm.views.warehouse import Warehouse

_PATTERN: Final = re.compile(r"[*?[]")  # DuckDB reads a path with one of these as a pattern
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def tables_from_package(warehouse: Warehouse, folder: Path) -> str:
    """Return the statements that load the Parquet files of a data package, in place of what the tables held before.

    Raises:
        DtmError: A table has no Parquet file, or no SQL can name the folder.
    """
    dialect = warehouse.dialect
    data = (folder.resolve() / "data").as_posix()
    if _UNPRINTABLE.search(data):
        raise DtmError(
            f"The path {data!a} has a control character, or bytes that are not UTF-8, and a SQL script cannot "
            "name it: give the folder another name."
        )
    if "\\" in data and _PATTERN.search(data):
        raise DtmError(
            f"The path {data} has a back-slash and one of * ? [, and DuckDB cannot read both in one path: give the "
            "folder another name."
        )
    statements = [f'CREATE SCHEMA IF NOT EXISTS "{dialect.schema}";']
    for table in warehouse.tables:
        if not (folder / "data" / f"{table.name}.parquet").is_file():
            raise DtmError(
                f"The data package in {folder} has no data/{table.name}.parquet: write it with "
                '"formats": ["parquet"], and name the levels that it has with --level.'
            )
        path = dialect.literal(_taken_literally(f"{data}/{table.name}.parquet"))
        statements.append(
            # A package holds no deleted rows, but the views need the column.
            f"CREATE OR REPLACE TABLE {dialect.relation(table.name)} AS\n"
            "SELECT *, CAST(NULL AS TIMESTAMP) AS _sdc_deleted_at\n"
            f"FROM READ_PARQUET({path}, hive_partitioning = FALSE);"
        )
    return "\n".join(statements) + "\n"


def _taken_literally(path: str) -> str:
    """Return a path as a pattern of DuckDB that fits this path alone. Folders called ``name=value`` mean nothing."""
    return _PATTERN.sub(r"[\g<0>]", path)
