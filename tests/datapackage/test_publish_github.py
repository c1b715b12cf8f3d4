"""Publishing to GitHub, against its Git Data API on a real socket: one commit, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from frictionless_dtm.publish import github
from frictionless_dtm.publish.command import publish

from tests.datapackage.finished import ROWS, finished_package
from tests.datapackage.github import REPOSITORY, TOKEN, FakeGithub

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGithub]:
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    with FakeGithub() as served:
        yield served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return finished_package(tmp_path / "package")


def run(site: FakeGithub, folder: Path, *args: str, yes: bool = True) -> tuple[int, str]:
    command = [str(folder), "--to", "github", "--url", site.url, "--repository", REPOSITORY, *args]
    result = CliRunner().invoke(publish, [*command, *(["--yes"] if yes else [])])
    assert not isinstance(result.exception, Exception), result.exception
    assert TOKEN not in result.output
    return result.exit_code, result.output


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".state"
    }


def test_a_dry_run_shows_every_file_and_sends_nothing(site: FakeGithub, folder: Path) -> None:
    code, output = run(site, folder, yes=False)
    assert code == 0
    assert "only who may read the repository sees it" in output
    assert f"data/idp_admin1.csv: new, {len(ROWS.encode())} bytes" in output
    assert output.rstrip().endswith("Nothing was sent. Add --yes to do it.")
    assert site.writes == []


def test_it_says_when_everybody_will_see_it(site: FakeGithub, folder: Path) -> None:
    site.private = False
    assert "one commit; everybody sees it" in run(site, folder, yes=False)[1]


def test_the_branch_holds_the_package_byte_for_byte(site: FakeGithub, folder: Path) -> None:
    site.commit({"LICENSE": b"Somebody's"})
    code, output = run(site, folder)
    assert code == 0
    assert site.files == {"LICENSE": b"Somebody's", **content(folder)}
    assert site.messages == [
        "invented-displacement 1.0.0\n\n8 files added, 0 changed, 0 removed, by target-datapackage."
    ]
    assert f"Published: https://github.example/{REPOSITORY}/commit/{site.head}" in output


def test_a_folder_of_the_repository(site: FakeGithub, folder: Path) -> None:
    run(site, folder, "--folder", "packages/dtm/")
    assert site.files == {f"packages/dtm/{path}": data for path, data in content(folder).items()}


def test_a_second_run_has_nothing_to_do(site: FakeGithub, folder: Path) -> None:
    run(site, folder)
    site.calls.clear()
    code, output = run(site, folder)
    assert (code, "nothing to do" in output) == (0, True)
    assert site.writes == []


def test_only_what_changed_is_sent_and_data_that_left_the_package_is_removed(site: FakeGithub, folder: Path) -> None:
    site.commit({"data/old.csv": b"1", "notes/mine.md": b"2"})
    run(site, folder)
    assert "data/old.csv" not in site.files
    assert site.files["notes/mine.md"] == b"2"
    site.calls.clear()
    finished_package(folder, rows=ROWS.replace("120", "130"))
    run(site, folder)
    assert site.writes.count(("POST", "/git/blobs")) == 2  # the data, and the descriptor with its hash
    assert site.files["data/idp_admin1.csv"] == ROWS.replace("120", "130").encode()


@pytest.mark.parametrize(
    "step",
    [("POST", "/git/blobs"), ("POST", "/git/trees"), ("POST", "/git/commits"), ("PATCH", "/git/refs/heads/main")],
)
def test_a_failure_anywhere_leaves_the_branch_as_it_was(site: FakeGithub, folder: Path, step: tuple[str, str]) -> None:
    site.faults[step] = (503, {"message": "Unavailable"})
    code, output = run(site, folder)
    assert code == 1
    assert "HTTP 503 (Unavailable)" in output
    assert "The branch main is as it was" in output
    assert site.files == {}
    assert run(site, folder)[0] == 0
    assert site.files == content(folder)


def test_a_commit_of_somebody_else_meanwhile_is_not_overwritten(site: FakeGithub, folder: Path) -> None:
    site.faults["PATCH", "/git/refs/heads/main"] = (422, {"message": "Update is not a fast forward"})
    code, output = run(site, folder)
    assert (code, "Somebody else has committed meanwhile" in output) == (1, True)


def test_a_branch_or_repository_that_is_not_there(site: FakeGithub, folder: Path) -> None:
    code, output = run(site, folder, "--branch", "nowhere")
    assert (code, "has no branch nowhere." in output) == (1, True)
    code, output = run(site, folder, "--repository", "nobody/else")
    assert (code, "has no repository nobody/else." in output) == (1, True)
    assert "write owner/name" in run(site, folder, "--repository", "nobody")[1]


def test_without_a_token(site: FakeGithub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    assert "shows it only with a token in GITHUB_TOKEN" in run(site, folder)[1]
    site.private = False
    assert run(site, folder, yes=False)[0] == 0
    code, output = run(site, folder)
    assert (code, "wants a token: put yours into GITHUB_TOKEN" in output) == (1, True)
    assert site.writes == []


def test_a_token_that_is_wrong_or_may_not_write(
    site: FakeGithub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.faults["POST", "/git/blobs"] = (403, {"message": "Resource not accessible by personal access token"})
    assert "it needs 'Contents: write'" in run(site, folder)[1]
    monkeypatch.setenv("GITHUB_TOKEN", "another-token")
    code, output = run(site, folder)
    assert (code, "refuses the token in GITHUB_TOKEN" in output) == (1, True)
    assert "another-token" not in output


def test_a_file_that_github_does_not_take(site: FakeGithub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(github, "LARGEST", 50)
    code, output = run(site, folder)
    assert (code, "and GitHub takes 50" in output) == (1, True)
    assert site.calls == []
