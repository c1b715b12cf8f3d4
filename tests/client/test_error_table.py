"""The error table, row by row: what is unknown of the API, the sandbox has as an option."""

from __future__ import annotations

import pytest

from tap_dtm.api.client import Answer
from tap_dtm.errors import DtmAccessError, DtmQuotaError, DtmRefusedError, DtmRequestError, DtmUnknownError
from tap_dtm.sandbox import Fault, Options, SandboxServer
from tests.client.support import ADMIN0, client_of
from tests.scripted import ScriptedServer, always

ADMIN1 = "/v3/displacement/admin1"


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
        words = r"/api/idpAdmin0Data/.*: HTTP 404\. Resource not found\. Check the settings api_url and api_version"
        with pytest.raises(DtmRefusedError, match=words):
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
        with pytest.raises(
            DtmRefusedError, match=r"Admin0Pcode=XAA: the firewall .*\(403, HTML\).*Change the setting user_agent"
        ):
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
        with pytest.raises(DtmQuotaError, match=r"for now \(403: Out of call volume quota.*01:02:03\.\)\. Wait"):
            client_of(sandbox.url).get(ADMIN0, {"Admin0Pcode": "XAA"})
        assert len(sandbox.requests) == 1

    def test_14_another_refusal_in_json(self) -> None:
        """No quota: waiting would not help."""
        with (
            ScriptedServer(always({"statusCode": 403, "message": "The subscription is suspended."}, 403)) as server,
            pytest.raises(DtmAccessError, match=r"key \(403: The subscription is suspended\.\)\. Ask IOM") as caught,
        ):
            client_of(server.url).get(ADMIN0)
        assert not isinstance(caught.value, DtmQuotaError)

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
