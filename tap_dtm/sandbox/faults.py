"""Faults of networks and gateways that can be switched on.

`Faults` decides, safely across threads, which fault a request meets. The server acts out faults of the connection.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from tap_dtm.errors import DtmError
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
    "cut_json",  # the right Content-Length, but the JSON breaks off
    "wrong_total",  # totalRecordsCount exceeds the rows
    "html",  # a page of HTML with status 200
    "wrong_country",  # the rows of another country
    "missing_field",  # rows without one of their fields
    "refused",  # isSuccess false with status 200
    "redirect",  # 302 to another URL
    "empty",  # a successful answer without rows
    "too_large",  # 504 for an answer with too many rows
]


@dataclass(frozen=True)
class Fault:
    """One fault, and the requests that meet it. Empty texts mean all requests.

    Attributes:
        kind: What happens.
        times: How many requests meet it; None for all.
        after: How many requests that it could meet go well first.
        path: A part of the path, in any case.
        country: The code or name of the requested country.
        operation: The requested operation; "" for requests without one, None for all.
        status: The status of "status".
        seconds: How long "slow" takes, and the pause that "rate_limit" asks for.
        field: The field that "missing_field" removes.
        pcode: The country that "wrong_country" shows.
        url: The target of "redirect".
        rows: The largest number of rows that "too_large" lets pass.
        message: The explanation of "refused".
    """

    kind: Kind
    times: int | None = None
    after: int = 0
    path: str = ""
    country: str = ""
    operation: str | None = None
    status: int = 503
    seconds: float = 1
    field: str = "numPresentIdpInd"
    pcode: str = "XZZ"
    url: str = ""
    rows: int = 1000
    message: str = "Invented failure."

    def __post_init__(self) -> None:
        """Refuse an unknown kind, which would have no effect."""
        if self.kind not in get_args(Kind):
            raise DtmError(f"There is no fault '{self.kind}'; there are {', '.join(get_args(Kind))}.")

    def meets(self, request: Request) -> bool:
        """Whether the fault is for this request."""
        params = request.params
        return (
            self.path.lower() in request.path.lower()
            and (not self.country or self.country in {params.get("admin0pcode"), params.get("countryname")})
            and (self.operation is None or self.operation == params.get("operation", ""))
        )

    def alter(self, answer: Answer) -> Answer:
        """Return the answer that replaces the right one. Faults of the connection leave it as it is."""
        wait = f"{self.seconds:g}"
        instead: dict[Kind, Answer] = {
            "rate_limit": gateway_error(
                429, f"Rate limit is exceeded. Try again in {wait} seconds.", **{"Retry-After": wait}
            ),
            "quota": gateway_error(403, "Out of call volume quota. Quota will be replenished in 01:02:03."),
            "firewall": Answer(403, FIREWALL_PAGE),
            "status": gateway_error(self.status, "The service is unavailable."),
            "html": Answer(200, _PAGE),
            "redirect": Answer(302, "", {"Location": self.url}),
        }
        if self.kind in instead:
            return instead[self.kind]
        if isinstance(answer.body, dict) and "result" in answer.body:
            return self._alter_rows(answer, answer.body, answer.body["result"])
        return answer

    def _alter_rows(self, answer: Answer, body: dict[str, Any], rows: list[dict[str, Any]]) -> Answer:
        match self.kind:
            case "too_large" if len(rows) > self.rows:
                return gateway_error(504, "The gateway did not wait any longer.")
            case "wrong_total":
                body = {**body, "totalRecordsCount": len(rows) + 1}
            case "wrong_country":
                other = {"admin0Pcode": self.pcode, "admin0Name": "Invented Wrong Country"}
                body = {**body, "result": [{**row, **other} for row in rows]}
            case "missing_field":
                body = {**body, "result": [{k: v for k, v in row.items() if k != self.field} for row in rows]}
            case "refused":
                body = envelope([], self.message, success=False)
            case "empty":
                body = envelope([], "No matching data found.")
        return replace(answer, body=body)


_PAGE: Final = (
    "<!DOCTYPE html>\n<html><head><title>Maintenance (invented)</title></head><body>Back soon.</body></html>\n"
)


class Faults:
    """The faults of one server. Without any, every answer is right."""

    def __init__(self) -> None:
        """Start without faults."""
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._met: Counter[int] = Counter()
        """How many requests each fault, by its place, could have met."""

    def add(self, *faults: Fault) -> None:
        """Switch faults on. A request meets the first one that is for it."""
        with self._lock:
            self._faults += faults

    def clear(self) -> None:
        """Switch all faults off."""
        with self._lock:
            self._faults.clear()
            self._met.clear()

    def take(self, request: Request) -> Fault | None:
        """Return the fault that this request meets, and count it."""
        with self._lock:
            for place, fault in enumerate(self._faults):
                is_over = fault.times is not None and self._met[place] >= fault.after + fault.times
                if fault.meets(request) and not is_over:
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
    """Read a fault from a command line: its name, and after a colon the number of requests that meet it."""
    name, _, times = text.partition(":")
    if name not in NAMED:
        raise DtmError(f"There is no fault '{name}'; there are {', '.join(NAMED)}.")
    if times and not times.isdecimal():
        raise DtmError(f"'{times}' in the fault '{text}' is not a number of times.")
    return replace(NAMED[name], times=int(times) if times else None)
