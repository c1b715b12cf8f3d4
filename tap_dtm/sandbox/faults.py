"""Faults that can be switched on: what networks, gateways and bad days do to an answer.

Each fault says which requests it befalls and how often. `Faults` decides, safely across threads,
which one befalls a request; the delivery is the server's business.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

from tap_dtm.sandbox.api import FIREWALL_PAGE, Answer, envelope, gateway_error

if TYPE_CHECKING:
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
            return self._instead()
        if not isinstance(answer.body, dict) or not isinstance(rows := answer.body.get("result"), list):
            return answer
        if self.kind == "too_large" and len(rows) > self.rows:
            return gateway_error(504, "The gateway did not wait any longer.")
        return replace(answer, body=self._altered(answer.body))

    def _instead(self) -> Answer:
        if self.kind == "rate_limit":
            wait = f"{self.seconds:g}"
            message = f"Rate limit is exceeded. Try again in {wait} seconds."
            return gateway_error(429, message, **{"Retry-After": wait})
        if self.kind == "quota":
            message = "Out of call volume quota. Quota will be replenished in 01:02:03."
            return gateway_error(403, message)
        if self.kind == "redirect":
            return Answer(302, "", {"Location": self.url})
        if self.kind == "status":
            return gateway_error(self.status, "The service is unavailable.")
        return Answer(403, FIREWALL_PAGE) if self.kind == "firewall" else Answer(200, _PAGE)

    def _altered(self, body: dict[str, object]) -> dict[str, object]:
        rows = body["result"]
        if not isinstance(rows, list):
            raise TypeError("An envelope holds a list.")
        if self.kind == "wrong_total":
            return {**body, "totalRecordsCount": len(rows) + 1}
        if self.kind == "wrong_country":
            other = {"admin0Pcode": self.pcode, "admin0Name": "Invented Wrong Country"}
            return {**body, "result": [{**row, **other} for row in rows]}
        if self.kind == "missing_field":
            return {**body, "result": [{k: v for k, v in row.items() if k != self.field} for row in rows]}
        if self.kind == "refused":
            return envelope([], code=204, success=False, messages=(self.message,))
        if self.kind == "empty":
            return envelope([], code=204, messages=("No matching data found.",))
        return body


_INSTEAD = {"rate_limit", "quota", "firewall", "status", "html", "redirect"}
_PAGE = "<!DOCTYPE html>\n<html><head><title>Maintenance (invented)</title></head><body>Back soon.</body></html>\n"


class Faults:
    """The faults of one server. Without any, every answer is right."""

    def __init__(self) -> None:
        """Start without faults."""
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._met: list[int] = []

    def add(self, *faults: Fault) -> None:
        """Switch faults on; of several that could befall a request, the first added does."""
        with self._lock:
            self._faults += faults
            self._met += [0] * len(faults)

    def clear(self) -> None:
        """Switch all faults off."""
        with self._lock:
            self._faults.clear()
            self._met.clear()

    def take(self, request: Request) -> Fault | None:
        """Return the fault that befalls this request, counting it."""
        with self._lock:
            for place, fault in enumerate(self._faults):
                if not fault.befalls(request):
                    continue
                if fault.times is not None and self._met[place] >= fault.after + fault.times:
                    continue
                self._met[place] += 1
                if self._met[place] > fault.after:
                    return fault
        return None


_BY_STATUS = ("429", "500", "502", "503", "504")
_BY_KIND = {kind.replace("_", "-"): kind for kind in get_args(Kind) if kind not in {"rate_limit", "status", "redirect"}}
KINDS = (*_BY_STATUS, *_BY_KIND)
"""The faults that a command line can name."""


def parse_fault(text: str) -> Fault:
    """Read a fault from a command line: a status or a kind, and after a colon how often it strikes."""
    name, _, times = text.partition(":")
    if name not in KINDS:
        raise ValueError(f"There is no fault '{name}'; there are {', '.join(KINDS)}.")
    if times and not times.isdecimal():
        raise ValueError(f"'{times}' in the fault '{text}' is not a number of times.")
    often = int(times) if times else None
    if name == "429":
        return Fault("rate_limit", often)
    if name in _BY_STATUS:
        return Fault("status", often, status=int(name))
    return Fault(_BY_KIND[name], often)
