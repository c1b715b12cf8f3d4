"""The client: each answer judged by its body, passing faults outlived, and the key kept to one host."""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
import threading
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.client import LONGEST_WAIT, Answer, DtmClient
from tap_dtm.errors import (
    DtmAccessError,
    DtmAnswerError,
    DtmError,
    DtmRequestError,
    DtmUnknownError,
)
from tap_dtm.sandbox import Fault, Options, SandboxServer, invent
from tap_dtm.sandbox.api import Answer as Said
from tap_dtm.settings import Settings
from tap_dtm.tap import TapDTM
from tests.scripted import ScriptedServer, always
from tests.target import MemoryTarget, run_tap
from tests.world import LEVELS, count, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_dtm.sandbox.api import Request

ADMIN0 = "/v3/displacement/admin0"
ADMIN1 = "/v3/displacement/admin1"
COUNTRIES = "/v3/displacement/country-list"
OPERATIONS = "/v3/displacement/operation-list"
NO_ROWS: dict[str, object] = {
    "result": [],
    "statusCode": 204,
    "isSuccess": True,
    "errorMessages": ["No matching data found."],
    "totalRecordsCount": 0,
}


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(invent(seed=1, countries=6)) as server:
        yield server


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between tries that were asked for; they take no time."""
    asked: list[float] = []
    monkeypatch.setattr("backoff._sync.time", SimpleNamespace(sleep=asked.append))
    return asked


def client_of(url: str, **config: Any) -> DtmClient:
    return DtmClient(Settings.from_config({"api_url": url, "subscription_key": "invented-sandbox-key", **config}))


def sandbox_config(sandbox: SandboxServer, **config: Any) -> dict[str, Any]:
    return {"api_url": sandbox.url, "subscription_key": sandbox.key, "scrub_fraction": 0, **config}


# The error table, row by row. What is unknown of the API, the sandbox has as an option.


@pytest.mark.usefixtures("waits")
class TestErrorTable:
    def test_1_no_key(self) -> None:
        """The settings let no run without a key begin; should a key get lost on the way, the API says so."""
        missing = {"statusCode": 401, "message": "Access denied due to missing subscription key."}
        with ScriptedServer(always(missing, 401, WWW_Authenticate="AzureApiManagementKey")) as server:
            with pytest.raises(DtmAccessError, match=r"refuses the subscription key \(401: .*missing") as caught:
                client_of(server.url).get(ADMIN0, {"Admin0Pcode": "XAA"})
            assert "https://dtm-apim-portal.iom.int" in str(caught.value)
            assert "DTMAPI_SUBSCRIPTION_KEY" in str(caught.value)
            assert len(server.requests) == 1

    def test_2_bad_key(self, sandbox: SandboxServer) -> None:
        with pytest.raises(DtmAccessError, match=r"\(401: .*invalid subscription key.*Register at https://"):
            client_of(sandbox.url, subscription_key="another-key").get(ADMIN0, {"Admin0Pcode": "XAA"})
        assert len(sandbox.requests) == 1

    def test_3_unknown_path(self, sandbox: SandboxServer) -> None:
        with pytest.raises(DtmRequestError, match=r"/api/idpAdmin0Data/.*: HTTP 404\. Resource not found"):
            client_of(sandbox.url).get("/api/idpAdmin0Data/GetAdmin0Datav2")
        assert len(sandbox.requests) == 1

    def test_4_unknown_country_code(self, sandbox: SandboxServer) -> None:
        with pytest.raises(DtmUnknownError) as caught:
            client_of(sandbox.url).get(ADMIN0, {"Admin0Pcode": "QQQ"})
        assert str(caught.value) == (
            f"{ADMIN0} Admin0Pcode=QQQ: the API reports a failure: No Country Code found matching your query."
        )

    def test_5_unknown_country_name(self, sandbox: SandboxServer) -> None:
        with pytest.raises(DtmUnknownError, match=r"CountryName=Nowhere: .*No Country found matching your query"):
            client_of(sandbox.url).get(ADMIN0, {"CountryName": "Nowhere"})

    def test_6_no_rows_is_a_success_with_a_message(self, sandbox: SandboxServer) -> None:
        answer = client_of(sandbox.url).get(ADMIN0, {"Admin0Pcode": "XAA", "ToReportingDate": "1999-01-01"})
        assert answer == Answer([], "No matching data found.")

    def test_7_no_filter(self, sandbox: SandboxServer) -> None:
        for status in (200, 400):
            sandbox.options = Options(required_filter_status=status)
            with pytest.raises(DtmRequestError, match=f"{ADMIN0}: "):
                client_of(sandbox.url).get(ADMIN0)
        assert len(sandbox.requests) == 2

    def test_8_unknown_operation(self, sandbox: SandboxServer) -> None:
        with pytest.raises(DtmUnknownError, match=r"Admin0Pcode=XAA Operation=Nothing: .*No Operation found"):
            client_of(sandbox.url).get(ADMIN0, {"Admin0Pcode": "XAA", "Operation": "Nothing"})

    @pytest.mark.parametrize(
        "parameter",
        [pytest.param("FromReportingDate", id="9_bad_date"), pytest.param("FromRoundNumber", id="10_bad_round")],
    )
    def test_bad_value(self, sandbox: SandboxServer, parameter: str) -> None:
        with pytest.raises(DtmRequestError, match=f"{ADMIN0} Admin0Pcode=XAA {parameter}=soon: HTTP 400"):
            client_of(sandbox.url).get(ADMIN0, {"Admin0Pcode": "XAA", parameter: "soon"})
        assert len(sandbox.requests) == 1

    def test_11_a_repeatable_500(self, sandbox: SandboxServer) -> None:
        """The tap never asks like this; who does gets the error after all tries."""
        sandbox.options = Options(admin1_name_fails=True)
        params = {"Admin0Pcode": "XAA", "Admin1Name": "Somewhere"}
        with pytest.raises(DtmRequestError, match="Admin1Name=Somewhere: HTTP 500: Internal server error"):
            client_of(sandbox.url, max_retries=2).get(ADMIN1, params)
        assert len(sandbox.requests) == 3

    def test_12_firewall(self, sandbox: SandboxServer) -> None:
        """The stock agent is refused in HTML, before the key is looked at: it is not the key's fault."""
        with pytest.raises(DtmRequestError, match=r"Admin0Pcode=XAA: the firewall .*\(403, HTML\).*Set user_agent"):
            client_of(sandbox.url, user_agent="python-requests/2.32").get(ADMIN0, {"Admin0Pcode": "XAA"})
        assert len(sandbox.requests) == 1

    def test_13_rate_limit(self, sandbox: SandboxServer) -> None:
        sandbox.faults.add(Fault("rate_limit", seconds=3))
        with pytest.raises(DtmRequestError, match=r"HTTP 429: Rate limit is exceeded\. Try again in 3 seconds"):
            client_of(sandbox.url, max_retries=1).get(ADMIN0, {"Admin0Pcode": "XAA"})
        assert len(sandbox.requests) == 2

    def test_14_quota(self, sandbox: SandboxServer) -> None:
        """In JSON, unlike the firewall's, and of no use to repeat."""
        sandbox.faults.add(Fault("quota"))
        with pytest.raises(DtmAccessError, match=r"for now \(403: Out of call volume quota.*01:02:03\.\)\. Wait"):
            client_of(sandbox.url).get(ADMIN0, {"Admin0Pcode": "XAA"})
        assert len(sandbox.requests) == 1

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_15_gateway_and_backend(self, sandbox: SandboxServer, status: int) -> None:
        sandbox.faults.add(Fault("status", status=status))
        with pytest.raises(DtmRequestError, match=f"{ADMIN0} Admin0Pcode=XAA: HTTP {status}: The service is"):
            client_of(sandbox.url, max_retries=2).get(ADMIN0, {"Admin0Pcode": "XAA"})
        assert len(sandbox.requests) == 3

    def test_16_slow_answer(self, sandbox: SandboxServer) -> None:
        sandbox.faults.add(Fault("slow", seconds=30))
        with pytest.raises(DtmRequestError, match=r"no answer within 0\.2 s\. Raise request_timeout"):
            client_of(sandbox.url, request_timeout=0.2, max_retries=1).get(ADMIN0, {"Admin0Pcode": "XAA"})
        assert len(sandbox.requests) == 2


