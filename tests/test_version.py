"""The version comes from the tag of a release; where git cannot tell it, a sentence says what to set."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
VARIABLE = "SETUPTOOLS_SCM_PRETEND_VERSION_FOR_TAP_DTM"
# git reads no settings of this machine, and finds no repository around the folder of the test.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "SETUPTOOLS_SCM_"))},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


def run(*command: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env={**ENVIRONMENT, **variables}, capture_output=True, text=True, check=False
    )


def version(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    code = "from version import version; print(version())"
    return run(sys.executable, "-W", "ignore", "-c", code, cwd=folder, **variables)


def git(folder: Path, *arguments: str) -> None:
    author = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    done = run("git", *author, *arguments, cwd=folder)
    assert done.returncode == 0, done.stderr


def copy(folder: Path) -> Path:
    """Make a folder of the files that have a part in the version."""
    folder.mkdir()
    for name in ("version.py", "make.py", ".gitattributes", ".git_archival.txt"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with one commit."""
    folder = copy(tmp_path / "clone")
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "The first")
    return folder


def test_a_tag_is_a_release(clone: Path) -> None:
    git(clone, "tag", "v1.2.3")

    assert version(clone).stdout == "1.2.3\n"


def test_each_later_commit_is_newer_than_the_release_and_older_than_the_next(clone: Path) -> None:
    git(clone, "tag", "v1.2.3")
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "Another")
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "One more")

    assert version(clone).stdout == "1.2.4.dev2\n"


def test_a_clone_without_tags_counts_its_commits_after_the_first_release_which_had_no_tag(clone: Path) -> None:
    assert version(clone).stdout == "0.2.0.dev1\n"


def test_an_archive_made_by_git_knows_its_version(clone: Path, tmp_path: Path) -> None:
    git(clone, "tag", "v1.2.3")
    git(clone, "archive", "--output", "../archive.zip", "--prefix=unpacked/", "HEAD")
    with zipfile.ZipFile(tmp_path / "archive.zip") as archive:
        archive.extractall(tmp_path)

    assert version(tmp_path / "unpacked").stdout == "1.2.3\n"


def test_a_copy_without_git_ends_in_a_sentence_with_the_variable(tmp_path: Path) -> None:
    done = version(copy(tmp_path / "copy"))

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "The version of tap-dtm cannot be found: this folder is neither a git clone nor a release. "
        f"Set it yourself, for example {VARIABLE}=0.2.0, or install from a clone or from git+https://...\n"
    )


def test_so_does_a_copy_inside_another_repository(clone: Path) -> None:
    done = version(copy(clone / "copy"))

    assert VARIABLE in done.stderr
    assert "Traceback" not in done.stderr


def test_the_variable_sets_the_version(tmp_path: Path) -> None:
    assert version(copy(tmp_path / "copy"), **{VARIABLE: "4.5.6"}).stdout == "4.5.6\n"


def test_make_py_works_in_a_copy_without_git(clone: Path, tmp_path: Path) -> None:
    def variable(folder: Path) -> str:
        return run(sys.executable, "-c", f"import make; print(make.ENV.get('{VARIABLE}'))", cwd=folder).stdout.strip()

    bare = copy(tmp_path / "bare")
    for hidden in bare.glob(".git*"):  # `cp *` leaves them behind
        hidden.unlink()

    assert variable(copy(tmp_path / "copy")) == variable(bare) == "0.0.0"
    assert variable(clone) == "None"
