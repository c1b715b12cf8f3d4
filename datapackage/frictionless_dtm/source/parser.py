"""Reads tables of ``dtm://``, and packages of them with their foreign keys, for frictionless."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from frictionless import Adapter, FrictionlessException, Package, Parser, Schema
from frictionless.errors import SchemeError
from typing_extensions import override

from frictionless_dtm.descriptor.package import provenance, usage_warnings
from frictionless_dtm.descriptor.profile import as_invented
from frictionless_dtm.descriptor.table_schema import PREFIX, table_schema
from frictionless_dtm.source.address import Address, parse
from frictionless_dtm.source.reading import Reading
from tap_dtm.errors import DtmError
from tap_dtm.metadata import load_catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import ClassVar, NoReturn

    from frictionless import Resource
    from frictionless.resources import TableResource

FORMAT = "dtm"


class DtmParser(Parser):
    """Yields the rows of a table as the API publishes them, with the column names of the streams."""

    supported_types: ClassVar[list[str]] = ["date", "integer", "string"]

    @override
    def read_cell_stream_create(self) -> Iterator[list[Any]]:
        """Yield the header, then the rows."""
        address = address_of(self.resource)
        try:
            rows = _reading(self.resource.package or self.resource).rows(address)
        except DtmError as error:
            raise failure(error) from error
        names = [field["name"] for field in schema_of(address)["fields"]]
        yield names
        digest = hashlib.sha256()
        for row in rows:
            cells = [row[name] for name in names]
            digest.update(json.dumps(cells, ensure_ascii=False).encode())
            yield cells
        # There is no file to hash. This hash changes if DTM publishes other rows or another order.
        self.resource.stats.sha256 = digest.hexdigest()

    @override
    def write_row_stream(self, source: TableResource) -> NoReturn:
        raise failure(DtmError("Cannot write to dtm://, which is read-only."))


def complete(resource: Resource) -> None:
    """Set the format of a table, and its name and schema unless the user gave them."""
    address = address_of(resource)
    resource.format = FORMAT
    resource.datatype = "table"
    # The user's values: frictionless derives a public name from the address, and a schema may be a path.
    name, schema = resource._name, resource._schema  # noqa: SLF001
    if not name:
        resource.name = address.resource.name
    if schema is None or (isinstance(schema, Schema) and not schema.fields):
        resource.schema = Schema.from_descriptor(schema_of(address))
        resource.add_defined("schema")


def schema_of(address: Address, *, foreign_keys: bool = False) -> dict[str, Any]:
    """Return the Table Schema of a table, without the columns that the tap adds.

    So the figures have no primary key, because it needs one of these columns. DTM publishes no other key, and some rows
    are equal in every column.
    """
    resource = address.resource
    added = {field.name for field in resource.fields if field.api_name is None}
    return table_schema(resource, address.api_version, leave_out=added, foreign_keys=foreign_keys)


def address_of(resource: Resource) -> Address:
    """Return the address that a table is read from."""
    try:
        address = parse(resource.path or "")
    except DtmError as error:
        raise failure(error) from error
    if address.table is None:
        raise failure(
            DtmError(f"{resource.path} is a package of tables. For one table, write for example dtm://v3/admin1.")
        )
    return address


def failure(error: DtmError) -> FrictionlessException:
    """Return the exception that frictionless reports as one sentence, without a traceback."""
    return FrictionlessException(SchemeError(note=str(error)))


def _reading(owner: object) -> Reading:
    """Return the one reading of a package or a single table. It lives as long as its owner.

    For foreign keys, frictionless reads copies of the referenced tables. All copies belong to the same package.
    """
    reading: Reading = vars(owner).setdefault("_dtm_reading", Reading())
    return reading


@dataclass
class DtmAdapter(Adapter):
    """Describes a package without a request to the API."""

    address: Address

    @override
    def read_package(self) -> Package:
        return Package.from_descriptor(_descriptor(self.address))


def create_adapter(source: str, *, packagify: bool) -> DtmAdapter | None:
    """Return the reader of a package; None for the address of a single table, unless ``packagify`` is set."""
    try:
        address = parse(source)
    except DtmError as error:
        raise failure(error) from error
    return DtmAdapter(address) if address.table is None or packagify else None


def _descriptor(address: Address) -> dict[str, Any]:
    """Return the descriptor of a package: its source, terms and tables."""
    package = load_catalogue().package
    if address.sandbox is not None:
        package = as_invented(package)
    described = {
        "name": package.name,
        "title": package.title,
        "description": package.description,
        "resources": [_described(table, foreign_keys=address.table is None) for table in address.tables],
    }
    return described if address.sandbox is not None else described | provenance(package, address.api_version)


def _described(address: Address, *, foreign_keys: bool) -> dict[str, Any]:
    resource = address.resource
    return {
        "name": resource.name,
        "type": "table",
        "path": str(address),
        "scheme": "dtm",
        "format": FORMAT,
        "title": resource.title,
        "description": resource.description,
        f"{PREFIX}grain": resource.grain,
        "schema": schema_of(address, foreign_keys=foreign_keys),
        f"{PREFIX}usageWarnings": usage_warnings(resource),
    }
