"""The rows of ``dtm://`` addresses. A reading requests each table once, with the tap's client and checks."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from frictionless_dtm.source.address import PLACES, Filters
from tap_dtm.api.client import DtmClient
from tap_dtm.api.records import RecordBuilder
from tap_dtm.api.rows import as_dict
from tap_dtm.errors import DtmAccessError, DtmError, DtmUnknownError
from tap_dtm.settings import KEY_VARIABLE, Settings, key_of_environment

if TYPE_CHECKING:
    from frictionless_dtm.source.address import Address

_PATIENCE = 60.0  # seconds until a failed table is requested again
# The names are those that Meltano uses for the tap.
_VARIABLE_PREFIX = "TAP_DTM_"
_VARIABLES = ("api_url", "request_timeout", "answer_budget_mb", "max_retries", "user_agent")


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
