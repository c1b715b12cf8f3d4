"""Nobody answers, or not at once: the error says who and where; tries and pauses outlive what passes."""

from __future__ import annotations

import errno
import logging
import os
import socket
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from tap_dtm.api.client import LONGEST_WAIT
from tap_dtm.errors import DtmError, DtmRequestError
from tap_dtm.sandbox import Fault, SandboxServer
from tap_dtm.sandbox.api import Answer as Said
from tests.client.support import ADMIN0, NO_ROWS, client_of
from tests.scripted import ScriptedServer

COUNTRIES = "/v3/displacement/country-list"


@pytest.mark.usefixtures("waits")
class TestNoAnswer:
    def test_a_closed_port(self) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))  # taken, but nobody listens
            port = closed.getsockname()[1]
            with pytest.raises(DtmRequestError) as caught:
                client_of(f"http://127.0.0.1:{port}", max_retries=1).get(COUNTRIES)
        assert str(caught.value) == (
            f"{COUNTRIES}: the connection to 127.0.0.1:{port} failed or was interrupted "
            f"({os.strerror(errno.ECONNREFUSED)}). "
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
            f"{COUNTRIES}: the connection to dtm.invalid failed or was interrupted (Name or service not known). "
            "Check the network, a proxy, and the setting api_url."
        )

    def test_a_server_that_speaks_no_tls(self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NO_PROXY", "*")
        with pytest.raises(
            DtmRequestError, match=r"127\.0\.0\.1:\d+ failed or was interrupted \(.+\)\. Check"
        ) as caught:
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


class TestRetries:
    @pytest.mark.parametrize(
        "fault",
        [
            Fault("rate_limit", 2, seconds=0),
            *(Fault("status", 2, status=status) for status in (408, 425, 500, 502, 503, 504, 520, 522, 529)),
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

    @pytest.mark.parametrize("header", ["0", "1", "Wed, 21 Oct 2015 07:28:00 GMT"])
    def test_retry_after_shorter_than_the_usual_pause_does_not_shorten_it(
        self, waits: list[float], header: str
    ) -> None:
        """A date has passed, for example, when this machine's clock is fast."""
        with (
            ScriptedServer(lambda _: Said(503, "", {"Retry-After": header})) as server,
            pytest.raises(DtmRequestError, match="HTTP 503"),
        ):
            client_of(server.url, max_retries=5).get(ADMIN0)
        assert len(waits) == 5
        for wait, longest in zip(waits, (1, 2, 4, 8, 16), strict=True):
            assert longest / 2 <= wait

    @pytest.mark.parametrize(
        "header", ["", "soon", "-5", "1e3", "Wed, 99 Oct 2015", "Mon, 99999999999999999999 Jan 2020 00:00:00 GMT"]
    )
    def test_retry_after_nonsense_is_no_advice(self, waits: list[float], header: str) -> None:
        answers = iter([Said(429, "", {"Retry-After": header}), Said(200, NO_ROWS)])
        with ScriptedServer(lambda _: next(answers)) as server:
            client_of(server.url).get(ADMIN0)
        assert len(waits) == 1
        assert 0.5 <= waits[0] <= 1

    def test_retry_after_longer_than_anyone_waits(self, sandbox: SandboxServer, waits: list[float]) -> None:
        sandbox.faults.add(Fault("rate_limit", seconds=LONGEST_WAIT + 1))
        with pytest.raises(DtmRequestError, match=r"HTTP 429: .*asks for a pause of 601 s. Run again after it"):
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
