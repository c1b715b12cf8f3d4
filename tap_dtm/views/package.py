"""The tables of a data package as tables of DuckDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from pathlib import Path

    from tap_dtm.views.warehouse import Warehouse


def tables_from_package(warehouse: Warehouse, folder: Path) -> str:
    """Return the statements that load the Parquet files of a data package, in place of what the tables held before.

    Raises:
        DtmError: A table has no Parquet file.
    """
    dialect = warehouse.dialect
    statements = [f'CREATE SCHEMA IF NOT EXISTS "{dialect.schema}";']
    for table in warehouse.tables:
        path = folder.resolve() / "data" / f"{table.name}.parquet"
        if not path.is_file():
            raise DtmError(
                f"The data package in {folder} has no data/{table.name}.parquet: write it with "
                '"formats": ["parquet"], and name the levels that it has with --level.'
            )
        statements.append(
            # A package holds no deleted rows; the views ask for the column.
            f"CREATE OR REPLACE TABLE {dialect.relation(table.name)} AS\n"
            f"SELECT *, CAST(NULL AS TIMESTAMP) AS _sdc_deleted_at FROM READ_PARQUET({dialect.literal(str(path))});"
        )
    return "\n".join(statements) + "\n"
