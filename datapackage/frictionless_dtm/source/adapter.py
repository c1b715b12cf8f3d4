"""Packages of ``dtm://``: the tables of a country or an operation, with their foreign keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from frictionless import Adapter, Package
from typing_extensions import override

from frictionless_dtm.descriptor.invented import as_invented
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
        """Return the package. Its tables are read when they are opened."""
        return Package.from_descriptor(descriptor(self._address))


def create_adapter(source: str, *, packagify: bool) -> DtmAdapter | None:
    """Return the reader of a package; None for the address of a single table, unless ``packagify`` is set.

    Raises:
        FrictionlessException: The address is wrong.
    """
    try:
        address = parse(source)
    except DtmError as error:
        raise failure(error) from error
    return DtmAdapter(address) if address.table is None or packagify else None


def descriptor(address: Address) -> dict[str, Any]:
    """Return the descriptor of a package: its source, terms and tables."""
    is_sandbox = address.sandbox is not None
    package = as_invented(load_catalogue().package) if is_sandbox else load_catalogue().package
    terms = package.license
    described: dict[str, Any] = {
        "name": package.name,
        "title": package.title,
        "description": package.description,
        "resources": [_table(table, foreign_keys=address.table is None) for table in address.tables],
    }
    if is_sandbox:
        return described
    return described | {
        "homepage": package.homepage,
        "keywords": list(package.keywords),
        "licenses": [{"name": terms.name, "title": terms.title, "path": terms.url}],
        "sources": [{"title": package.source.title, "path": package.source.url, "version": address.api_version}],
        "contributors": [
            {"title": who.title, "path": who.url, "roles": list(who.roles)} for who in package.contributors
        ],
        f"{PREFIX}terms": list(terms.terms),
        f"{PREFIX}creditLine": package.credit_line,
    }


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
        f"{PREFIX}usageWarnings": [
            {"code": warning.code, "text": warning.text}
            for warning in resource.warnings
            if warning.code != "deleted_rows_stay"  # these tables have no withdrawn rows
        ],
    }
