"""The server: what it records, what it never records, and how it starts and stops."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from tap_dtm.errors import DtmError
from tap_dtm.sandbox import SANDBOX_KEY, VISIBLE, Fault, SandboxServer, invent, open_sandbox, world_at
from tap_dtm.sandbox.__main__ import serve

if TYPE_CHECKING:
    from tests.sandbox.conftest import Ask

COUNTRIES = "/v3/displacement/country-list"
ADMIN0 = "/v3/displacement/admin0"


def test_requests_are_recorded_without_the_key(sandbox: SandboxServer, ask: Ask) -> None:
    ask(ADMIN0, CountryName="Côte Inventée (the)", Operation="")
    requests.get(
        sandbox.url + COUNTRIES,
        params={"Subscription-Key": sandbox.key},
        headers={"User-Agent": "x", "ocp-apim-subscription-KEY": sandbox.key},
        timeout=10,
    )
    requests.post(sandbox.url + "/api/x", data=b"{}", headers={"User-Agent": "x"}, timeout=10)
    first, second, third = sandbox.requests
    assert (first.method, first.path, first.key_sent) == ("GET", ADMIN0, True)
    assert list(first.params.items()) == [("CountryName", "Côte Inventée (the)"), ("Operation", "")]
    assert first.headers["user-agent"] == "tap-dtm tests"
    assert (second.params, second.key_sent) == ({}, True)
    assert (third.method, third.key_sent) == ("POST", False)
    assert sandbox.key not in repr(sandbox.requests)


def test_nothing_is_printed(
    sandbox: SandboxServer, ask: Ask, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="tap_dtm"):
        ask(COUNTRIES)
        ask("/nowhere")
        with socket.create_connection(("127.0.0.1", sandbox.port)) as rude:
            rude.sendall(b"nonsense\r\n\r\n")
            rude.recv(1000)
    assert capfd.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.name.startswith("tap_dtm")]


def test_connections_are_kept_alive(sandbox: SandboxServer) -> None:
    plain = f"GET {COUNTRIES} HTTP/1.1\r\nHost: x\r\nOcp-Apim-Subscription-Key: {sandbox.key}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", sandbox.port)) as client:
        for _ in range(2):
            client.sendall(plain)
            assert client.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")


def test_bodies_of_refused_requests_do_not_spoil_the_connection(sandbox: SandboxServer) -> None:
    with requests.Session() as session:
        for _ in range(2):
            answer = session.post(sandbox.url + "/api/x", json={"a": 1}, headers={"User-Agent": "x"}, timeout=10)
            assert answer.json() == {"statusCode": 404, "message": "Resource not found"}


def test_publications_show_at_once(sandbox: SandboxServer, ask: Ask) -> None:
    first = ask(ADMIN0, Admin0Pcode="XAA").json()
    assert ask(ADMIN0, Admin0Pcode="XAA").json() == first
    sandbox.world.publish(*VISIBLE * 3)
    assert ask(ADMIN0, Admin0Pcode="XAA").json()["result"] == sandbox.world.rows(0, country="XAA")
    sandbox.world = invent(7)
    assert ask(ADMIN0, Admin0Pcode="XAA").json()["result"] == invent(7).rows(0, country="XAA")


def test_answers_are_whole_while_publications_come(sandbox: SandboxServer, ask: Ask) -> None:
    published = [sandbox.world.rows(0, country="XBA")]
    done = threading.Event()

    def keep_publishing() -> None:
        while not done.is_set() and len(published) < 50:
            twin = sandbox.world.copy()
            twin.publish(*VISIBLE)
            published.append(twin.rows(0, country="XBA"))
            sandbox.world = twin

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(keep_publishing)
        answers = [ask(ADMIN0, Admin0Pcode="XBA").json()["result"] for _ in range(50)]
        done.set()
        future.result()
    assert all(answer in published for answer in answers)


def test_the_most_requests_at_once(sandbox: SandboxServer, ask: Ask) -> None:
    ask(COUNTRIES)
    assert sandbox.most_at_once == 1
    sandbox.faults.add(Fault("slow", seconds=0.3))
    with ThreadPoolExecutor(3) as pool:
        list(
            pool.map(
                lambda _: requests.get(
                    sandbox.url + COUNTRIES,
                    params={"subscription-key": sandbox.key},
                    headers={"User-Agent": "x"},
                    timeout=10,
                ),
                range(3),
            )
        )
    assert sandbox.most_at_once == 3


def test_close_is_quick_and_repeatable() -> None:
    server = SandboxServer(invent(countries=1))
    server.faults.add(Fault("slow", seconds=60))
    with ThreadPoolExecutor(1) as pool, requests.Session() as session:
        headers = {"User-Agent": "x", "Ocp-Apim-Subscription-Key": server.key}
        waiting = pool.submit(session.get, server.url + COUNTRIES, headers=headers, timeout=30)
        while not server.requests:
            time.sleep(0.01)
        start = time.monotonic()
        server.close()
        server.close()
        assert isinstance(waiting.exception(), requests.ConnectionError)
    assert time.monotonic() - start < 5
    with pytest.raises(requests.ConnectionError):
        requests.get(server.url, timeout=1)


def test_it_listens_on_this_machine_only(sandbox: SandboxServer) -> None:
    assert sandbox.url == f"http://127.0.0.1:{sandbox.port}"
    assert sandbox._http.socket.getsockname()[0] == "127.0.0.1"


def test_open_sandbox() -> None:
    with open_sandbox() as server:
        assert server.key == SANDBOX_KEY
        assert server.world.rows(1) == invent().rows(1)
    with open_sandbox("sandbox://?publication=3&seed=2&countries=8&rows=1500") as server:
        assert server.world.rows(1) == world_at(3, seed=2, countries=8, rows=1500).rows(1)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("https://x", "is not a sandbox URL"),
        ("sandbox://somewhere", "is not a sandbox URL"),
        ("sandbox:///path", "is not a sandbox URL"),
        ("sandbox://?version=3", "no parameter 'version'"),
        ("sandbox://?publication=0", "'publication' .* whole number from 1"),
        ("sandbox://?seed=", "'seed' .* whole number"),
        ("sandbox://?countries=700", "'countries' .* 1 to 676, not '700'"),
        ("sandbox://?rows=many", "'rows' .* not 'many'"),
    ],
)
def test_bad_sandbox_urls(url: str, complaint: str) -> None:
    with pytest.raises(DtmError, match=complaint):
        open_sandbox(url)


def test_the_command_serves_until_interrupted() -> None:
    command = [sys.executable, "-m", "tap_dtm.sandbox", "--publish-every", "0.05", "--fault", "503:1", "--countries=2"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = line.partition("TAP_DTM_API_URL=")[2].partition(" ")[0]
        assert "Invented" in line
        assert SANDBOX_KEY in line
        params = {"Admin0Pcode": "XAA", "subscription-key": SANDBOX_KEY}
        with requests.Session() as session:
            session.headers["User-Agent"] = "x"
            assert session.get(url + ADMIN0, params=params, timeout=10).status_code == 503
            first = session.get(url + "/v3/displacement/admin1", params=params, timeout=10).json()
            time.sleep(0.3)
            assert session.get(url + "/v3/displacement/admin1", params=params, timeout=10).json() != first
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=10) == ("", "")
        assert process.returncode == 0


def test_the_command_names_what_is_wrong(sandbox: SandboxServer) -> None:
    for argv, sentence in (
        (["--port", str(sandbox.port)], f"Cannot listen on port {sandbox.port}: "),
        (["--port", "70000"], "Cannot listen on port 70000: "),
        (["--countries", "0"], "A world has 1 to 676 countries, not 0."),
        (["--publication", "0"], "Publications count from 1"),
        (["--fault", "418"], "There is no fault '418'"),
        (["--publish-every", "0"], "--publish-every is a number of seconds greater than 0."),
    ):
        with pytest.raises(DtmError, match=sentence):
            serve(argv)
