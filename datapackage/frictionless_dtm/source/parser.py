"""Reads tables of ``dtm://``, and packages of them with their foreign keys, for frictionless.

A reading requests each table once, with the tap's client and checks.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from frictionless import Adapter, FrictionlessException, Package, Parser, Schema
from frictionless.errors import SchemeError
from typing_extensions import override

from frictionless_dtm.descriptor.package import provenance, usage_warnings
from frictionless_dtm.descriptor.profile import as_invented
from frictionless_dtm.descriptor.table_schema import PREFIX, table_schema
from frictionless_dtm.source.address import PLACES, Address, Filters, parse
from tap_dtm.api.client import DtmClient
from tap_dtm.api.records import RecordBuilder
from tap_dtm.api.rows import as_dict
from tap_dtm.errors import DtmAccessError, DtmError, DtmUnknownError
from tap_dtm.metadata import load_catalogue
from tap_dtm.settings import KEY_VARIABLE, Settings, key_of_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import ClassVar, NoReturn

    from frictionless import Resource
    from frictionless.resources import TableResource

FORMAT = "dtm"
_PATIENCE = 60.0  # seconds until a failed table is requested again
# The names are those that Meltano uses for the tap.
_VARIABLE_PREFIX = "TAP_DTM_"
_VARIABLES = ("api_url", "request_timeout", "answer_budget_mb", "max_retries", "user_agent")


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


class Reading:
    """Keeps tables as they were at the first request, so that foreign keys are checked against the rows that were read.

    A new reading requests them again. Nothing is kept on disk.
    """

    def __init__(self) -> None:  # noqa: D107
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._failed: dict[str, tuple[float, DtmError]] = {}
        self._clients: dict[str, DtmClient] = {}

    def rows(self, address: Address) -> list[dict[str, Any]]:
        """Return the rows of a table, in the order in which the API publishes them."""
        name = str(address)
        if name not in self._rows:
            since, failure = self._failed.get(name, (0.0, None))
            # Each foreign key reads its table. A table that has just failed after all retries is not requested again.
            if failure and time.monotonic() - since < _PATIENCE:
                raise failure
            try:
                self._rows[name] = self._read(address)
            except DtmError as error:
                self._failed[name] = (time.monotonic(), error)
                raise
        return self._rows[name]

    def _read(self, address: Address) -> list[dict[str, Any]]:
        resource = address.resource
        path = resource.endpoints[address.api_version]
        builder = RecordBuilder(resource, address.api_version)
        if resource.level is None:
            # The lists have no parameters, so all filters of a list share one answer.
            if address.filters.values:
                return address.filters.keep(self.rows(replace(address, filters=Filters())))
            answer = self._client(address).get(path)
            if not answer.rows:
                raise DtmError(f"{path} answers with an empty list ({answer.message or 'no reason given'}).")
            return list(map(as_dict, builder.build(answer.rows)))
        try:
            answer = self._client(address).get(path, address.filters.params, builder.published)
        except DtmUnknownError:
            if resource.level and self._is_listed(address):
                return []
            raise
        return address.filters.keep(map(as_dict, builder.build(answer.rows, address.filters.values.get("country"))))

    def _is_listed(self, address: Address) -> bool:
        """Return whether DTM lists the operation. A level may not know an operation that has no areas there."""
        if any(name.startswith("admin") for name in address.filters.values):
            return False
        places = address.filters.only(PLACES)
        return bool(self.rows(replace(address, table="operations", filters=places)))

    def _client(self, address: Address) -> DtmClient:
        api = str(replace(address, table=None, filters=Filters()))
        if api not in self._clients:
            self._clients[api] = DtmClient(_settings(address))
        return self._clients[api]


def _settings(address: Address) -> Settings:
    config: dict[str, Any] = {"api_version": address.api_version}
    for name in _VARIABLES:
        if value := os.environ.get(_VARIABLE_PREFIX + name.upper()):
            config[name] = value
    if address.sandbox is not None:
        config["api_url"] = f"sandbox://?{urlencode(address.sandbox)}"
    elif str(config.get("api_url")).startswith("sandbox:"):
        # The descriptor would name IOM as the source of invented data.
        raise DtmError(f"{_VARIABLE_PREFIX}API_URL is the sandbox. For invented data, write dtm://sandbox/... instead.")
    elif not key_of_environment():
        raise DtmAccessError(
            "No subscription key for the DTM API. Register at https://dtm-apim-portal.iom.int, and put the key into "
            f"the environment variable {KEY_VARIABLE}. For invented data, write dtm://sandbox/... instead."
        )
    settings = Settings.from_config(config)
    if settings.is_sandbox:
        from tap_dtm.sandbox import in_sandbox  # noqa: PLC0415  only loaded for invented data

        return in_sandbox(settings)
    return settings
