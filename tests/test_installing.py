"""The lines of docs/installing.md, word by word, with a wheel or a scratch repository in the place of ours."""

from __future__ import annotations

import os
import re
import secrets
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.environments import environment
from tests.test_version import git

pytestmark = pytest.mark.everything

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "installing.md").read_text("utf-8")
ADDRESS = "git+https://github.com/tap-dtm/tap-dtm.git"
UNINSTALL = {"uv": "uv tool uninstall tap-dtm", "pipx": "pipx uninstall tap-dtm", "pip": "pip uninstall --yes tap-dtm"}


def lines(section: str) -> list[str]:
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return "".join(re.findall(r"```sh\n(.+?)```", text, re.DOTALL)).splitlines()


def tool(line: str) -> str:
    return line.partition(" ")[0]


class Machine:
    """A user's machine with uv, pipx, and pip in a virtual environment. Each has a folder for commands.

    The virtual environment has all that the wheel needs, which takes pip long to install.
    """

    def __init__(self, folder: Path, wheel: Path) -> None:
        venv = folder / "venv"
        uv, place = Path(sys.executable).with_name("uv"), ["--quiet", "--python", str(venv)]
        subprocess.run([uv, "venv", "--quiet", "--seed", "--python", sys.executable, venv], check=True)
        subprocess.run([uv, "pip", "install", *place, f"tap-dtm[datapackage] @ {wheel.as_uri()}"], check=True)
        subprocess.run([uv, "pip", "uninstall", *place, "tap-dtm"], check=True)
        self.folders = {"uv": folder / "uv-commands", "pipx": folder / "pipx-commands", "pip": venv / "bin"}
        places = [venv / "bin", environment("installing"), Path(sys.executable).parent]
        own = ("UV_TOOL_", "PIPX_", "VIRTUAL_ENV", "SETUPTOOLS_SCM_")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(own)},
            "PATH": os.pathsep.join([*map(str, places), os.environ["PATH"]]),
            "VIRTUAL_ENV": str(venv),
            "UV_TOOL_DIR": str(folder / "uv"),
            "UV_TOOL_BIN_DIR": str(self.folders["uv"]),
            "PIPX_HOME": str(folder / "pipx"),
            "PIPX_BIN_DIR": str(self.folders["pipx"]),
            "PIPX_DEFAULT_PYTHON": sys.executable,
            "PIP_NO_COMPILE": "1",  # takes half of the time, and nobody starts these programs twice
        }

    def run(self, line: str, *, check: bool = True) -> str:
        """Run a line as a shell does, and return what it prints."""
        program = shutil.which(tool(line), path=self.environment["PATH"])
        assert program
        return self._run(program, *shlex.split(line)[1:], check=check)

    def installed(self, by: str, command: str, option: str) -> str:
        """Run a command that one of the tools has installed."""
        return self._run(self.folders[by] / command, option)

    def _run(self, *command: str | Path, check: bool = True) -> str:
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert not (check and done.returncode), done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Machine:
    return Machine(tmp_path_factory.mktemp("machine"), wheel)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of this code, with a release."""
    folder = tmp_path_factory.mktemp(secrets.token_hex(8))  # uv's cache may know another one of the same name
    for name in ("tap_dtm", "datapackage"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "version.py", "README.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "A release")
    git(folder, "tag", "v9.8.6")
    return folder


def test_the_page_has_each_way_in_one_line() -> None:
    assert [tool(line) for line in lines("Install")] == ["uv", "uvx", "pipx", "pip", "pip", "uv"]
    assert [tool(line) for line in lines("Upgrade")] == ["uv", "pipx", "pip"]
    assert [tool(line) for line in lines("Install") if "datapackage" in line] == ["pip", "uv"]
    assert all(line.count(ADDRESS) == 1 for line in lines("Install"))


@pytest.mark.parametrize("line", [line for line in lines("Install") if "datapackage" in line])
def test_a_line_installs_the_tap_and_the_extra_that_it_names(line: str, machine: Machine, wheel: Path) -> None:
    printed = machine.run(line.replace(ADDRESS, wheel.as_uri()))

    assert tool(line) != "pip" or "frictionless" in printed
    assert machine.installed(tool(line), "tap-dtm", "--version").startswith("tap-dtm v9.8.7")
    assert "9.8.7" in machine.installed(tool(line), "target-datapackage", "--version")


def test_uvx_runs_the_tap_and_installs_nothing(machine: Machine, wheel: Path) -> None:
    (line,) = (line for line in lines("Install") if tool(line) == "uvx")

    assert "subscription_key" in machine.run(line.replace(ADDRESS, wheel.as_uri()))


@pytest.mark.parametrize("line", lines("Upgrade"))
def test_a_tool_installs_the_tap_in_one_line_and_upgrades_it_in_another(
    line: str, machine: Machine, repository: Path
) -> None:
    first = next(each for each in lines("Install") if tool(each) == tool(line))
    ours = f"git+{repository.as_uri()}"
    machine.run(UNINSTALL[tool(line)], check=False)
    git(repository, "reset", "--quiet", "--hard", "v9.8.6")
    machine.run(first.replace(ADDRESS, ours))
    assert machine.installed(tool(line), "tap-dtm", "--version").startswith("tap-dtm v9.8.6")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "The next release")
    git(repository, "tag", "--force", "v9.8.7")

    machine.run(line.replace(ADDRESS, ours))

    assert machine.installed(tool(line), "tap-dtm", "--version").startswith("tap-dtm v9.8.7")
