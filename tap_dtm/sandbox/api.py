"""The API without the network: a request and a publication in, an answer out.

What the documentation leaves open is an option, so that nobody takes a guess for a fact.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tap_dtm.sandbox.edition import Row, spell
from tap_dtm.sandbox.query import BadValueError, Query

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_dtm.sandbox.edition import Edition, Line
    from tap_dtm.sandbox.model import Level, Version

KEY_HEADER = "ocp-apim-subscription-key"
KEY_PARAMETER = "subscription-key"

ADMIN_PATHS: dict[str, tuple[Level, Version]] = {
    "/v3/displacement/admin0": (0, "v3"),
    "/v3/displacement/admin1": (1, "v3"),
    "/v3/displacement/admin2": (2, "v3"),
    "/v2/idpadmin0data": (0, "v2"),
    "/v2/idpadmin1data": (1, "v2"),
    "/v2/idpadmin2data": (2, "v2"),
}
COUNTRY_PATHS = ("/v3/displacement/country-list", "/v2/countrylist")
OPERATION_PATHS = ("/v3/displacement/operation-list", "/v2/operationlist")
PATHS = (*ADMIN_PATHS, *COUNTRY_PATHS, *OPERATION_PATHS)

FIREWALL_PAGE = (
    "<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body>\r\n<center><h1>403 Forbidden</h1></center>\r\n"
    "<hr><center>Microsoft-Azure-Application-Gateway/v2</center>\r\n</body>\r\n</html>\r\n"
)


@dataclass(frozen=True)
class Options:
    """What is unknown about the API, or differs between its days. The defaults are the likeliest."""

    operation_filter: Literal["exact", "prefix", "ignored", "nothing"] = "exact"
    """How `Operation` matches; "ignored" lets everything through, "nothing" lets nothing through."""
    date_filter: Literal["exact", "ignored", "nothing"] = "exact"
    """How the two dates match."""
    ignore_case: bool = False
    """Whether the values of filters match in any case."""
    required_filter_status: int = 200
    """The HTTP status when neither operation nor country is given."""
    bad_value_status: int = 400
    """The HTTP status for an invalid date or round number."""
    admin1_name_fails: bool = False
    """Whether admin 1 answers 500 to `Admin1Name`, as it once did."""
    firewall: bool = True
    """Whether the stock User-Agent of python-requests is refused."""


@dataclass(frozen=True)
class Request:
    """One request; the names of headers and parameters are in lower case."""

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """One answer: a body to be written as JSON, or a page of text."""

    status: int
    body: dict[str, object] | str
    headers: Mapping[str, str] = field(default_factory=dict)


def envelope(
    rows: list[Row], *, code: int = 200, success: bool = True, messages: tuple[str, ...] = ()
) -> dict[str, object]:
    """Wrap rows as all five endpoints do."""
    return {
        "result": rows,
        "statusCode": code,
        "isSuccess": success,
        "errorMessages": list(messages),
        "totalRecordsCount": len(rows),
    }


def gateway_error(status: int, message: str, **headers: str) -> Answer:
    """Answer as the gateway in front of the API does."""
    return Answer(status, {"statusCode": status, "message": message}, headers)


def gate(request: Request, key: str, options: Options) -> Answer | None:
    """Refuse what never reaches the API: by the firewall, for want of a path, for want of a key."""
    if options.firewall and request.headers.get("user-agent", "").startswith("python-requests/"):
        return Answer(403, FIREWALL_PAGE)
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


def answer(request: Request, edition: Edition, options: Options) -> Answer:
    """Answer a request that has passed the gate."""
    path = request.path.lower()
    if path in COUNTRY_PATHS:
        return Answer(200, envelope(edition.country_list()))
    if path in OPERATION_PATHS:
        return Answer(200, envelope(edition.operation_list()))
    level, version = ADMIN_PATHS[path]
    try:
        query = Query.parse(request.params, level, ignore_case=options.ignore_case)
    except BadValueError as error:
        problem = {"title": "One or more validation errors occurred.", "status": options.bad_value_status}
        return Answer(options.bad_value_status, {**problem, "errors": {error.parameter: [str(error)]}})
    if options.admin1_name_fails and level == 1 and query.admin1_name:
        return gateway_error(500, "Internal server error")
    if (refusal := _refusal(query, edition, options)) is not None:
        return refusal
    rows = [spell(line, level, version) for line in select(query, edition, level, version, options)]
    # Nothing found is a success all the same, with a message all the same.
    return Answer(200, envelope(rows) if rows else envelope([], code=204, messages=("No matching data found.",)))


def _refusal(query: Query, edition: Edition, options: Options) -> Answer | None:
    """Answer a query that is the caller's mistake."""
    if not (query.operation or query.country_name or query.admin0_pcode):
        message = "Please provide either the Country Name, Admin0 Pcode or Operation"
        status = options.required_filter_status
        return Answer(status, envelope([], code=204 if status == 200 else status, success=False, messages=(message,)))  # noqa: PLR2004
    if unknown := _unknown(query, edition, options):
        return Answer(200, envelope([], code=204, success=False, messages=(unknown,)))
    return None


def _unknown(query: Query, edition: Edition, options: Options) -> str | None:
    """Return what the API says when a filter names something that is in none of its lists."""
    listed = [country for country in edition.countries if country.operations]
    same = query.same
    if query.admin0_pcode and not any(same(query.admin0_pcode, country.pcode) for country in listed):
        return "No Country Code found matching your query."
    if query.country_name and not any(same(query.country_name, country.name) for country in listed):
        return "No Country found matching your query."
    # The text for an unknown operation is not known; this one is by analogy.
    if (
        query.operation
        and options.operation_filter == "exact"
        and not any(same(query.operation, each.name) for country in listed for each in country.operations)
    ):
        return "No Operation found matching your query."
    return None


def select(query: Query, edition: Edition, level: Level, version: Version, options: Options) -> Iterator[Line]:
    """Find the lines that pass every filter, oldest first; across countries, dates interleave."""
    found: list[Line] = []
    countries = 0
    for country in edition.countries:
        if not query.wants_country(country):
            continue
        wanted = {each.name for each in country.operations if query.wants_operation(each, options.operation_filter)}
        if not wanted:
            continue
        countries += 1
        lines = edition.lines(country, level, version)
        if len(wanted) < len(country.operations):
            lines = [line for line in lines if line.operation.name in wanted]
        # A filter that lets nothing through says so with an empty answer, not with a failure.
        if (options.date_filter == "nothing" and query.dated) or (
            options.operation_filter == "nothing" and query.operation
        ):
            lines = []
        found += query.narrow(lines, dated=options.date_filter == "exact")
    if countries > 1:
        found.sort(key=lambda line: line.round.date)
    return iter(found)
