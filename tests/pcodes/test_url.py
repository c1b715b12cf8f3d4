"""A list that is at a URL: redirects, faults that pass, and what is never sent there or shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tap_dtm.api import download
from tap_dtm.api.download import Download
from tap_dtm.errors import DtmError
from tap_dtm.sandbox.api import Answer
from tap_dtm.settings import Settings
from tests.pcodes.support import READ, cells_of, load, text_of
from tests.scripted import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_dtm.sandbox import SandboxServer
    from tap_dtm.sandbox.api import Request
    from tests.target import MemoryTarget

LIST = Answer(200, text_of(), {"Content-Type": "text/csv"})


def test_it_is_read_after_redirects_to_another_host(sandbox: SandboxServer, target: MemoryTarget) -> None:
    with ScriptedServer(lambda _: LIST) as storage:
        signed = f"{storage.url}/invented.csv?X-Signature=invented-signature"
        with ScriptedServer(lambda _: Answer(302, "", {"Location": signed})) as site:
            load(target, sandbox, f"{site.url}/dataset/download/list.csv")

    assert cells_of(target.live("pcodes")) == sorted(READ)
    for request in (*site.requests, *storage.requests):
        assert sandbox.key not in str(request)
        assert request.headers["user-agent"].startswith("tap-dtm/")


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_fault_that_passes_is_asked_again(
    sandbox: SandboxServer, target: MemoryTarget, waits: list[float], status: int
) -> None:
    answers = [Answer(status, "busy", {"Retry-After": "7"}), LIST]

    with ScriptedServer(lambda _: answers.pop(0)) as site:
        load(target, sandbox, f"{site.url}/list.csv")

    assert cells_of(target.live("pcodes")) == sorted(READ)
    assert len(waits) == 1
    assert waits[0] >= 7


def test_a_list_that_breaks_off_is_asked_for_again(
    sandbox: SandboxServer, target: MemoryTarget, waits: list[float]
) -> None:
    whole = text_of()
    cut = Answer(200, whole[: whole.index("XBA")], {"Content-Length": str(len(whole.encode())), "Connection": "close"})
    answers = [cut, LIST]

    with ScriptedServer(lambda _: answers.pop(0)) as site:
        load(target, sandbox, f"{site.url}/list.csv")

    assert cells_of(target.live("pcodes")) == sorted(READ)
    assert len(waits) == 1


REFUSED: dict[str, tuple[Callable[[Request], Answer], str]] = {
    "not found": (lambda _: Answer(404, "nothing here"), "HTTP 404. Check the setting pcodes"),
    "a circle": (lambda _: Answer(302, "", {"Location": "/list.csv"}), "redirects in a circle"),
    "to a file": (lambda _: Answer(302, "", {"Location": "file:///etc/passwd"}), "redirects to file:///etc/passwd"),
    "with a name": (lambda _: Answer(302, "", {"Location": "http://a:b@127.0.0.1/"}), "redirects to"),
    "a page": (lambda _: Answer(200, "<html>Invented</html>"), "it is a web page, not CSV"),
    "a long wait": (lambda _: Answer(503, "", {"Retry-After": "9999"}), "The site asks for a pause of 9999 s"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_one_sentence_says_why_it_cannot_be_read(
    sandbox: SandboxServer, target: MemoryTarget, waits: list[float], caplog: pytest.LogCaptureFixture, case: str
) -> None:
    respond, words = REFUSED[case]
    with ScriptedServer(respond) as site:
        load(target, sandbox, f"{site.url}/list.csv?token=invented-token", error=DtmError)

    (failure,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert words in failure
    assert f"{site.url}/list.csv" in failure
    assert "invented-token" not in caplog.text
    assert waits == []
    assert target.live("idp_admin0")


def test_a_list_without_end_is_refused(
    sandbox: SandboxServer, target: MemoryTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "LARGEST", 200)

    with ScriptedServer(lambda _: LIST) as site, pytest.raises(DtmError, match="larger than"):
        load(target, sandbox, f"{site.url}/list.csv")


def test_nobody_there(sandbox: SandboxServer, target: MemoryTarget, waits: list[float]) -> None:
    with pytest.raises(DtmError, match=r"the connection to 127\.0\.0\.1:9 failed or was interrupted") as raised:
        load(target, sandbox, "http://127.0.0.1:9/list.csv", max_retries=2)

    assert "the setting pcodes" in str(raised.value)
    assert len(waits) == 2


@pytest.mark.parametrize(
    "url", ["ftp://example.org/list.csv", "file:///list.csv", "https://name:word@example.org/list.csv", "https://[/a"]
)
def test_a_setting_that_is_no_such_url_ends_the_run_before_it_begins(
    sandbox: SandboxServer, target: MemoryTarget, url: str
) -> None:
    with pytest.raises(DtmError, match="The setting pcodes must be the path of a file, or a URL") as raised:
        load(target, sandbox, url)

    assert "word" not in str(raised.value)
    assert sandbox.requests == []


def test_a_redirect_to_an_address_that_is_not_encrypted_is_refused() -> None:
    file = Download("https://example.org/list.csv", "pcodes", Settings.from_config({"api_url": "sandbox://"}))

    with pytest.raises(DtmError, match="not a plain https:// address"):
        file._redirected("https://example.org/list.csv", "http://example.org/list.csv")


def test_a_proxy_of_the_environment_is_used(
    sandbox: SandboxServer, target: MemoryTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    def respond(request: Request) -> Answer:
        return LIST if request.headers["host"] == "pcodes.example" else Answer(404, "")

    with ScriptedServer(respond) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        load(target, sandbox, "http://pcodes.example/list.csv")

    assert cells_of(target.live("pcodes")) == sorted(READ)
