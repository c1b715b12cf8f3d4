"""Packages for the tests of the pages: sandbox worlds as `Contents`, without a target in between."""

from __future__ import annotations

import datetime as dt
import hashlib
import tempfile
from itertools import chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from frictionless_dtm.descriptor.contents import Contents, RoundChange
from frictionless_dtm.descriptor.package import Content, DataFile, describe_package
from frictionless_dtm.descriptor.settings import Settings
from frictionless_dtm.descriptor.shape import shape_of
from frictionless_dtm.target.texts import csv_row

from tap_dtm.api.rows import as_dict
from tap_dtm.exact.rounds import canonical
from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.singer_schema import singer_schema
from tap_dtm.sandbox import invent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tap_dtm.sandbox import World

Row = dict[str, Any]
Version = Literal["v2", "v3"]
_FOLDER = tempfile.TemporaryDirectory()
CREATED = dt.datetime(2024, 11, 15, 6, 0, tzinfo=dt.timezone.utc)


def small_world() -> World:
    """Return the world with all the oddities that the sandbox has."""
    return invent(1, 6)


def tables_of(world: World, version: Version = "v3") -> dict[str, list[Row]]:
    """Return the rows of every stream, as the target has them."""
    tables: dict[str, list[Row]] = {
        "countries": [_named("countries", row, version) for row in world.country_list()],
        "operations": [_named("operations", row, version) for row in world.operation_list()],
    }
    levels: tuple[Literal[0, 1, 2], ...] = (0, 1, 2)
    for level in levels:
        name = f"idp_admin{level}"
        rows = [_named(name, row, version) for row in world.rows(level, version)]
        tables[name] = list(_numbered(rows))
    return tables


def contents_of(
    tables: Mapping[str, Sequence[Row]],
    *,
    version: Version = "v3",
    permission: str | None = None,
    hxl: bool = False,
    folder: Path | None = None,
    changes: tuple[RoundChange, ...] | None = None,
    history: tuple[str, ...] = (),
) -> Contents:
    """Return the contents of a package of these rows, whose CSV files are in the folder, or in one of their own."""
    scratch = Path(tempfile.mkdtemp(dir=_FOLDER.name))
    folder = folder or scratch
    catalogue = load_catalogue()
    settings = Settings(Path("package"), include_hxl_row=hxl, permission=permission)
    contents = []
    for name, rows in tables.items():
        resource = catalogue.resources.get(name)
        schema = singer_schema(resource, version) if resource else _guess(rows[0])
        shape = shape_of(name, schema, resource.key if resource else ())
        path = f"data/{name}.csv"
        written = _write(folder / path, rows, shape.names, hxl=hxl and resource is not None)
        contents.append(Content(name, shape, len(rows), (DataFile(path, "csv", *written),), resource))
    descriptor = describe_package(
        catalogue.package if set(tables) & set(catalogue.resources) else None,
        contents,
        settings,
        api_version=version,
        coverage=None,
        created=CREATED,
        version="1.2.0",
    )
    return Contents(descriptor, folder, scratch, changes, history)


def world_contents(world: World | None = None, version: Version = "v3", **options: Any) -> Contents:
    """Return the package of a world."""
    return contents_of(tables_of(world or small_world(), version), version=version, **options)


def _named(stream: str, row: dict[str, Any], version: Version) -> Row:
    fields = load_catalogue().resources[stream].fields_for(version)
    values = {field.name: row.get(field.api_name) if field.api_name else None for field in fields}
    del values["_sdc_deleted_at"]
    if "reporting_date" in values:
        values["reporting_date"] = str(values["reporting_date"])[:10]
    return values


def _numbered(rows: list[Row]) -> Iterator[Row]:
    def operation(row: Row) -> tuple[str, str]:
        return row["admin0_pcode"], row["operation"]

    for _, group in groupby(sorted(rows, key=operation), operation):
        same = list(group)
        form = msgspec.defstruct("Row", list(same[0]))
        structs: list[Any] = [form(**each) for each in same]
        for number, row in enumerate(canonical(structs), start=1):
            yield as_dict(row) | {"row_number": number}


def _guess(row: Row) -> dict[str, Any]:
    kinds = {int: "integer", float: "number", bool: "boolean"}
    return {"properties": {name: {"type": kinds.get(type(value), "string")} for name, value in row.items()}}


def _write(path: Path, rows: Sequence[Row], names: tuple[str, ...], *, hxl: bool) -> tuple[int, str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = load_catalogue().fields
    tags = [[fields[name].hxl for name in names]] if hxl else []
    lines = [names, *tags, *([row[name] for name in names] for row in rows)]
    path.write_bytes("".join(chain.from_iterable(map(csv_row, lines))).encode())
    content = path.read_bytes()
    return len(content), hashlib.sha256(content).hexdigest()
