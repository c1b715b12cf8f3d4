"""The API without the network: from a request and a publication to an answer.

What is unknown about the API is an option, so that nobody mistakes a guess for a fact.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from tap_dtm.metadata.model import LEVELS, ApiVersion, Level
from tap_dtm.sandbox import pcodes
from tap_dtm.sandbox.model import Cell
from tap_dtm.sandbox.world import Row, spell

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from tap_dtm.sandbox.model import Country, Operation
    from tap_dtm.sandbox.world import Edition, Line

KEY_HEADER: Final = "ocp-apim-subscription-key"
KEY_PARAMETER: Final = "subscription-key"

ADMIN_PATHS: Final[dict[str, tuple[Level, ApiVersion]]] = {
    **{f"/v3/displacement/admin{level}": (level, "v3") for level in LEVELS},
    **{f"/v2/idpadmin{level}data": (level, "v2") for level in LEVELS},
}
COUNTRY_PATHS: Final = ("/v3/displacement/country-list", "/v2/countrylist")
OPERATION_PATHS: Final = ("/v3/displacement/operation-list", "/v2/operationlist")
PATHS: Final = (*ADMIN_PATHS, *COUNTRY_PATHS, *OPERATION_PATHS)

FIREWALL_PAGE: Final = (
    "<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body>\r\n<center><h1>403 Forbidden</h1></center>\r\n"
    "<hr><center>Microsoft-Azure-Application-Gateway/v2</center>\r\n</body>\r\n</html>\r\n"
)


@dataclass(frozen=True)
class Options:
    """What is unknown about the API, or changes from day to day. The defaults are the likeliest.

    Attributes:
        operation_filter: How `Operation` matches: "ignored" matches everything, "nothing" matches nothing.
        date_filter: How the two dates match.
        ignore_case: Whether the values of filters match in any case.
        required_filter_status: The HTTP status for a request without operation and country.
        admin1_name_fails: Whether admin 1 answers 500 to `Admin1Name`, as it once did.
    """

    operation_filter: Literal["exact", "prefix", "ignored", "nothing"] = "exact"
    date_filter: Literal["exact", "ignored", "nothing"] = "exact"
    ignore_case: bool = False
    required_filter_status: int = 200
    admin1_name_fails: bool = False


@dataclass(frozen=True)
class Request:
    """One request. The names of headers and parameters are in lower case.

    ``key_sent`` is whether a recorded request had a key, which is not kept.
    """

    method: str
    path: str
    params: MutableMapping[str, str] = field(default_factory=dict)
    headers: MutableMapping[str, str] = field(default_factory=dict)
    key_sent: bool = False


@dataclass(frozen=True)
class Answer:
    """One answer: a body for JSON, or a text."""

    status: int
    body: dict[str, Any] | str
    headers: Mapping[str, str] = field(default_factory=dict)


def envelope(rows: list[Row], *messages: str, code: int | None = None, success: bool = True) -> dict[str, Any]:
    """Wrap rows as all five endpoints do. The code is 204 if a message explains why there are no rows."""
    return {
        "result": rows,
        "statusCode": code or (204 if messages else 200),
        "isSuccess": success,
        "errorMessages": list(messages),
        "totalRecordsCount": len(rows),
    }


def gateway_error(status: int, message: str, **headers: str) -> Answer:
    """Answer as the gateway in front of the API does."""
    return Answer(status, {"statusCode": status, "message": message}, headers)


def gate(request: Request, key: str) -> Answer | None:
    """Refuse a request that never reaches the API: because of the firewall, its path or its key."""
    if request.headers.get("user-agent", "").startswith("python-requests/"):
        return Answer(403, FIREWALL_PAGE)
    if request.method == "GET" and request.path == pcodes.PATH:
        return None  # OCHA's site needs no key
    if request.method != "GET" or request.path.lower() not in PATHS:
        return gateway_error(404, "Resource not found")
    sent = request.headers.get(KEY_HEADER) or request.params.get(KEY_PARAMETER)
    if sent == key:
        return None
    message = (
        "Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription."
        if sent
        else "Access denied due to missing subscription key. "
        "Make sure to include subscription key when making requests to an API."
    )
    realm = 'AzureApiManagementKey realm="https://dtm-apim.iom.int/", name="Ocp-Apim-Subscription-Key"'
    return gateway_error(401, message, **{"WWW-Authenticate": realm})


def _day(params: Mapping[str, str], name: str) -> date | None:
    value = params.get(name.lower(), "")
    try:
        return msgspec.convert(value, date) if value else None
    except msgspec.ValidationError:
        raise _BadValueError(name, value) from None


def _number(params: Mapping[str, str], name: str) -> int:
    """Return a round number; 0 is "no limit", as the R client's defaults show."""
    value = params.get(name.lower(), "")
    if not re.fullmatch(r"([+-]?\d{1,9})?", value, re.ASCII):
        raise _BadValueError(name, value)
    return int(value or 0)


