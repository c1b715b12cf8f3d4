"""The tables of a data package in DuckDB: each file is read as the package's descriptor describes it."""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from tap_dtm.errors import DtmError
from tap_dtm.views.dialects import DuckDB
from tap_dtm.views.preferences import Preference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from tap_dtm.views.warehouse import Warehouse

TYPES: Final = {"integer": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN", "date": "DATE"}
"""By type in the Table Schema. All other types are text in the files."""

_DELETED_AT: Final = "_sdc_deleted_at"
PREFERRED: Final = "dtm:preferredOperations"
"""The property of a descriptor that lists the preferred operations."""

_LONGEST_ROW: Final = 32_000_000  # bytes, for which DuckDB reserves memory
_PATTERN: Final = re.compile(r"[*?[]")  # DuckDB reads a path with one of these as a pattern
_UNREADABLE: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]|\\.*[*?[]|[*?[].*\\", re.DOTALL)


def tables_from_package(warehouse: Warehouse, folder: Path) -> str:
    """Return the statements that load the tables of a data package, and replace what the tables held before.

    Raises:
        DtmError: A table is missing, a file has another hash than in the descriptor, or SQL cannot name the folder.
    """
    resources = resources_of(folder)
    statements = [f'CREATE SCHEMA IF NOT EXISTS "{warehouse.dialect.schema}";']
    for table in warehouse.tables:
        resource = resources.get(table.name)
        if resource is None:
            remedies = ["write it with that stream"]
            remedies += ["omit --pcodes"] if table.source else []
            remedies += ["omit --history"] if table.keeps_the_past else []
            remedies += ["name the levels that the package has with --level"] if table.level is not None else []
            raise DtmError(f"The data package in {folder} has no table {table.name}: {', or '.join(remedies)}.")
        check_hash(folder, resource)
        # Times are texts in the files. A package has no deleted rows, but the views need the column.
        times = [field.name for field in table.fields if field.type == "datetime" and field.name != _DELETED_AT]
        columns = "*" if not times else f"* REPLACE ({', '.join(f'CAST({x} AS TIMESTAMP) AS {x}' for x in times)})"
        if _DELETED_AT in table.marks:
            columns += f", CAST(NULL AS TIMESTAMP) AS {_DELETED_AT}"
        statements.append(
            f"CREATE OR REPLACE TABLE {warehouse.dialect.relation(table.name)} AS\n"
            f"SELECT {columns}\nFROM {reader(folder, resource)};"
        )
    return "\n".join(statements) + "\n"


def reader(folder: Path, resource: Mapping[str, Any]) -> str:
    """Return what reads the file of a resource in a query of DuckDB, with the declared types and without a guess.

    Raises:
        DtmError: SQL cannot name the folder.
    """
    path = DuckDB.literal(_taken_literally((folder.resolve() / str(resource["path"])).as_posix()))
    if resource.get("format") == "parquet":
        return f"READ_PARQUET({path}, hive_partitioning = FALSE)"
    columns = ", ".join(
        f"{DuckDB.literal(field['name'])}: '{TYPES.get(field.get('type'), 'VARCHAR')}'"
        for field in resource["schema"]["fields"]
    )
    # The row of HXL tags follows the header. Threads would split a text that has several lines.
    skip = 1 + len((resource.get("dialect") or {}).get("commentRows") or ())
    return (
        f"READ_CSV({path}, auto_detect = FALSE, delim = ',', quote = '\"', escape = '\"', header = FALSE, "
        f"skip = {skip}, nullstr = '', parallel = FALSE, hive_partitioning = FALSE, "
        f"max_line_size = {_LONGEST_ROW}, buffer_size = {_LONGEST_ROW},\n  columns = {{{columns}}})"
    )


def preferences_in(folder: Path) -> tuple[Preference, ...] | None:
    """Return the operations that a data package prefers; None if it names none.

    Raises:
        DtmError: The folder is not a data package.
    """
    with _reading(folder) as descriptor:
        return preferences_of(descriptor) or None


def preferences_of(descriptor: Mapping[str, Any]) -> tuple[Preference, ...]:
    """Return the operations that a descriptor prefers."""
    return tuple(Preference(**each) for each in descriptor.get(PREFERRED, ()))


def resources_of(folder: Path) -> dict[str, Mapping[str, Any]]:
    """Return the resource of each table of a data package by the name of the table, Parquet rather than CSV.

    Raises:
        DtmError: The folder is not a data package.
    """
    with _reading(folder) as descriptor:
        found: Iterable[Mapping[str, Any]] = descriptor["resources"]
        by_format = sorted(found, key=lambda each: each["format"] != "parquet")
        return {each.get("dtm:sameDataAs") or each["name"]: each for each in reversed(by_format)}


@contextmanager
def _reading(folder: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the descriptor of a data package.

    Raises:
        DtmError: The folder has none, or one that another program wrote.
    """
    try:
        yield json.loads((folder / "datapackage.json").read_text("utf-8"))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise DtmError(
            f"{folder / 'datapackage.json'} cannot be read as the descriptor of a data package: name the folder that "
            "target-datapackage wrote."
        ) from error


def check_hash(folder: Path, resource: Mapping[str, Any]) -> None:
    """Check the hash of a file, because DuckDB reads some damaged files without an error.

    Raises:
        DtmError: The file is missing, or has another hash than in the descriptor.
    """
    path = folder / str(resource["path"])
    try:
        with path.open("rb") as file:
            found = hashlib.sha256()
            while chunk := file.read(1024 * 1024):
                found.update(chunk)
    except OSError as error:
        raise DtmError(f"{path} cannot be read: {error.strerror}.") from error
    if resource.get("hash") != f"sha256:{found.hexdigest()}":
        raise DtmError(
            f"{path} is not the file that datapackage.json describes: its hash differs. Write the package again."
        )


def _taken_literally(path: str) -> str:
    """Return a path as a pattern of DuckDB that matches only this path. Folders called ``name=value`` mean nothing.

    Raises:
        DtmError: There is no such pattern.
    """
    if _UNREADABLE.search(path):
        raise DtmError(
            f"DuckDB cannot read the path {path!a}. It has a control character, bytes that are not UTF-8, or a "
            "backslash and one of * ? [. Give the folder another name."
        )
    return _PATTERN.sub(r"[\g<0>]", path)
