"""A command that owns the terminal shows a progress bar there, and nothing in a pipe."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.datapackage.ckan import ORGANISATION, TOKEN, FakeCkan, Fault
from tests.datapackage.finished import finished_package
from tests.terminal import run_at_a_terminal, run_in_a_pipe

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.terminal import Ended

    Run = Callable[..., Ended]

ROOT = Path(__file__).parents[1]
CURSOR_HIDDEN, CURSOR_SHOWN = "\x1b[?25l", "\x1b[?25h"

pytestmark = [pytest.mark.programs, pytest.mark.skipif(os.name == "nt", reason="Windows has no such terminals")]


def upload(run: Run, folder: Path, *faults: Fault) -> Ended:
    with FakeCkan(faults=list(faults)) as site:
        where = ["--to", "ckan", "--url", site.url, "--owner-org", ORGANISATION, "--maintainer", "somebody", "--yes"]
        command = [sys.executable, "-m", "frictionless_dtm.command", "publish", str(folder), *where]
        return run(command, env={**os.environ, "CKAN_API_TOKEN": TOKEN})


def test_an_upload_shows_a_bar_for_each_file(tmp_path: Path) -> None:
    folder = finished_package(tmp_path / "package")
    done = upload(run_at_a_terminal, folder)
    assert done.code == 0, done.stderr
    for name in ("idp_admin1.csv", "README.md", "datapackage.json"):
        assert f"{name}  [####################################]  100%" in done.stderr
        assert f"{name}: new\n" in done.stdout
    assert "[###" not in done.stdout


def test_an_upload_that_fails_says_so_in_a_line_of_its_own(tmp_path: Path) -> None:
    done = upload(run_at_a_terminal, finished_package(tmp_path / "package"), Fault("resource_create", 2, 502))
    assert done.code == 1
    assert "idp_admin1.csv  [####################################]  100%" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: ")
    assert done.stderr.rindex(CURSOR_SHOWN) > done.stderr.rindex(CURSOR_HIDDEN)


def test_an_upload_in_a_pipe_shows_no_bar(tmp_path: Path) -> None:
    done = upload(run_in_a_pipe, finished_package(tmp_path / "package"))
    assert (done.code, done.stderr) == (0, "")


def set_up(run: Run, project: Path) -> Ended:
    """Let make.py install a project that needs nothing, and run its Python."""
    (uv,) = ROOT.glob("build/uv-*/bin/uv")
    program = f"import make, pathlib; make.uv = lambda: pathlib.Path({str(uv)!r}); make.python('-c', 'print(1)')"
    return run([sys.executable, "-c", program], cwd=project)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "make.py", tmp_path)
    text = '[project]\nname = "nothing"\nversion = "1"\nrequires-python = ">=3.10"\n[tool.uv]\npackage = false\n'
    (tmp_path / "pyproject.toml").write_text(text, "utf-8")
    return tmp_path


def test_the_first_set_up_shows_what_uv_does_and_later_ones_do_not(project: Path) -> None:
    first = set_up(run_at_a_terminal, project)
    assert (first.code, first.stdout) == (0, "1\n")
    assert "Creating virtual environment" in first.stderr
    assert set_up(run_at_a_terminal, project).stderr == ""


def test_a_set_up_in_a_pipe_shows_nothing(project: Path) -> None:
    done = set_up(run_in_a_pipe, project)
    assert (done.code, done.stdout, done.stderr) == (0, "1\n", "")
