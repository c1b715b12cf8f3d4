"""Faults: off by default, aimed, counted, and on the wire what they are called."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, get_args

import pytest
import requests

from tap_dtm.errors import DtmError
from tap_dtm.sandbox import Fault, Faults
from tap_dtm.sandbox.api import Request
from tap_dtm.sandbox.faults import NAMED, Kind, parse_fault

if TYPE_CHECKING:
    from tap_dtm.sandbox import SandboxServer
    from tests.sandbox.conftest import Ask

ADMIN1 = "/v3/displacement/admin1"
COUNTRIES = "/v3/displacement/country-list"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_statuses(sandbox: SandboxServer, ask: Ask, status: int) -> None:
    sandbox.faults.add(Fault("status", times=2, status=status))
    assert [ask(COUNTRIES).status_code for _ in range(3)] == [status, status, 200]


def test_rate_limit(sandbox: SandboxServer, ask: Ask) -> None:
    sandbox.faults.add(Fault("rate_limit", times=1, seconds=7))
    response = ask(COUNTRIES)
    assert response.status_code == response.json()["statusCode"] == 429
    assert response.headers["Retry-After"] == "7"
    assert response.json()["message"] == "Rate limit is exceeded. Try again in 7 seconds."


def test_two_ways_to_say_403(sandbox: SandboxServer, ask: Ask) -> None:
    sandbox.faults.add(Fault("quota", times=1), Fault("firewall", times=1))
    quota, firewall = ask(COUNTRIES), ask(COUNTRIES)
    assert quota.status_code == firewall.status_code == 403
    assert quota.json()["message"].startswith("Out of call volume quota.")
    assert firewall.headers["Content-Type"] == "text/html"
    assert ask(COUNTRIES).ok


def test_slow(sandbox: SandboxServer, ask: Ask) -> None:
    sandbox.faults.add(Fault("slow", times=1, seconds=0.2))
    start = time.monotonic()
    assert ask(COUNTRIES).json()["isSuccess"]
    assert time.monotonic() - start >= 0.2


@pytest.mark.parametrize("kind", ["dropped", "dropped_midway", "truncated"])
def test_broken_connections(sandbox: SandboxServer, ask: Ask, kind: Kind) -> None:
    sandbox.faults.add(Fault(kind, times=1, path="admin1"))
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        ask(ADMIN1, Admin0Pcode="XAA")
    assert ask(ADMIN1, Admin0Pcode="XAA").json()["isSuccess"]


def test_cut_json(sandbox: SandboxServer, ask: Ask) -> None:
    sandbox.faults.add(Fault("cut_json", times=1))
    cut, whole = ask(ADMIN1, Admin0Pcode="XAA"), ask(ADMIN1, Admin0Pcode="XAA")
    assert cut.status_code == 200
    assert int(cut.headers["Content-Length"]) == len(cut.content) < len(whole.content)
    assert whole.content.startswith(cut.content)
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut.content)


def altered(sandbox: SandboxServer, ask: Ask, fault: Fault) -> tuple[dict[str, Any], dict[str, Any]]:
    """The altered and the right answer."""
    right = ask(ADMIN1, Admin0Pcode="XAA").json()
    sandbox.faults.add(fault)
    response = ask(ADMIN1, Admin0Pcode="XAA")
    assert response.status_code == 200
    return response.json(), right


def test_wrong_total(sandbox: SandboxServer, ask: Ask) -> None:
    wrong, right = altered(sandbox, ask, Fault("wrong_total"))
    assert wrong == {**right, "totalRecordsCount": right["totalRecordsCount"] + 1}


def test_wrong_country(sandbox: SandboxServer, ask: Ask) -> None:
    wrong, right = altered(sandbox, ask, Fault("wrong_country", pcode="XBA"))
    assert {row["admin0Pcode"] for row in wrong["result"]} == {"XBA"}
    assert len(wrong["result"]) == len(right["result"])


def test_missing_field(sandbox: SandboxServer, ask: Ask) -> None:
    wrong, right = altered(sandbox, ask, Fault("missing_field", field="roundNumber"))
    assert [set(row) | {"roundNumber"} for row in wrong["result"]] == [set(row) for row in right["result"]]
    assert not any("roundNumber" in row for row in wrong["result"])


def test_refused_and_empty(sandbox: SandboxServer, ask: Ask) -> None:
    refused, _ = altered(sandbox, ask, Fault("refused", times=1, message="Invented."))
    assert (refused["isSuccess"], refused["errorMessages"], refused["result"]) == (False, ["Invented."], [])
    empty, _ = altered(sandbox, ask, Fault("empty", times=1))
    assert (empty["isSuccess"], empty["statusCode"], empty["result"]) == (True, 204, [])


def test_html_with_status_200(sandbox: SandboxServer, ask: Ask) -> None:
    sandbox.faults.add(Fault("html"))
    assert ask(COUNTRIES).status_code == 200
    assert "<html>" in ask(COUNTRIES).text


def test_redirect(sandbox: SandboxServer, ask: Ask) -> None:
    sandbox.faults.add(Fault("redirect", url="http://127.0.0.1:9/elsewhere"))
    response = ask(COUNTRIES)
    assert response.status_code == 302
    assert response.headers["Location"] == "http://127.0.0.1:9/elsewhere"


def request(path: str = ADMIN1, **params: str) -> Request:
    return Request("GET", path, params)


def test_aim() -> None:
    assert Fault("html", path="ADMIN1").meets(request())
    assert not Fault("html", path="admin2").meets(request())
    assert Fault("html", country="XAA").meets(request(admin0pcode="XAA"))
    assert Fault("html", country="Fiktivia").meets(request(countryname="Fiktivia"))
    assert not Fault("html", country="XAA").meets(request(COUNTRIES))
    assert Fault("html", operation="Invented").meets(request(operation="Invented"))
    assert Fault("html", operation="").meets(request())
    assert not Fault("html", operation="").meets(request(operation="Invented"))


def test_counting() -> None:
    faults = Faults()
    late = Fault("html", times=2, after=1)
    faults.add(late, Fault("quota", path="admin2"))
    assert [faults.take(request()) for _ in range(5)] == [None, late, late, None, None]
    assert faults.take(request("/v3/displacement/admin2")) is not None
    faults.clear()
    assert faults.take(request("/v3/displacement/admin2")) is None


def test_counting_across_threads() -> None:
    faults = Faults()
    faults.add(Fault("html", times=100))
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: faults.take(request()), range(400)))
    assert sum(fault is not None for fault in taken) == 100


def test_a_request_without_the_key_meets_no_fault(sandbox: SandboxServer) -> None:
    sandbox.faults.add(Fault("status", times=1))
    assert requests.get(sandbox.url + COUNTRIES, headers={"User-Agent": "x"}, timeout=10).status_code == 401
    assert sandbox.faults.take(request()) is not None


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(DtmError, match="There is no fault 'flood'; there are rate_limit, "):
        Fault("flood")  # type: ignore[arg-type]


def test_faults_on_the_command_line() -> None:
    assert parse_fault("429:2") == Fault("rate_limit", 2)
    assert parse_fault("503") == Fault("status", status=503)
    assert parse_fault("cut-json:1") == Fault("cut_json", 1)
    assert {parse_fault(name).kind for name in NAMED} == set(get_args(Kind)) - {"redirect"}
    for text in ("418", "redirect", "status", "slow:x", "slow:-1", ""):
        with pytest.raises(DtmError, match="fault"):
            parse_fault(text)
