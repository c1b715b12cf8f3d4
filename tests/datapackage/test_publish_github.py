"""Publishing to GitHub, against its Git Data API on a real socket: one commit, or nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from frictionless_dtm.publish.command import publish
from frictionless_dtm.publish.folder import CHUNK
from frictionless_dtm.publish.github import publisher as github

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


def leave_out(folder: Path, name: str) -> None:
    """Write the package anew without one of its resources."""
    descriptor = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    (gone,) = [each for each in descriptor["resources"] if each["name"] == name]
    descriptor["resources"].remove(gone)
    (folder / gone["path"]).unlink()
    (folder / "datapackage.json").write_text(json.dumps(descriptor), encoding="utf-8")


@pytest.mark.parametrize("subfolder", ["", "packages/dtm/"])
def test_what_left_the_package_is_removed_and_nothing_that_was_never_in_it(
    site: FakeGithub, folder: Path, subfolder: str
) -> None:
    mine = {f"{subfolder}{path}": b"mine" for path in ("data/my-survey.csv", "data/raw/x.bin", "notes/mine.md")}
    site.commit({**mine, "src/a.py": b"1"})
    assert run(site, folder, "--folder", subfolder)[0] == 0
    leave_out(folder, "countries")
    (folder / "quality.json").unlink()
    output = run(site, folder, "--folder", subfolder)[1]
    assert f"{subfolder}data/countries.csv: removed" in output
    ours = {subfolder + path: data for path, data in content(folder).items()}
    assert site.files == {**mine, "src/a.py": b"1", **ours}


@pytest.mark.parametrize(
    "descriptor",
    [
        None,
        b"{",
        b"\xff",
        b"[]",
        b'{"name": "of-somebody-else", "resources": [{"path": "data/my-survey.csv"}]}',
        b'{"name": "invented-displacement", "resources": null}',
        b'{"name": "invented-displacement", "resources": [null, {"path": 1}, {"path": "../src/a.py"}]}',
    ],
)
def test_nothing_is_removed_that_no_descriptor_of_this_package_lists(
    site: FakeGithub, folder: Path, descriptor: bytes | None
) -> None:
    mine = {"data/my-survey.csv": b"a,b\n", "src/a.py": b"1"}
    site.commit({**mine, **({"datapackage.json": descriptor} if descriptor else {})})
    assert run(site, folder, "--replace")[0] == 0
    assert site.files == {**mine, **content(folder)}


def assert_refused(site: FakeGithub, folder: Path, path: str) -> None:
    """Neither shows a dry run anything else, nor does the command do it."""
    before = site.files
    for yes in (False, True):
        code, output = run(site, folder, yes=yes)
        assert code == 1
        assert f"  {path}: " in output
        assert f"has files that this package has not put there and would replace: {path}." in output
        assert "add --replace if they may go" in output
        assert (site.files, site.writes) == (before, [])


@pytest.mark.parametrize("path", ["README.md", "index.html", "data/countries.csv", "datapackage.json"])
def test_files_of_others_are_replaced_only_when_told_to(site: FakeGithub, folder: Path, path: str) -> None:
    site.commit({path: b"mine"})
    assert_refused(site, folder, path)
    assert run(site, folder, "--folder", "elsewhere")[0] == 0
    assert site.files[path] == b"mine"
    assert run(site, folder, "--replace")[0] == 0
    assert site.files[path] == (folder / path).read_bytes()


@pytest.mark.parametrize(("path", "replaced"), [("data", "data"), ("README.md/other.txt", "README.md")])
def test_a_file_in_the_place_of_a_folder_is_of_others_too(
    site: FakeGithub, folder: Path, path: str, replaced: str
) -> None:
    site.commit({path: b"mine"})
    assert_refused(site, folder, replaced)


def test_a_new_table_does_not_replace_somebodys_file_of_that_name(site: FakeGithub, folder: Path) -> None:
    site.commit({"data/countries.csv": b"mine"})
    whole = {path: (folder / path).read_bytes() for path in ("data/countries.csv", "datapackage.json")}
    leave_out(folder, "countries")
    assert run(site, folder)[0] == 0
    for path, data in whole.items():
        (folder / path).write_bytes(data)
    code, output = run(site, folder)
    assert (code, "would replace: data/countries.csv." in output) == (1, True)


def test_only_what_changed_is_sent(site: FakeGithub, folder: Path) -> None:
    run(site, folder)
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
    assert ("The branch main is as it was" in output) == (step[0] == "POST")
    assert site.files == {}
    assert run(site, folder)[0] == 0
    assert site.files == content(folder)


def test_a_commit_of_somebody_else_meanwhile_is_not_overwritten(site: FakeGithub, folder: Path) -> None:
    site.faults["PATCH", "/git/refs/heads/main"] = (422, {"message": "Update is not a fast forward"})
    code, output = run(site, folder)
    assert (code, "Somebody else has committed meanwhile" in output) == (1, True)


def test_a_refusal_of_the_branch_is_told_in_githubs_words(site: FakeGithub, folder: Path) -> None:
    site.faults["PATCH", "/git/refs/heads/main"] = (422, {"message": "Changes must be made through a pull request."})
    code, output = run(site, folder)
    assert (code, "Changes must be made through a pull request" in output) == (1, True)
    assert "The branch main is as it was" in output


def test_an_answer_that_is_lost_is_not_taken_for_a_refusal(site: FakeGithub, folder: Path) -> None:
    step = ("PATCH", "/git/refs/heads/main")
    site.faults[step] = (504, {})
    site.lost.add(step)
    code, output = run(site, folder)
    assert (code, "Whether the branch main has the new commit is not known" in output) == (1, True)
    assert "nothing to do" in run(site, folder)[1]


@pytest.mark.parametrize("answer", [{}, {"private": "no"}, {"object": None}, {"tree": [None]}, {"sha": 1}])
@pytest.mark.parametrize(
    "step",
    [("GET", ""), ("GET", "/git/ref/heads/main"), ("POST", "/git/blobs"), ("POST", "/git/trees")],
)
def test_what_is_no_answer_of_github_is_told_in_one_sentence(
    site: FakeGithub, folder: Path, step: tuple[str, str], answer: dict[str, Any]
) -> None:
    site.faults[step] = (200, answer)
    code, output = run(site, folder)
    assert (code, "is not an answer of GitHub's API" in output) == (1, True)
    assert site.files == {}


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


def test_a_site_that_repeats_the_token_has_it_hidden(site: FakeGithub, folder: Path) -> None:
    site.faults["POST", "/git/blobs"] = (500, {"message": f"Authorization: Bearer {TOKEN}"})
    assert "HTTP 500 (Authorization: Bearer ***)" in run(site, folder)[1]
    site.faults["POST", "/git/commits"] = (201, {"sha": site.head, "html_url": f"https://x/?token={TOKEN}"})
    run(site, folder)


@pytest.mark.parametrize("size", [0, 1, 2, 3, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 2])
def test_files_of_every_length_arrive_whole(site: FakeGithub, folder: Path, size: int) -> None:
    (folder / "notes.bin").write_bytes(bytes(range(251)) * (size // 251) + bytes(size % 251))
    assert run(site, folder, "--include", "notes.bin")[0] == 0
    assert site.files["notes.bin"] == (folder / "notes.bin").read_bytes()


def test_a_file_that_changes_while_it_is_sent(site: FakeGithub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = site.answer

    def meddle(method: str, *args: Any) -> Any:
        if method == "POST":
            (folder / "index.html").write_bytes(b"x" * (folder / "index.html").stat().st_size)
        return answered(method, *args)

    monkeypatch.setattr(site, "answer", meddle)
    code, output = run(site, folder)
    assert code == 1
    assert "index.html changed while it was being published" in output
    assert site.files == {}


def test_a_file_that_github_does_not_take(site: FakeGithub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(github, "LARGEST", 50)
    code, output = run(site, folder)
    assert (code, "and GitHub takes 50" in output) == (1, True)
    assert site.calls == []
