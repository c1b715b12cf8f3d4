"""A subscription has two keys: when the first is refused as invalid, the run goes on with the second."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.errors import DtmAccessError, DtmError, DtmQuotaError, DtmRequestError
from tap_dtm.sandbox import Fault, SandboxServer
from tap_dtm.sandbox.api import Answer, gateway_error
from tests.client.support import ADMIN0, NO_ROWS, client_of
from tests.scripted import ScriptedServer, always
from tests.target import MemoryTarget, run_tap

if TYPE_CHECKING:
    from tap_dtm.api.client import DtmClient
    from tap_dtm.sandbox.api import Request

FIRST, SECOND = "f1rst-0123456789abcdef", "s3cond-fedcba9876543210"
INVALID = gateway_error(401, "Access denied due to invalid subscription key.")


def opens_with(*valid: str) -> ScriptedServer:
    """Return an API that takes these keys."""

    def respond(request: Request) -> Answer:
        return Answer(200, NO_ROWS) if request.headers["ocp-apim-subscription-key"] in valid else INVALID

    return ScriptedServer(respond)


def two_keys(server: ScriptedServer | SandboxServer, **config: Any) -> DtmClient:
    return client_of(server.url, subscription_key=FIRST, secondary_subscription_key=SECOND, max_retries=0, **config)


def keys_sent(server: ScriptedServer) -> list[str]:
    return [request.headers["ocp-apim-subscription-key"] for request in server.requests]


def test_is_not_sent_while_the_first_is_valid() -> None:
    with opens_with(FIRST, SECOND) as server:
        two_keys(server).get(ADMIN0)
    assert keys_sent(server) == [FIRST]


def test_takes_over_after_the_first_401_for_the_rest_of_the_run(caplog: pytest.LogCaptureFixture) -> None:
    with opens_with(SECOND) as server, caplog.at_level(logging.WARNING):
        client = two_keys(server)
        for _ in range(3):
            assert client.get(ADMIN0).rows == []
    assert keys_sent(server) == [FIRST, SECOND, SECOND, SECOND]
    assert client.requests_made == 4
    (said,) = (record.getMessage() for record in caplog.records)
    assert said == (
        "The DTM API refuses the first subscription key (401). From now on this run uses the second one, "
        "secondary_subscription_key. Put a valid key into subscription_key."
    )


def test_takes_over_once_for_all_threads(caplog: pytest.LogCaptureFixture) -> None:
    """Requests that were under way with the first key are repeated with the second."""
    both_are_here = threading.Barrier(2, timeout=30)

    def respond(request: Request) -> Answer:
        if request.headers["ocp-apim-subscription-key"] == SECOND:
            return Answer(200, NO_ROWS)
        both_are_here.wait()
        return INVALID

    with ScriptedServer(respond) as server:
        client = two_keys(server)
        threads = [threading.Thread(target=client.get, args=(ADMIN0,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert sorted(keys_sent(server)) == [FIRST, FIRST, SECOND, SECOND]
    assert len(caplog.records) == 1


def test_is_tried_once_and_then_the_run_stops(caplog: pytest.LogCaptureFixture) -> None:
    with opens_with() as server, pytest.raises(DtmAccessError) as caught:
        two_keys(server).get(ADMIN0)
    assert keys_sent(server) == [FIRST, SECOND]
    assert str(caught.value).startswith(
        "The DTM API refuses both subscription keys (401: Access denied due to invalid subscription key.). Register at"
    )
    for words in (str(caught.value), caplog.text):
        assert FIRST not in words
        assert SECOND not in words


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("quota", DtmQuotaError, "refuses the first subscription key for now (403: Out of call volume quota."),
        ("firewall", DtmRequestError, "the firewall in front of the DTM API refuses the request"),
    ],
)
def test_is_not_tried_after_a_403(sandbox: SandboxServer, kind: Any, error: type[DtmError], words: str) -> None:
    sandbox.key = FIRST
    sandbox.faults.add(Fault(kind))
    with pytest.raises(error) as caught:
        two_keys(sandbox).get(ADMIN0)
    assert words in str(caught.value)
    assert len(sandbox.requests) == 1


def test_a_403_of_the_second_names_it() -> None:
    def respond(request: Request) -> Answer:
        is_first = request.headers["ocp-apim-subscription-key"] == FIRST
        return INVALID if is_first else gateway_error(403, "Out of call volume quota.")

    with (
        ScriptedServer(respond) as server,
        pytest.raises(DtmQuotaError, match="refuses the second subscription key for now"),
    ):
        two_keys(server).get(ADMIN0)
    assert keys_sent(server) == [FIRST, SECOND]


def test_the_same_key_twice_is_one_key() -> None:
    with opens_with() as server, pytest.raises(DtmAccessError, match="refuses the subscription key"):
        client_of(server.url, subscription_key=FIRST, secondary_subscription_key=FIRST).get(ADMIN0)
    assert keys_sent(server) == [FIRST]


@pytest.mark.parametrize("part", ["{}@evil.example", "evil.example/{}"])
def test_is_sent_to_no_other_host_and_hidden_like_the_first(part: str) -> None:
    """The API refuses the first key, and redirects what comes with the second."""
    with ScriptedServer(always(NO_ROWS)) as stranger:

        def respond(request: Request) -> Answer:
            if request.headers["ocp-apim-subscription-key"] == FIRST:
                return INVALID
            return Answer(302, "", {"Location": locations.pop()})

        with ScriptedServer(respond) as server:
            locations = [f"{stranger.url}{ADMIN0}", f"http://{part.format(SECOND)}"]
            for _ in range(2):
                with pytest.raises(DtmRequestError, match="redirects to another host") as caught:
                    two_keys(server).get(ADMIN0)
                assert SECOND not in str(caught.value)
    assert stranger.requests == []


def test_carries_a_whole_run(sandbox: SandboxServer, caplog: pytest.LogCaptureFixture) -> None:
    sandbox.key = SECOND
    target = MemoryTarget()
    with caplog.at_level(logging.DEBUG):
        run_tap(target, api_url=sandbox.url, subscription_key=FIRST, secondary_subscription_key=SECOND)
    assert len(target.live("idp_admin0")) == len(sandbox.world.rows(0))
    assert caplog.text.count("refuses the first subscription key") == 1
    assert FIRST not in caplog.text
    assert SECOND not in caplog.text
