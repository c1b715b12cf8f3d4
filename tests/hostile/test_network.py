"""Proxies and certificates of the environment: each failure names what failed, and what to do."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import re
import socket
import ssl
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tap_dtm.errors import DtmRefusedError, DtmRequestError
from tests.airbyte.support import DEDUP, Source, configured, errors, statuses
from tests.client.support import ADMIN0, client_of
from tests.client.test_headers_and_redirects import through
from tests.forked import forked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HOST = "https://dtm.invalid"
NEW_LINE = b"\r\n"
KEY = "k3y-5f1e9d0c7b3a4826915d"


@pytest.fixture
def proxy() -> Iterator[Callable[[bytes], str]]:
    """A proxy that says the same to everybody; called with the words, it returns its host and port."""
    with contextlib.ExitStack() as stack:

        def start(words: bytes) -> str:
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def serve() -> None:
                with contextlib.suppress(OSError):
                    while True:
                        connection, _ = listening.accept()
                        with connection:
                            connection.recv(10_000)
                            connection.sendall(words)

            threading.Thread(target=serve, daemon=True).start()
            return f"127.0.0.1:{listening.getsockname()[1]}"

        yield start


def failure(error: type[DtmRequestError] = DtmRequestError, url: str = HOST, **config: Any) -> str:
    with pytest.raises(error) as caught:
        client_of(url, max_retries=0, **config).get(ADMIN0)
    return str(caught.value)


class TestAProxy:
    def test_that_wants_a_password_is_named_and_not_asked_again(
        self, proxy: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        address = proxy(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        through(f"http://{address}", monkeypatch)

        with pytest.raises(DtmRefusedError) as caught:
            client_of(HOST, max_retries=5).get(ADMIN0)

        assert f"the proxy {address} needs a user name and a password, or refuses them (407)" in str(caught.value)
        assert "HTTPS_PROXY takes them as http://name:password@host:port" in str(caught.value)

    def test_that_refuses_the_host_is_named(
        self, proxy: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        address = proxy(b"HTTP/1.1 403 Not\x1b[2J here\r\nContent-Length: 0\r\n\r\n")
        through(f"http://{address}", monkeypatch)

        said = failure(DtmRefusedError)

        assert f"the proxy {address} does not connect to dtm.invalid (403 Not" in said
        assert "\x1b" not in said

    def test_that_is_down_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))  # taken, but nobody listens
            address = f"127.0.0.1:{closed.getsockname()[1]}"
            through(f"http://name:proxy-secret@{address}", monkeypatch)

            said = failure()

        assert f"the proxy {address} cannot be reached (Connection refused)" in said
        assert "HTTPS_PROXY" in said
        assert "proxy-secret" not in said

    def test_that_does_not_end_its_answer(self, proxy: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch) -> None:
        through(f"http://{proxy(b'HTTP/1.1 200 OK' + NEW_LINE + (b'X: y' + NEW_LINE) * 300_000)}", monkeypatch)

        assert re.search("the head of the answer does not end|more than 100 headers|was interrupted", failure())

    def test_without_a_scheme_is_used(self, proxy: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch) -> None:
        address = proxy(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        through(address, monkeypatch)

        assert f"the proxy {address} does not connect to dtm.invalid (403 Forbidden)" in failure()

    @pytest.mark.parametrize(
        "address",
        ["http://proxy.invalid:99999", "http://", "ftp://proxy.invalid", "http://[::1"],
    )
    def test_with_an_address_that_is_none_blames_the_variable(
        self, address: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        through(address, monkeypatch)

        said = failure(DtmRefusedError)

        assert said == (
            "The environment variable HTTPS_PROXY does not hold the address of a proxy: write it as http://host:port."
        )

    def test_of_socks_says_what_it_needs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        through("socks5://proxy.invalid:1080", monkeypatch)

        said = failure(DtmRefusedError)

        assert "HTTPS_PROXY names a SOCKS proxy, which needs the Python package PySocks" in said
        assert "api_url" not in said


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[str]:
    """A server with a certificate that nobody knows."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "invented")])
    now = dt.datetime.now(dt.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True):
                    pass

        threading.Thread(target=serve, daemon=True).start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


def test_an_unknown_certificate_hints_at_the_bundle(stranger: str) -> None:
    said = failure(DtmRefusedError, stranger)

    assert "the certificate of 127.0.0.1:" in said
    assert "is not trusted (self" in said
    assert "set the environment variable REQUESTS_CA_BUNDLE to a PEM file" in said


class TestABundleThatCannotBeRead:
    @pytest.fixture(params=["missing", "no certificates"])
    def bundle(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        path: Path = tmp_path / "bundle.pem"
        if request.param == "no certificates":
            path.write_text("These are not certificates.", encoding="utf-8")
        return path

    def test_is_named(self, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))

        said = failure(DtmRefusedError)

        assert said.startswith(f"REQUESTS_CA_BUNDLE names {bundle}, which cannot be read as a PEM file")

    def test_is_named_by_the_tap(self, bundle: Path, tmp_path: Path) -> None:
        source = Source(tmp_path)
        environment = source.environment | {
            "REQUESTS_CA_BUNDLE": str(bundle),
            "TAP_DTM_API_URL": HOST,
            "TAP_DTM_SUBSCRIPTION_KEY": KEY,
        }

        done = subprocess.run(
            [*forked("tap-dtm"), "--config=ENV"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            check=False,
            timeout=60,
        )

        assert done.returncode == 1
        assert f"REQUESTS_CA_BUNDLE names {bundle}".encode() in done.stderr.splitlines()[-1]
        assert b"Cannot write" not in done.stderr

    def test_fails_the_check_of_the_airbyte_source(self, bundle: Path, tmp_path: Path) -> None:
        source = Source(tmp_path)
        source.environment["REQUESTS_CA_BUNDLE"] = str(bundle)

        _, messages = source.run("check", config={"api_url": HOST, "subscription_key": KEY})

        (status,) = [message["connectionStatus"] for message in messages if message["type"] == "CONNECTION_STATUS"]
        assert status["status"] == "FAILED"
        assert f"REQUESTS_CA_BUNDLE names {bundle}" in status["message"]

    def test_ends_a_read_of_the_airbyte_source_with_its_reason(self, bundle: Path, tmp_path: Path) -> None:
        source = Source(tmp_path)
        source.environment["REQUESTS_CA_BUNDLE"] = str(bundle)

        code, messages = source.run(
            "read", config={"api_url": HOST, "subscription_key": KEY}, catalog=configured({"idp_admin0": DEDUP})
        )

        (error,) = errors(messages)
        assert code == 1
        assert f"REQUESTS_CA_BUNDLE names {bundle}" in error["message"]
        assert error["failure_type"] == "config_error"
        assert statuses(messages)["idp_admin0"][-1] == "INCOMPLETE"
