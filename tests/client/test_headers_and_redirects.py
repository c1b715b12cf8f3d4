"""What is sent, and to whom: the key is kept to one host."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from tap_dtm.errors import DtmRequestError
from tap_dtm.sandbox import Fault, SandboxServer
from tap_dtm.sandbox.api import Answer as Said
from tests.client.support import ADMIN0, NO_ROWS, client_of, sandbox_config
from tests.scripted import ScriptedServer, always
from tests.target import MemoryTarget, run_tap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_dtm.sandbox.api import Request


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

    @pytest.mark.parametrize("location", ["http://{}@evil.example/", "http://x:{}@evil.example/", "//{}.evil.example/"])
    def test_that_repeats_the_key_is_reported_without_it(self, location: str) -> None:
        key = "k3y-0123456789"
        with (
            ScriptedServer(always("", 302, Location=location.format(key))) as server,
            pytest.raises(DtmRequestError, match=r"redirects to another host .*evil\.example") as caught,
        ):
            client_of(server.url, subscription_key=key).get(ADMIN0)
        assert key not in str(caught.value)

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


def through(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name a proxy for everything, without exceptions."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy)
        monkeypatch.setenv(name.lower(), proxy)


class TestProxies:
    """The environment names them, as for any other program."""

    @pytest.fixture
    def proxy(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
        with ScriptedServer(always("No way.", 502)) as server:
            through(server.url, monkeypatch)
            yield server

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_are_not_asked_for_this_machine(self, sandbox: SandboxServer, proxy: ScriptedServer, host: str) -> None:
        client = client_of(sandbox.url.replace("127.0.0.1", host))

        assert client.get(ADMIN0, {"Admin0Pcode": "XAA"}).rows
        assert proxy.requests == []

    def test_are_not_asked_for_the_offline_api(self, proxy: ScriptedServer) -> None:
        target = MemoryTarget()

        run_tap(target, api_url="sandbox://?countries=1&rows=10")

        assert target.live("idp_admin0")
        assert proxy.requests == []

    def test_are_asked_for_any_other_host(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[bytes] = []

        def hear(proxy: socket.socket) -> None:
            connection, _ = proxy.accept()
            with connection:
                asked.append(connection.recv(1000))

        with socket.create_server(("127.0.0.1", 0)) as proxy:
            listening = threading.Thread(target=hear, args=(proxy,), daemon=True)
            listening.start()
            through(f"http://127.0.0.1:{proxy.getsockname()[1]}", monkeypatch)
            with pytest.raises(DtmRequestError, match=r"the connection to dtm\.invalid failed"):
                client_of("https://dtm.invalid", max_retries=0).get(ADMIN0)
            listening.join(30)

        assert asked[0].startswith(b"CONNECT dtm.invalid:443 ")
