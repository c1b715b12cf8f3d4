"""The client of a CKAN site: where the token goes, what is said of a wrong address, what is shown of an answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from frictionless_dtm.publish.command import publish
from frictionless_dtm.publish.folder import CHUNK

from tap_dtm.sandbox import SandboxServer, invent
from tests.datapackage.ckan import ORGANISATION, TOKEN, FakeCkan, Fault
from tests.datapackage.finished import finished_package
from tests.hostile import support
from tests.hostile.support import RawServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.hostile.support import Hostility


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCkan]:
    monkeypatch.setenv("CKAN_API_TOKEN", TOKEN)
    with FakeCkan() as served:
        yield served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return finished_package(tmp_path / "package")


def run(site: FakeCkan, folder: Path, *args: str) -> tuple[int, str]:
    where = ["--to", "ckan", "--url", site.url, "--owner-org", ORGANISATION, "--maintainer", "somebody", "--yes"]
    result = CliRunner().invoke(publish, [str(folder), *where, *args])
    assert not isinstance(result.exception, Exception), result.exception
    return result.exit_code, result.output


def test_nobody_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CKAN_API_TOKEN", TOKEN)
    with FakeCkan() as gone:
        pass
    code, output = run(gone, folder)
    assert (code, "cannot be reached" in output) == (1, True)


def test_the_token_goes_to_no_other_host(site: FakeCkan, folder: Path) -> None:
    with FakeCkan() as other:
        site.redirect_to = other.url
        code, output = run(site, folder)
        assert (code, "redirects to" in output) == (1, True)
        assert other.calls == []


@pytest.mark.parametrize(
    ("address", "says"),
    [("http://[bad", "to another page"), ("/elsewhere", "to another page"), ("http://a:b@c", "to c:")],
)
def test_a_redirect_to_nowhere(site: FakeCkan, folder: Path, address: str, says: str) -> None:
    site.redirect_to = address
    code, output = run(site, folder)
    assert (code, says in output) == (1, True)


def test_a_redirect_to_the_same_site(site: FakeCkan, folder: Path) -> None:
    site.redirect_to = site.url
    code, output = run(site, folder)
    assert (code, "reports that /api/3/action/package_show has moved" in output) == (1, True)


@pytest.mark.parametrize(
    "url",
    [
        *("http://[::1", "https://h:port", "https://h:99999", "data.example.org", "ftp://h", ""),
        *("https://h/#a", "https://h?", "https://user:secret@h", "https://:secret@h", "https://h/ x"),
    ],
)
def test_an_invalid_address(site: FakeCkan, folder: Path, url: str) -> None:
    code, output = run(site, folder, "--url", url)
    assert code == 1
    assert "must look like https://data.example.org" in output or "--url is missing" in output
    assert "secret" not in output


@pytest.mark.parametrize("token", [TOKEN, "a+b/c==.%d", "(a|b)*"])
@pytest.mark.parametrize(
    "body",
    [
        '{"success": false, "error": {"message": "You sent AUTHORIZATION"}}',
        '{"success": false, "error": {"AUTHORIZATION": ["no", "AUTHORIZATION"]}}',
        '{"success": false, "error": "boom: AUTHORIZATION, token=QUOTED, and QUOTED_WHOLLY"}',
    ],
)
def test_a_site_that_repeats_the_token_has_it_hidden(
    site: FakeCkan, folder: Path, monkeypatch: pytest.MonkeyPatch, token: str, body: str
) -> None:
    monkeypatch.setenv("CKAN_API_TOKEN", token)
    wholly = "".join(f"%{ord(letter):02x}" for letter in token)
    body = body.replace("QUOTED_WHOLLY", wholly).replace("QUOTED", quote(token, safe=""))
    for status in (500, 409, 403):
        site.calls.clear()
        site.faults = [Fault("package_show", 1, status, body)]
        code, output = run(site, folder)
        assert code == 1
        assert "***" in output or status == 403
        assert not [form for form in (token, quote(token, safe=""), wholly) if form in output]


def test_the_token_is_sent_encrypted_only(site: FakeCkan, folder: Path) -> None:
    code, output = run(site, folder, "--url", "http://data.example.org")
    assert (code, "would send the token unencrypted" in output) == (1, True)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 2])
def test_files_of_every_length_arrive_whole(folder: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setenv("CKAN_API_TOKEN", TOKEN)
    content = bytes(range(251)) * (size // 251) + bytes(size % 251)
    (folder / "notes.bin").write_bytes(content)
    with FakeCkan(hdx=False) as site:
        assert run(site, folder, "--profile", "ckan", "--include", "notes.bin")[0] == 0
        url = site.resources("invented-displacement")["notes.bin"]["url"]
        assert site.files[url.removeprefix(site.url)] == content


class TestHostileAnswers:
    """The site's answers have the bounds that DTM's have."""

    @staticmethod
    def publish_to(hostility: Hostility, folder: Path) -> str:
        with (
            SandboxServer(invent(seed=1, countries=1)) as sandbox,
            RawServer(sandbox, hostility, lambda _: True) as ckan,
        ):
            where = ["--to", "ckan", "--url", ckan.url, "--owner-org", ORGANISATION, "--maintainer", "somebody"]
            result = CliRunner().invoke(publish, [str(folder), *where])
        assert (result.exit_code, result.exception is None or isinstance(result.exception, SystemExit)) == (1, True)
        return result.output

    @pytest.mark.parametrize("hostility", [support.endless_body, support.endless_list, support.gzip_bomb])
    def test_that_are_too_large(self, folder: Path, hostility: Hostility) -> None:
        assert "answers with more than 16 MB, which cannot be an answer" in self.publish_to(hostility, folder)

    @pytest.mark.parametrize(
        "hostility",
        [
            support.dripping_body,
            support.dripping_header,
            support.dripping_trailers,
            support.dripping_continue,
            support.endless_continue,
        ],
    )
    def test_that_do_not_end(self, folder: Path, hostility: Hostility, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("frictionless_dtm.publish.ckan.client._LONGEST", 0.2)

        assert "does not finish its answer" in self.publish_to(hostility, folder)

    def test_with_control_characters_and_many_words(self, site: FakeCkan, folder: Path) -> None:
        error = {"message": "no\x1b[2J\n[31m" + "x" * 100_000}
        site.faults = [Fault("package_show", 1, 403, json.dumps({"success": False, "error": error}))]

        code, output = run(site, folder)

        assert code == 1
        assert "no\\x1b[2J\\n" in output
        assert "\x1b" not in output
        assert len(output) < 1500

    def test_a_stranger_s_credentials_are_not_sent(
        self, site: FakeCkan, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without a token, requests would look for others in ~/.netrc."""
        (tmp_path / ".netrc").write_text("default login invented password strangers-secret\n")
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        monkeypatch.delenv("CKAN_API_TOKEN")

        where = ["--to", "ckan", "--url", site.url, "--owner-org", ORGANISATION, "--maintainer", "somebody"]
        CliRunner().invoke(publish, [str(folder), *where])

        assert {call.authorization for call in site.calls} == {None}
