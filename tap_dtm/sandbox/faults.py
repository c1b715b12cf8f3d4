"""Faults that can be switched on: what networks, gateways and bad days do to an answer.

Each fault says which requests it befalls and how often. `Faults` decides, safely across threads,
which one befalls a request; the delivery is the server's business.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from tap_dtm.sandbox.api import FIREWALL_PAGE, Answer, envelope, gateway_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_dtm.sandbox.api import Request

Kind = Literal[
    "rate_limit",  # 429 with Retry-After
    "quota",  # 403 in JSON
    "firewall",  # 403 in HTML
    "status",  # any other status of a gateway: 500, 502, 503, 504
    "slow",  # the right answer, late
    "dropped",  # the connection closes without an answer
    "dropped_midway",  # the connection is reset in the middle of the body
    "truncated",  # the body ends before its Content-Length
    "cut_json",  # an honest Content-Length, but the JSON breaks off
    "wrong_total",  # totalRecordsCount exceeds the rows
    "html",  # a page of HTML with status 200
    "wrong_country",  # the rows of another country
    "missing_field",  # rows without one of their fields
    "refused",  # isSuccess false with status 200
    "redirect",  # 302 to another URL
    "empty",  # a successful answer without rows
    "too_large",  # 504 where the answer would have more than so many rows
]


@dataclass(frozen=True)
class Fault:
    """One fault, the requests that it befalls, and how often."""

    kind: Kind
    times: int | None = None
    """How often it befalls a request; None is always."""
    after: int = 0
    """How many requests that it could befall go well first."""
    path: str = ""
    """Only requests whose path contains this, in any case."""
    country: str = ""
    """Only requests for this country, by code or name."""
    operation: str | None = None
    """Only requests for this operation; "" is those that name none."""
    status: int = 503
    """The status of "status"."""
    seconds: float = 1
    """How long "slow" takes and what "rate_limit" asks for."""
    field: str = "numPresentIdpInd"
    """The field that "missing_field" drops."""
    pcode: str = "XZZ"
    """The country that "wrong_country" shows instead."""
    url: str = ""
    """Where "redirect" leads."""
    rows: int = 1000
    """The most rows for which "too_large" does not strike."""
    message: str = "Invented failure."
    """What "refused" says."""

    def __post_init__(self) -> None:
        """Refuse a kind that does not exist, which would never strike."""
        if self.kind not in get_args(Kind):
            raise ValueError(f"There is no fault '{self.kind}'; there are {', '.join(get_args(Kind))}.")

    def befalls(self, request: Request) -> bool:
        """Whether the request is one of those that the fault is for."""
        params = request.params
        return (
            self.path.lower() in request.path.lower()
            and (not self.country or self.country in {params.get("admin0pcode"), params.get("countryname")})
            and (self.operation is None or self.operation == params.get("operation", ""))
        )

    def alter(self, answer: Answer) -> Answer:
        """Return what becomes of the right answer; what only the wire shows leaves it as it is."""
        if self.kind in _INSTEAD:
            return _INSTEAD[self.kind](self)
        if not isinstance(answer.body, dict) or "result" not in answer.body:
            return answer
        if self.kind == "too_large" and len(answer.body["result"]) > self.rows:
            return gateway_error(504, "The gateway did not wait any longer.")
        return replace(answer, body=_ALTERED[self.kind](self, answer.body)) if self.kind in _ALTERED else answer


_PAGE: Final = (
    "<!DOCTYPE html>\n<html><head><title>Maintenance (invented)</title></head><body>Back soon.</body></html>\n"
)


def _rate_limit(fault: Fault) -> Answer:
    wait = f"{fault.seconds:g}"
    return gateway_error(429, f"Rate limit is exceeded. Try again in {wait} seconds.", **{"Retry-After": wait})


_INSTEAD: Final[dict[Kind, Callable[[Fault], Answer]]] = {
    "rate_limit": _rate_limit,
    "quota": lambda _: gateway_error(403, "Out of call volume quota. Quota will be replenished in 01:02:03."),
    "firewall": lambda _: Answer(403, FIREWALL_PAGE),
    "status": lambda fault: gateway_error(fault.status, "The service is unavailable."),
    "html": lambda _: Answer(200, _PAGE),
    "redirect": lambda fault: Answer(302, "", {"Location": fault.url}),
}
"""The faults that answer in place of the API."""


def _without_field(fault: Fault, body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "result": [{k: v for k, v in row.items() if k != fault.field} for row in body["result"]]}


def _of_another_country(fault: Fault, body: dict[str, Any]) -> dict[str, Any]:
    other = {"admin0Pcode": fault.pcode, "admin0Name": "Invented Wrong Country"}
    return {**body, "result": [{**row, **other} for row in body["result"]]}


_ALTERED: Final[dict[Kind, Callable[[Fault, dict[str, Any]], dict[str, Any]]]] = {
    "wrong_total": lambda _, body: {**body, "totalRecordsCount": len(body["result"]) + 1},
    "wrong_country": _of_another_country,
    "missing_field": _without_field,
    "refused": lambda fault, _: envelope([], fault.message, success=False),
    "empty": lambda *_: envelope([], "No matching data found."),
}
"""The faults that alter the body of a right answer."""


class Faults:
    """The faults of one server. Without any, every answer is right."""

    def __init__(self) -> None:
        """Start without faults."""
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._met: Counter[int] = Counter()
        """How often each fault, by its place, could have befallen a request."""

    def add(self, *faults: Fault) -> None:
        """Switch faults on; of several that could befall a request, the first added does."""
        with self._lock:
            self._faults += faults

    def clear(self) -> None:
        """Switch all faults off."""
        with self._lock:
            self._faults.clear()
            self._met.clear()

    def take(self, request: Request) -> Fault | None:
        """Return the fault that befalls this request, counting it."""
        with self._lock:
            for place, fault in enumerate(self._faults):
                is_over = fault.times is not None and self._met[place] >= fault.after + fault.times
                if fault.befalls(request) and not is_over:
                    self._met[place] += 1
                    if self._met[place] > fault.after:
                        return fault
        return None


NAMED: Final[dict[str, Fault]] = {
    "429": Fault("rate_limit"),
    **{str(status): Fault("status", status=status) for status in (500, 502, 503, 504)},
    **{
        kind.replace("_", "-"): Fault(kind)
        for kind in get_args(Kind)
        if kind not in {"rate_limit", "status", "redirect"}
    },
}
"""The faults that a command line can name."""


def parse_fault(text: str) -> Fault:
    """Read a fault from a command line: its name, and after a colon how often it strikes."""
    name, _, times = text.partition(":")
    if name not in NAMED:
        raise ValueError(f"There is no fault '{name}'; there are {', '.join(NAMED)}.")
    if times and not times.isdecimal():
        raise ValueError(f"'{times}' in the fault '{text}' is not a number of times.")
    return replace(NAMED[name], times=int(times) if times else None)