class _BadValueError(ValueError):
    """The value of a parameter has another type."""


class _Query:
    """The filters of a request, as far as its level has them; an empty text is no filter."""

    def __init__(self, params: Mapping[str, str], level: Level, options: Options) -> None:
        self._options = options
        self.operation = params.get("operation", "")
        self.country_name = params.get("countryname", "")
        self.admin0_pcode = params.get("admin0pcode", "")
        self.areas = {
            name: asked for name in Cell._fields[: 2 * level] if (asked := params.get(name.replace("_", ""), ""))
        }
        self._dates = _day(params, "FromReportingDate"), _day(params, "ToReportingDate")
        self._numbers = _number(params, "FromRoundNumber"), _number(params, "ToRoundNumber")

    def same(self, asked: str, value: str) -> bool:
        """Whether a value passes a filter."""
        return not asked or asked == value or (self._options.ignore_case and asked.casefold() == value.casefold())

    def wants_operation(self, operation: Operation) -> bool:
        """Whether the operation passes its filter."""
        if self._options.operation_filter in {"ignored", "nothing"}:
            return True
        if self._options.operation_filter == "prefix":
            return operation.name.casefold().startswith(self.operation.casefold())
        return self.same(self.operation, operation.name)

    def narrow(self, lines: list[Line]) -> list[Line]:
        """Keep the lines whose date, round and area pass."""
        how = self._options.date_filter
        # A filter that matches nothing gives an empty answer, not a failure.
        if (how == "nothing" and any(self._dates)) or (self._options.operation_filter == "nothing" and self.operation):
            return []
        first, last = self._dates if how == "exact" else (None, None)
        low, high = self._numbers
        return [
            line
            for line in lines
            if (first is None or line.round.date >= first)
            and (last is None or line.round.date <= last)
            and (not low or line.round.number >= low)
            and (not high or line.round.number <= high)
            and all(self.same(wanted, getattr(line.cell, name)) for name, wanted in self.areas.items())
        ]

    def refusal(self, edition: Edition) -> Answer | None:
        """Return the answer to a mistake of the caller, if any."""
        if not (self.operation or self.country_name or self.admin0_pcode):
            message = "Please provide either the Country Name, Admin0 Pcode or Operation"
            status = self._options.required_filter_status
            code = None if status == 200 else status  # noqa: PLR2004
            return Answer(status, envelope([], message, code=code, success=False))
        unknown = self._unknown([country for country in edition.countries if country.operations])
        return Answer(200, envelope([], unknown, success=False)) if unknown else None

    def _unknown(self, listed: list[Country]) -> str | None:
        """Return the API's message about a filter that names something unknown, if any."""
        if self.admin0_pcode and not any(self.same(self.admin0_pcode, country.pcode) for country in listed):
            return "No Country Code found matching your query."
        if self.country_name and not any(self.same(self.country_name, country.name) for country in listed):
            return "No Country found matching your query."
        # The message for an unknown operation is a guess by analogy.
        names = [operation.name for country in listed for operation in country.operations]
        is_exact = self._options.operation_filter == "exact"
        if self.operation and is_exact and not any(self.same(self.operation, name) for name in names):
            return "No Operation found matching your query."
        return None


def answer(request: Request, edition: Edition, options: Options) -> Answer:
    """Answer a request that has passed the gate."""
    path = request.path.lower()
    if path == pcodes.PATH:
        listed = pcodes.pcode_list(country.pcode for country in edition.countries)
        return Answer(200, listed, {"Content-Type": "text/csv; charset=utf-8"})
    if path not in ADMIN_PATHS:
        return Answer(200, envelope(edition.country_list() if path in COUNTRY_PATHS else edition.operation_list()))
    level, version = ADMIN_PATHS[path]
    try:
        query = _Query(request.params, level, options)
    except _BadValueError as error:
        name, value = error.args
        errors = {name: [f"The value '{value}' is not valid for {name}."]}
        return Answer(400, {"title": "One or more validation errors occurred.", "status": 400, "errors": errors})
    if options.admin1_name_fails and level == 1 and "admin1_name" in query.areas:
        return gateway_error(500, "Internal server error")
    if (refusal := query.refusal(edition)) is not None:
        return refusal
    rows = [spell(line, level, version) for line in _select(query, edition, level, version)]
    # A success without rows has a message as well.
    return Answer(200, envelope(rows) if rows else envelope([], "No matching data found."))


def _select(query: _Query, edition: Edition, level: Level, version: ApiVersion) -> list[Line]:
    """Return the lines that pass every filter, the oldest first, across countries."""
    found: list[Line] = []
    for country in edition.countries:
        if not (query.same(query.admin0_pcode, country.pcode) and query.same(query.country_name, country.name)):
            continue
        wanted = {operation.name for operation in country.operations if query.wants_operation(operation)}
        if wanted:
            lines = edition.lines(country, level, version)
            found += query.narrow([line for line in lines if line.operation.name in wanted])
    return sorted(found, key=lambda line: line.round.date)