# What can be said about answers that are none.


@pytest.mark.usefixtures("waits")
class TestAnswersThatAreNone:
    @pytest.mark.parametrize(
        ("kind", "error", "words"),
        [
            ("dropped", DtmRequestError, r"the connection to 127\.0\.0\.1:\d+ failed or broke off"),
            ("dropped_midway", DtmRequestError, r"the connection to .* failed or broke off.*Check the network"),
            ("truncated", DtmRequestError, "failed or broke off"),
            ("cut_json", DtmAnswerError, "application/json.* is not valid JSON: cut off.*the next run asks again"),
            ("html", DtmAnswerError, "text/html.* is not valid JSON: .*a page of somebody else's"),
            ("wrong_total", DtmAnswerError, r"announces 34 rows and holds 33\. Nothing was taken"),
        ],
    )
    def test_is_asked_for_again_and_then_an_error(
        self, sandbox: SandboxServer, kind: Any, error: type[DtmError], words: str
    ) -> None:
        sandbox.faults.add(Fault(kind))
        with pytest.raises(error, match=f"{ADMIN0} Admin0Pcode=XAA: .*{words}"):
            client_of(sandbox.url, max_retries=2).get(ADMIN0, {"Admin0Pcode": "XAA"})
        assert len(sandbox.requests) == 3

    def test_a_failure_with_http_200(self, sandbox: SandboxServer) -> None:
        sandbox.faults.add(Fault("refused", message="The invented database is closed."))
        with pytest.raises(DtmRequestError, match="reports a failure: The invented database is closed"):
            client_of(sandbox.url).get(ADMIN0, {"Admin0Pcode": "XAA"})
        assert len(sandbox.requests) == 1

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            (
                {"isSuccess": False, "statusCode": 500, "errorMessages": ["Out of order", "Sorry"]},
                "Out of order; Sorry",
            ),
            ({"isSuccess": False, "errorMessages": None}, "statusCode 204"),
            ({"isSuccess": None}, "No matching data found"),
            ({"isSuccess": "true"}, "No matching data found"),
            ({"statusCode": 500, "errorMessages": []}, "statusCode 500"),
            ({"result": [{}], "totalRecordsCount": 1}, "No matching data found"),
            # An empty answer says 204. "No rows, and all is well" is not a thing the API says.
            ({"statusCode": 200}, "No matching data found"),
        ],
    )
    def test_an_envelope_that_contradicts_itself_is_a_failure(self, changes: dict[str, object], words: str) -> None:
        with (
            ScriptedServer(always(NO_ROWS | changes)) as server,
            pytest.raises(DtmRequestError, match=f"{ADMIN0} Admin0Pcode=XAA: the API reports a failure: {words}"),
        ):
            client_of(server.url).get(ADMIN0, {"Admin0Pcode": "XAA"})

    @pytest.mark.parametrize(
        "body",
        [
            "[]",
            "3",
            "{}",
            '"text"',
            json.dumps(NO_ROWS | {"result": None}),
            json.dumps(NO_ROWS | {"result": {"data": []}}),
        ],
    )
    def test_json_of_somebody_else_is_an_error(self, body: str) -> None:
        with (
            ScriptedServer(always(body)) as server,
            pytest.raises(DtmAnswerError, match=f"{ADMIN0}: the answer is JSON, but not the DTM API's.*api_url"),
        ):
            client_of(server.url, max_retries=1).get(ADMIN0)
        assert len(server.requests) == 2

    @pytest.mark.parametrize("body", ["", "\udcff\udcfe", "[" * 100_000, '{"result": [', "<html>"])
    def test_what_is_no_json_is_an_error(self, body: str) -> None:
        with (
            ScriptedServer(always(body)) as server,
            pytest.raises(DtmAnswerError, match=r"HTTP 200, unknown type\) is not valid JSON"),
        ):
            client_of(server.url, max_retries=1).get(ADMIN0)
        assert len(server.requests) == 2

    @pytest.mark.parametrize("total", [None, "0", 1, -1])
    def test_a_count_that_is_missing_or_none_is_an_error(self, total: object) -> None:
        with (
            ScriptedServer(always(NO_ROWS | {"totalRecordsCount": total})) as server,
            pytest.raises(DtmAnswerError, match=f"announces {total} rows and holds 0"),
        ):
            client_of(server.url, max_retries=0).get(ADMIN0)

    def test_a_body_that_does_not_unpack_is_asked_for_again(self) -> None:
        with (
            ScriptedServer(always("This is not gzip.", Content_Encoding="gzip")) as server,
            pytest.raises(DtmError, match=f"{ADMIN0}: "),
        ):
            client_of(server.url, max_retries=1).get(ADMIN0)
        assert len(server.requests) == 2

    def test_an_answer_that_stalls_midway(self) -> None:
        """The timeout holds for each piece of an answer, not only for its beginning."""
        with (
            ScriptedServer(always('{"result": [', Content_Length="1000")) as server,
            pytest.raises(DtmRequestError, match=f"{ADMIN0}: .* failed or broke off"),
        ):
            client_of(server.url, request_timeout=0.2, max_retries=0).get(ADMIN0)

    def test_an_html_page_with_an_error_status(self) -> None:
        """A gateway's own page: its words are not for the log, its status is."""
        with (
            ScriptedServer(always("<html>Bad gateway</html>", 502)) as server,
            pytest.raises(DtmRequestError, match=rf"{ADMIN0}: HTTP 502\. *$"),
        ):
            client_of(server.url, max_retries=0).get(ADMIN0)

    def test_a_status_that_nobody_foresaw(self) -> None:
        with (
            ScriptedServer(always("I'm a teapot", 418)) as server,
            pytest.raises(DtmRequestError, match=rf"{ADMIN0}: HTTP 418\. Check the setting api_url"),
        ):
            client_of(server.url).get(ADMIN0)
        assert len(server.requests) == 1


