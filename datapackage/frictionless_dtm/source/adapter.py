"""Packages of ``dtm://``: the tables of a country or an operation, with their foreign keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from frictionless import Adapter, Package
from typing_extensions import override

from frictionless_dtm.descriptor.invented import as_invented
from frictionless_dtm.descriptor.package import provenance, usage_warnings
from frictionless_dtm.descriptor.table_schema import PREFIX
from frictionless_dtm.source.address import parse
from frictionless_dtm.source.parser import FORMAT, failure, schema_of
from tap_dtm.errors import DtmError
from tap_dtm.metadata import load_catalogue

if TYPE_CHECKING:
    from frictionless_dtm.source.address import Address


class DtmAdapter(Adapter):
    """Describes a package without a request to the API."""

    def __init__(self, address: Address) -> None:  # noqa: D107
        self._address = address

    @override
    def read_package(self) -> Package:
        return Package.from_descriptor(descriptor(self._address))


def create_adapter(source: str, *, packagify: bool) -> DtmAdapter | None:
    """Return the reader of a package; None for the address of a single table, unless ``packagify`` is set."""
    try:
        address = parse(source)
    except DtmError as error:
        raise failure(error) from error
    return DtmAdapter(address) if address.table is None or packagify else None


def descriptor(address: Address) -> dict[str, Any]:
    """Return the descriptor of a package: its source, terms and tables."""
    package = load_catalogue().package
    if address.sandbox is not None:
        package = as_invented(package)
    described = {
        "name": package.name,
        "title": package.title,
        "description": package.description,
        "resources": [_table(table, foreign_keys=address.table is None) for table in address.tables],
    }
    return described if address.sandbox is not None else described | provenance(package, address.api_version)


def _table(address: Address, *, foreign_keys: bool) -> dict[str, Any]:
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
