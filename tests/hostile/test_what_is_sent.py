"""What is sent, and to whom: the subscription key to the API alone, and no other secret of this machine to anybody."""

from __future__ import annotations

import http.cookies
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.api.client import DtmClient
from tap_dtm.errors import DtmError, DtmRefusedError
from tap_dtm.sandbox import SandboxServer, invent
from tap_dtm.sandbox.api import Answer as Said
from tap_dtm.settings import Settings
from tests.client.support import ADMIN0, NO_ROWS, client_of
from tests.hostile.support import RawServer, head
from tests.scripted import ScriptedServer, always
from tests.target import MemoryTarget, run_tap

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from pathlib import Path

    from tap_dtm.sandbox.api import Request
    from tests.hostile.support import Pieces

KEY = "k3y-5f1e9d0c7b3a4826915d"


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(invent(seed=1, countries=2), key=KEY) as server:
        yield server


def error_of(url: str, **config: Any) -> str:
    with pytest.raises(DtmError) as caught:
        client_of(url, subscription_key=KEY, max_retries=0, **config).get(ADMIN0)
    return str(caught.value)


class TestSecretsOfThisMachine:
    def test_credentials_of_a_netrc_file_are_not_sent(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / ".netrc").write_text("default login invented password strangers-secret\n")
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        with ScriptedServer(always(NO_ROWS)) as server:
            settings = Settings.from_config({"api_url": server.url, "subscription_key": KEY})
            # As for any other host, for which the environment counts.
            monkeypatch.setattr(Settings, "is_local", False)

            DtmClient(settings).get(ADMIN0)

        assert "authorization" not in server.requests[0].headers

    def test_cookies_are_not_kept(self) -> None:
        """A server that sets one with each answer would get them all back, until it refuses the header's size."""

        def respond(request: Request) -> Said:
            number = len(server.requests)
            cookie = http.cookies.SimpleCookie({f"invented{number}": "x" * 1000})
            status = 431 if "cookie" in request.headers else 200
            return Said(status, NO_ROWS, {"Set-Cookie": cookie.output(header="").strip()})

        with ScriptedServer(respond) as server:
            client = client_of(server.url)
            for _ in range(3):
                client.get(ADMIN0)

        assert len(server.requests) == 3


class TestRedirects:
    @pytest.mark.parametrize(
        "location",
        [
            "http://{other}\\@{own}/x",
            "http://{other}\\@{own}",
            "//{other}\\@{own}/x",
            "http:\\\\{other}/x",
            "http://{own}\\.{other}/x",
            "http://{own}@{other}/x",
            "http://name:secret@{own}/x",
            "http://{own}#@{other}/x",
            "http://{other}?@{own}/x",
            "http://{other}/\t/x",
            "h\tttp://{other}/x",
            "http://{own}\x00.{other}/x",
            "http://{own} .{other}/x",
            "ftp://{own}/x",
            "https://{own}/x",
            "file:///etc/passwd",
            "///{other}/x",
            "http:///{other}/x",
            "http:{other}/x",
        ],
    )
    def test_no_other_host_ever_gets_a_request(self, location: str) -> None:
        with ScriptedServer(always(NO_ROWS)) as stranger, ScriptedServer(always("")) as server:
            other, own = (each.url.removeprefix("http://") for each in (stranger, server))
            server.respond = always("", 302, Location=location.format(other=other, own=own))

            said = error_of(server.url)

        assert stranger.requests == []
        assert "redirects" in said or "HTTP 302" in said
        assert all("authorization" not in request.headers for request in server.requests)

    def test_one_that_programs_read_differently_is_refused(self) -> None:
        with ScriptedServer(always(NO_ROWS)) as server:
            own = server.url.removeprefix("http://")
            server.respond = always("", 302, Location=f"http://other.example\\@{own}/x")

            with pytest.raises(DtmRefusedError, match="redirects to another host"):
                client_of(server.url).get(ADMIN0)

        assert len(server.requests) == 1


def echoes() -> list[Any]:
    """Answers that repeat the key where none of this project's own words are."""
    whole = NO_ROWS | {"statusCode": 200, "totalRecordsCount": 1}
    return [
        pytest.param(always(whole | {"totalRecordsCount": KEY}), id="count"),
        pytest.param(always(NO_ROWS | {"statusCode": KEY, "errorMessages": []}), id="statusCode"),
        pytest.param(always(NO_ROWS | {"isSuccess": False, "errorMessages": [KEY.upper()]}), id="upper case"),
        pytest.param(always("<html>", Content_Type=f"text/{KEY}"), id="content type"),
        pytest.param(always({"message": f"%6b3y{KEY[3:]}"}, 403), id="URL-encoded"),
        pytest.param(always("", 302, Location=f"http://{KEY}.example/"), id="redirect"),
    ]


class TestWhatIsShown:
    @pytest.mark.parametrize("respond", echoes())
    def test_an_answer_that_repeats_the_key_shows_stars(self, respond: Any) -> None:
        with ScriptedServer(respond) as server:
            said = error_of(server.url)

        assert KEY[4:] not in said.lower()
        assert "***" in said

    def test_a_header_that_cannot_be_parsed_is_not_logged(
        self, sandbox: SandboxServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        """urllib3 would warn, with the line itself and a traceback."""

        def hostility(_: threading.Event) -> Pieces:
            body = json.dumps(NO_ROWS).encode()
            yield head(200, f"Content-Length: {len(body)}", f"Your key is {KEY}", "X-More: 1") + body

        with (
            caplog.at_level(logging.DEBUG),
            RawServer(sandbox, hostility, lambda request: request.path == ADMIN0) as server,
        ):
            client_of(server.url, subscription_key=KEY).get(ADMIN0)

        assert "urllib3.connectionpool" in {record.name for record in caplog.records}
        assert not [record for record in caplog.records if record.levelno > logging.INFO or record.exc_info]
        assert KEY not in caplog.text

    def test_what_the_api_says_forges_no_line_and_is_cut(self) -> None:
        words = "Sorry.\nCRITICAL tap-dtm all is lost \x1b[31m" + "x" * 1_000_000
        with ScriptedServer(always(NO_ROWS | {"isSuccess": False, "errorMessages": [words]})) as server:
            said = error_of(server.url)

        assert "Sorry.\\nCRITICAL" in said
        assert "\n" not in said
        assert "\x1b" not in said
        assert len(said) < 700

    def test_megabytes_of_words_are_cut(self, sandbox: SandboxServer, caplog: pytest.LogCaptureFixture) -> None:
        def respond(request: Request) -> Said:
            if request.path != ADMIN0:
                status, _, body, _ = sandbox.respond(request)
                return Said(status, body.decode())
            return Said(200, NO_ROWS | {"isSuccess": False, "errorMessages": ["\x1b[2Jx" * 500_000]})

        with ScriptedServer(respond) as server:
            run_tap(MemoryTarget(), api_url=server.url, subscription_key=KEY, max_retries=0, error=DtmError)

        failures = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
        assert len(failures) == 2
        assert all(len(failure) < 1000 and "\x1b" not in failure for failure in failures)