@pytest.mark.usefixtures("waits")
class TestNoAnswer:
    def test_a_closed_port(self) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))  # taken, but nobody listens
            port = closed.getsockname()[1]
            with pytest.raises(DtmRequestError) as caught:
                client_of(f"http://127.0.0.1:{port}", max_retries=1).get(COUNTRIES)
        assert str(caught.value) == (
            f"{COUNTRIES}: the connection to 127.0.0.1:{port} failed or broke off ({os.strerror(errno.ECONNREFUSED)}). "
            "Check the network, a proxy, and the setting api_url."
        )

    def test_a_host_that_does_not_exist(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def not_found(*_: object, **__: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", not_found)
        monkeypatch.setenv("NO_PROXY", "*")
        with pytest.raises(DtmRequestError) as caught:
            client_of("https://dtm.invalid", max_retries=1).get(COUNTRIES)
        assert str(caught.value) == (
            f"{COUNTRIES}: the connection to dtm.invalid failed or broke off (Name or service not known). "
            "Check the network, a proxy, and the setting api_url."
        )

    def test_a_server_that_speaks_no_tls(self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NO_PROXY", "*")
        with pytest.raises(DtmRequestError, match=r"127\.0\.0\.1:\d+ failed or broke off \(.+\)\. Check") as caught:
            client_of(sandbox.url.replace("http:", "https:"), max_retries=0).get(COUNTRIES)
        assert "\n" not in str(caught.value)

    def test_a_host_that_swallows_connections(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """No matter of request_timeout, which is for answers: the message does not send the operator there."""

        def swallow(*_: object) -> None:
            raise TimeoutError("timed out")

        monkeypatch.setattr(socket.socket, "connect", swallow)
        with pytest.raises(DtmRequestError) as caught:
            client_of("http://127.0.0.1:9", max_retries=0).get(COUNTRIES)
        assert "the connection to 127.0.0.1:9 failed" in str(caught.value)
        assert "request_timeout" not in str(caught.value)


# Tries and pauses.


class TestRetries:
    @pytest.mark.parametrize(
        "fault",
        [
            Fault("rate_limit", 2, seconds=0),
            *(Fault("status", 2, status=status) for status in (500, 502, 503, 504)),
            Fault("dropped", 2),
            Fault("dropped_midway", 2),
            Fault("truncated", 2),
            Fault("cut_json", 2),
            Fault("wrong_total", 2),
            Fault("html", 2),
        ],
        ids=lambda fault: f"{fault.kind}-{fault.status}",
    )
    def test_a_fault_that_passes_costs_nothing_but_tries(
        self, sandbox: SandboxServer, waits: list[float], fault: Fault
    ) -> None:
        sandbox.faults.add(fault)
        answer = client_of(sandbox.url, max_retries=2).get(ADMIN0, {"Admin0Pcode": "XAA"})
        assert len(answer.rows) == len(sandbox.world.rows(0, "v3", "XAA"))
        assert len(sandbox.requests) == 3
        assert len(waits) == 2

    @pytest.mark.parametrize(
        "fault",
        [
            Fault("quota"),
            Fault("firewall"),
            Fault("refused"),
            Fault("status", status=400),
            Fault("status", status=404),
            Fault("redirect", url="http://localhost:1/"),
        ],
        ids=lambda fault: f"{fault.kind}-{fault.status}",
    )
    def test_what_does_not_pass_is_not_tried_again(
        self, sandbox: SandboxServer, waits: list[float], fault: Fault
    ) -> None:
        sandbox.faults.add(fault)
        with pytest.raises(DtmError):
            client_of(sandbox.url, max_retries=5).get(ADMIN0, {"Admin0Pcode": "XAA"})
        assert len(sandbox.requests) == 1
        assert waits == []

    @pytest.mark.parametrize("retries", [0, 1, 4])
    def test_as_often_as_the_setting_says(self, sandbox: SandboxServer, waits: list[float], retries: int) -> None:
        sandbox.faults.add(Fault("status"))
        with pytest.raises(DtmRequestError):
            client_of(sandbox.url, max_retries=retries).get(ADMIN0, {"Admin0Pcode": "XAA"})
        assert len(sandbox.requests) == retries + 1
        assert len(waits) == retries

    def test_pauses_double_up_to_a_minute_and_vary(self, sandbox: SandboxServer, waits: list[float]) -> None:
        sandbox.faults.add(Fault("status"))
        with pytest.raises(DtmRequestError):
            client_of(sandbox.url, max_retries=9).get(ADMIN0, {"Admin0Pcode": "XAA"})
        assert len(waits) == 9
        for wait, longest in zip(waits, (1, 2, 4, 8, 16, 32, 60, 60, 60), strict=True):
            assert longest / 2 <= wait <= longest
        assert len(set(waits)) == 9

    def test_retry_after_in_seconds_is_honoured(self, sandbox: SandboxServer, waits: list[float]) -> None:
        sandbox.faults.add(Fault("rate_limit", 1, seconds=42))
        client_of(sandbox.url).get(ADMIN0, {"Admin0Pcode": "XAA"})
        assert len(waits) == 1
        assert 42 <= waits[0] <= 43

    def test_retry_after_as_a_date_is_honoured(self, waits: list[float]) -> None:
        retry_at = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=90), usegmt=True)
        answers = iter([Said(503, "", {"Retry-After": retry_at}), Said(200, NO_ROWS)])
        with ScriptedServer(lambda _: next(answers)) as server:
            client_of(server.url).get(ADMIN0)
        assert len(waits) == 1
        assert 60 < waits[0] <= 91

    def test_retry_after_a_date_that_has_passed_is_at_once(self, waits: list[float]) -> None:
        answers = iter([Said(503, "", {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}), Said(200, NO_ROWS)])
        with ScriptedServer(lambda _: next(answers)) as server:
            client_of(server.url).get(ADMIN0)
        assert len(waits) == 1
        assert 0 <= waits[0] <= 0.5

    @pytest.mark.parametrize("header", ["", "soon", "-5", "1e3", "Wed, 99 Oct 2015"])
    def test_retry_after_nonsense_is_no_advice(self, waits: list[float], header: str) -> None:
        answers = iter([Said(429, "", {"Retry-After": header}), Said(200, NO_ROWS)])
        with ScriptedServer(lambda _: next(answers)) as server:
            client_of(server.url).get(ADMIN0)
        assert len(waits) == 1
        assert 0.5 <= waits[0] <= 1

    def test_retry_after_longer_than_anyone_waits(self, sandbox: SandboxServer, waits: list[float]) -> None:
        sandbox.faults.add(Fault("rate_limit", seconds=LONGEST_WAIT + 1))
        with pytest.raises(DtmRequestError, match=r"HTTP 429: .*asks to wait 601 s: run again after that"):
            client_of(sandbox.url).get(ADMIN0, {"Admin0Pcode": "XAA"})
        assert len(sandbox.requests) == 1
        assert waits == []

    @pytest.mark.usefixtures("waits")
    def test_each_pause_is_logged(self, sandbox: SandboxServer, caplog: pytest.LogCaptureFixture) -> None:
        sandbox.faults.add(Fault("status", 2, status=502))
        with caplog.at_level(logging.WARNING, "tap-dtm.client"):
            client_of(sandbox.url, max_retries=3).get(ADMIN0, {"Admin0Pcode": "XAA"})
        first, second = (record.getMessage() for record in caplog.records)
        assert first.startswith(f"{ADMIN0} Admin0Pcode=XAA: HTTP 502: The service is unavailable. Trying again in ")
        assert first.endswith("s (try 2 of 4).")
        assert second.endswith("s (try 3 of 4).")

    @pytest.mark.usefixtures("waits")
    def test_requests_made_counts_tries(self, sandbox: SandboxServer) -> None:
        sandbox.faults.add(Fault("status", 2))
        client = client_of(sandbox.url)
        client.get(ADMIN0, {"Admin0Pcode": "XAA"})
        assert client.requests_made == len(sandbox.requests) == 3


# What is sent, and to whom.


class TestHeaders:
    def test_the_key_travels_in_the_header_and_nowhere_else(self) -> None:
        with ScriptedServer(always(NO_ROWS)) as server:
            client_of(server.url, subscription_key="k3y-0123456789").get(ADMIN0, {"Admin0Pcode": "XAA"})
        (request,) = server.requests
        assert request.headers["ocp-apim-subscription-key"] == "k3y-0123456789"
        assert request.params == {"admin0pcode": "XAA"}
        carriers = [name for name, value in request.headers.items() if "k3y-0123456789" in value]
        assert carriers == ["ocp-apim-subscription-key"]

    def test_the_agent_is_explicit(self) -> None:
        with ScriptedServer(always(NO_ROWS)) as server:
            client_of(server.url).get(ADMIN0)
            client_of(server.url, user_agent="Invented Ministry/1.0").get(ADMIN0)
        first, second = (request.headers["user-agent"] for request in server.requests)
        assert first.startswith("tap-dtm/")
        assert second == "Invented Ministry/1.0"

    def test_a_whole_run_names_itself_in_every_request(self, sandbox: SandboxServer) -> None:
        run_tap(MemoryTarget(), **sandbox_config(sandbox))
        assert {request.headers["user-agent"].split("/")[0] for request in sandbox.requests} == {"tap-dtm"}
        assert all(request.key_sent for request in sandbox.requests)


class TestRedirects:
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_to_another_host_fails_and_keeps_the_key(self, sandbox: SandboxServer, host: str) -> None:
        """Another port is another host: whoever listens there is somebody else."""
        with ScriptedServer(always(NO_ROWS)) as stranger:
            stranger_url = stranger.url.replace("127.0.0.1", host)
            sandbox.faults.add(Fault("redirect", url=f"{stranger_url}{ADMIN0}"))
            with pytest.raises(DtmRequestError) as caught:
                client_of(sandbox.url).get(ADMIN0, {"Admin0Pcode": "XAA"})
        assert str(caught.value) == (
            f"{ADMIN0} Admin0Pcode=XAA: the API redirects to another host ({stranger_url.removeprefix('http://')}); "
            "the key was not sent there. Check the setting api_url."
        )
        assert stranger.requests == []

    @pytest.mark.parametrize("location", ["//{}/v3", "https://{own}/v3/displacement/admin0", "http://{own}@{}/v3"])
    def test_in_disguise_fails_as_well(self, location: str) -> None:
        with ScriptedServer(always(NO_ROWS)) as stranger, ScriptedServer(always("")) as server:
            other, own = (each.url.removeprefix("http://") for each in (stranger, server))
            server.respond = always("", 302, Location=location.format(other, own=own))
            with pytest.raises(DtmRequestError, match="redirects to another host"):
                client_of(server.url).get(ADMIN0)
        assert len(server.requests) == 1
        assert stranger.requests == []

    def test_within_the_host_is_followed(self, sandbox: SandboxServer) -> None:
        sandbox.faults.add(Fault("redirect", 1, url=f"{sandbox.url}{ADMIN0}?Admin0Pcode=XAA"))
        answer = client_of(sandbox.url).get(ADMIN0, {"Admin0Pcode": "XAA"})
        assert len(answer.rows) == len(sandbox.world.rows(0, "v3", "XAA"))
        assert len(sandbox.requests) == 2

    def test_within_the_host_by_path_is_followed(self) -> None:
        def respond(request: Request) -> Said:
            return Said(200, NO_ROWS) if request.path == "/new" else Said(307, "", {"Location": "/new?Admin0Pcode=XAA"})

        with ScriptedServer(respond) as server:
            assert client_of(server.url).get(ADMIN0, {"Admin0Pcode": "XAA"}).rows == []
        assert [(request.path, request.params) for request in server.requests] == [
            (ADMIN0, {"admin0pcode": "XAA"}),
            ("/new", {"admin0pcode": "XAA"}),
        ]

    def test_in_a_circle_ends(self, sandbox: SandboxServer) -> None:
        sandbox.faults.add(Fault("redirect", url=f"{sandbox.url}{ADMIN0}"))
        with pytest.raises(DtmRequestError, match=f"{ADMIN0}: the API redirects in a circle"):
            client_of(sandbox.url).get(ADMIN0)
        assert len(sandbox.requests) < 10

    def test_without_a_target_is_an_error(self) -> None:
        with (
            ScriptedServer(always("", 302)) as server,
            pytest.raises(DtmRequestError, match=rf"{ADMIN0}: HTTP 302\."),
        ):
            client_of(server.url).get(ADMIN0)

    def test_to_nonsense_is_an_error(self) -> None:
        with (
            ScriptedServer(always("", 302, Location="http://[oops")) as server,
            pytest.raises(DtmRequestError, match=f"{ADMIN0}: "),
        ):
            client_of(server.url).get(ADMIN0)


class TestReadingAhead:
    """Countries are read ahead of what is emitted, up to a limit; nobody can tell from the output."""

    def test_the_output_does_not_depend_on_timing(self, sandbox: SandboxServer) -> None:
        outputs = []
        for parallel, slow in ((1, ()), (4, ("XAA", "XCA")), (4, ("XBA", "XFA")), (16, ())):
            sandbox.faults.clear()
            sandbox.faults.add(*(Fault("slow", country=code, path="admin0", seconds=0.15) for code in slow))
            messages = run_tap(MemoryTarget(), **sandbox_config(sandbox, max_parallel_requests=parallel))
            outputs.append([message for message in messages if message["type"] in {"RECORD", "STATE"}])
            for message in outputs[-1]:
                message.pop("time_extracted", None)
        assert outputs[0] == outputs[1] == outputs[2] == outputs[3]

    @pytest.mark.parametrize("parallel", [1, 3])
    def test_never_more_requests_than_allowed_but_as_many(self, sandbox: SandboxServer, parallel: int) -> None:
        everyone_is_in = threading.Barrier(parallel)
        codes = {country.pcode for country in sandbox.world.countries}
        assert len(codes) == 6
        with ScriptedServer(always("")) as server:
            open_now: list[str] = []
            most: list[int] = []
            lock = threading.Lock()

            def respond(request: Request) -> Said:
                code = request.params.get("admin0pcode", "")
                with lock:
                    open_now.append(code)
                    most.append(len(open_now))
                if request.path == ADMIN0:
                    everyone_is_in.wait(30)  # breaks unless that many are asked at the same time
                with lock:
                    open_now.remove(code)
                status, _, body, _ = sandbox.respond(request)
                return Said(status, body.decode())

            server.respond = respond
            target = MemoryTarget()
            run_tap(target, api_url=server.url, subscription_key=sandbox.key, max_parallel_requests=parallel)
        assert max(most) == parallel
        assert count(target.live("idp_admin0")) == served(sandbox.world, 0)

    def test_a_sandbox_under_load_agrees(self, sandbox: SandboxServer) -> None:
        sandbox.faults.add(Fault("slow", path="admin", seconds=0.02))
        run_tap(MemoryTarget(), **sandbox_config(sandbox, max_parallel_requests=2))
        assert sandbox.most_at_once <= 2

    def test_a_target_that_stops_reading_stops_the_requests(self) -> None:
        """Memory is bounded: of many countries, only as many as are allowed are read and kept."""
        with SandboxServer(invent(seed=2, countries=20)) as sandbox:
            order = [str(row["admin0Pcode"]) for row in sandbox.world.country_list()]
            tap = TapDTM(config=sandbox_config(sandbox, max_parallel_requests=3))
            records = iter(tap.streams["countries"].get_records(None))
            next(records)  # the run has begun, and nobody asks for more
            ahead = tap.sync_run._ahead

            def asked() -> set[str]:
                return {request.params["Admin0Pcode"] for request in sandbox.requests if request.path == ADMIN0}

            for future in ahead.values():
                future.result(timeout=30)
            assert asked() == set(ahead) == set(order[:3])
            assert tap.sync_run.changes(order[0]) is not None
            ahead[order[3]].result(timeout=30)
            assert asked() == set(order[:4])
            assert set(ahead) == set(order[1:4])

    def test_a_refused_key_ends_the_run_at_once(self, sandbox: SandboxServer) -> None:
        """No other country would fare better, so none is tried in vain."""
        sandbox.faults.add(Fault("quota", path="admin0", after=1))
        target = MemoryTarget()
        run_tap(target, **sandbox_config(sandbox, max_parallel_requests=1), error=DtmAccessError)
        assert sum(request.path == ADMIN0 for request in sandbox.requests) == 2
        first = {row["admin0_pcode"] for row in target.live("idp_admin2")}
        assert len(first) == 1

        sandbox.faults.clear()
        run_tap(target, **sandbox_config(sandbox))
        for level in LEVELS:
            assert count(target.live(f"idp_admin{level}")) == served(sandbox.world, level)
