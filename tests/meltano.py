"""Meltano projects: one with this project's own meltano.yml, whose plugins are those of the tests' environment."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import demo.__main__ as demo
from tests.forked import COMMANDS, forked, forked_program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo.postgres import EmbeddedPostgres

_MELTANO_YML = Path(__file__).parents[1] / "meltano.yml"
PROGRAMS = Path(sys.executable).parent
DEMO_S_MELTANO = demo.PROGRAM
_OWN = ("MELTANO_", "TAP_DTM_", "TARGET_", "DTMAPI_", "DTM_VIEWS_", "GOOGLE_", "PYTHONDONTWRITEBYTECODE")


class Project:
    """A folder with a meltano.yml."""

    def __init__(self, folder: Path) -> None:
        """Take the folder as it is."""
        self.folder = folder

    @property
    def meltano_yml(self) -> Path:
        """The file of the project."""
        return self.folder / "meltano.yml"

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run Meltano with these arguments, and these variables instead of those of the developer."""
        return run_meltano(self.folder, *arguments, **environment)


class MeltanoProject(Project):
    """This project's own meltano.yml; only where the plugins are found differs, so that nothing is installed.

    It has no descriptions: Meltano reads it slowly, and shows none of them when it runs.
    """

    def __init__(self, folder: Path, **programs: Path) -> None:
        """Make the folder. `programs` are plugins, `-` written as `_`, that are found elsewhere."""
        super().__init__(folder)
        declared: dict[str, Any] = yaml.safe_load(_MELTANO_YML.read_text("utf-8"))
        for plugins in declared["plugins"].values():
            for plugin in (each for each in plugins if "inherit_from" not in each):
                del plugin["pip_url"]
                program = programs.get(plugin["name"].replace("-", "_"), program_of(plugin))
                plugin["executable"] = str(program)
                for setting in plugin.get("settings", ()):
                    setting.pop("description", None)
        folder.mkdir()
        self.meltano_yml.write_text(yaml.safe_dump(declared), encoding="utf-8")


def program_of(plugin: dict[str, Any]) -> Path:
    """Return the program of a plugin in the tests' environment."""
    name = plugin["executable"]
    return forked_program(name) if name in COMMANDS else PROGRAMS / name


@contextmanager
def demo_in(folder: Path) -> Iterator[MeltanoProject]:
    """Make a clone of this project, and let the demo take it for its own."""
    project = MeltanoProject(folder)
    (folder / "demo").symlink_to(demo.ROOT / "demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "ROOT", folder)
        patch.setattr(demo, "FOLDER", folder / "output" / "demo")
        patch.setattr(demo, "remove_stale_plugins", lambda: None)
        patch.setattr(demo, "PROGRAM", forked("demo.meltano"))
        patch.setenv("PYTHONUTF8", "1")  # as make.py does
        yield project


def run_meltano(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the tests' Meltano in a folder."""
    return subprocess.run(
        [*forked("meltano"), *arguments],
        cwd=folder,
        env=inherited() | environment,
        check=False,
        text=True,
        capture_output=True,
    )


def inherited() -> dict[str, str]:
    """Return the variables of the developer, but for those that this project's programs obey."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}


def database(server: EmbeddedPostgres) -> dict[str, str]:
    """Return the variables of an operator's .env for a server."""
    return {
        "TARGET_POSTGRES_HOST": server.host,
        "TARGET_POSTGRES_PORT": str(server.port),
        "TARGET_POSTGRES_USER": server.user,
        "TARGET_POSTGRES_PASSWORD": server.password,
        "TARGET_POSTGRES_DATABASE": server.database,
    }
