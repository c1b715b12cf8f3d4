"""``target-datapackage datasette``: writes a package as a SQLite database for Datasette, with descriptions."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from frictionless_dtm.descriptor.package import DESCRIPTOR
from frictionless_dtm.descriptor.reading import Descriptor, Entry
from frictionless_dtm.descriptor.table_schema import PREFIX
from frictionless_dtm.extra import require
from tap_dtm.errors import DtmError
from tap_dtm.redaction import shown
from tap_dtm.views.package import check_hash, reader, resources_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from duckdb import DuckDBPyConnection

_TYPES: Final = {"integer": "INTEGER", "number": "REAL", "boolean": "INTEGER"}
"""SQLite's types by those of the Table Schema. Every other type is text."""
_ROWS: Final = 10_000  # at a time


@click.command(
    name="datasette",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Write the data package in the folder PATH into the SQLite file DATABASE, and the descriptions of its tables "
    "and columns into a JSON file next to it. Existing files are replaced.",
)
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("database", type=click.Path(dir_okay=False, path_type=Path))
def datasette(path: Path, database: Path) -> None:  # noqa: D103
    try:
        require("duckdb")
        metadata = write_database(path, database)
    except (DtmError, OSError) as error:
        raise click.ClickException(shown(error)) from error
    click.echo(shown(f"Written: {database} and {metadata}. Look at them: datasette {database} --metadata {metadata}"))


def write_database(folder: Path, database: Path) -> Path:
    """Write each table of a package once, with its key and its references. Return the file of descriptions.

    Raises:
        DtmError: The folder has no data package, a file was changed, or the database has another suffix.
    """
    if database.suffix != ".db":  # Datasette shows the database under this name, without the suffix
        raise DtmError(f"The name of the database is {database.name}: choose a name that ends with .db.")
    tables = resources_of(folder)
    for resource in tables.values():
        check_hash(folder, resource)
    descriptor = json.loads((folder / DESCRIPTOR).read_text("utf-8"))
    metadata = {"databases": {database.stem: _metadata(descriptor, tables)}}
    target = database.with_name(f"{database.stem}-metadata.json")
    with tempfile.TemporaryDirectory(prefix=f".{database.name}.", dir=database.parent) as scratch:
        draft, descriptions = Path(scratch, database.name), Path(scratch, target.name)
        _fill(draft, folder, tables)
        descriptions.write_text(json.dumps(metadata, ensure_ascii=False, indent=2) + "\n", "utf-8")
        draft.replace(database)
        descriptions.replace(target)
    return target


def _fill(database: Path, folder: Path, tables: Mapping[str, Mapping[str, Any]]) -> None:
    import duckdb  # noqa: PLC0415  slow to load

    try:
        with closing(sqlite3.connect(database)) as connection, duckdb.connect(config={"threads": 2}) as files:
            for name, resource in tables.items():
                connection.execute(_definition(name, resource["schema"]))
                places = ", ".join("?" * len(resource["schema"]["fields"]))
                connection.executemany(f"INSERT INTO {_quoted(name)} VALUES ({places})", _rows(files, folder, resource))  # noqa: S608
            connection.commit()
    except (duckdb.Error, sqlite3.Error) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise DtmError(f"The data package cannot be written into {database.name}: {reason}.") from error


def _rows(files: DuckDBPyConnection, folder: Path, resource: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    answer = files.execute(f"FROM {reader(folder, resource)}")
    while rows := answer.fetchmany(_ROWS):
        for row in rows:
            yield [value.isoformat() if isinstance(value, dt.date) else value for value in row]


def _definition(name: str, schema: Mapping[str, Any]) -> str:
    """Return the statement that creates a table. Datasette shows foreign keys as links."""
    parts = [f"{_quoted(field['name'])} {_TYPES.get(field['type'], 'TEXT')}" for field in schema["fields"]]
    if key := schema.get("primaryKey"):
        parts.append(f"PRIMARY KEY ({_quoted(*key)})")
    for key in schema.get("foreignKeys", ()):
        reference = key["reference"]
        parts.append(
            f"FOREIGN KEY ({_quoted(*key['fields'])}) REFERENCES {_quoted(reference['resource'])}"
            f" ({_quoted(*reference['fields'])})"
        )
    return f"CREATE TABLE {_quoted(name)} ({', '.join(parts)})"


def _quoted(*names: str) -> str:
    return ", ".join('"' + name.replace('"', '""') + '"' for name in names)


def _metadata(descriptor: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return Datasette's metadata of the database, its tables and their columns."""
    package = msgspec.convert(descriptor, Descriptor)
    source, terms = (next(iter(entries), Entry()) for entries in (package.sources, package.licenses))
    return {
        "title": package.title,
        "description": package.description,
        "license": terms.title,
        "license_url": terms.path,
        "source": package.credit_line or source.title,
        "source_url": source.path,
        "tables": {name: _table_metadata(resource) for name, resource in tables.items()},
    }


def _table_metadata(resource: Mapping[str, Any]) -> dict[str, Any]:
    warnings = [warning["text"] for warning in resource.get(f"{PREFIX}usageWarnings", ())]
    fields = resource["schema"]["fields"]
    return {
        "title": resource.get("title", ""),
        "description": " ".join(filter(None, [resource.get("description"), *warnings])),
        "columns": {field["name"]: field.get("description") or field.get("title") or "" for field in fields},
    }
