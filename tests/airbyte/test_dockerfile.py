"""The image's recipe, as far as it can be followed without Docker: its files, its installation, its command."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import version
from tests.environments import ROOT

if TYPE_CHECKING:
    from tests.airbyte.support import Source

pytestmark = pytest.mark.programs

STEPS = [
    (name, rest)
    for line in (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    if (parts := re.fullmatch(r"([A-Z]+) (.+)", line))
    for name, rest in [parts.groups()]
]


def steps(name: str) -> list[str]:
    return [rest for step, rest in STEPS if step == name]


def test_the_label_has_the_version_that_is_installed_without_git() -> None:
    (labels,) = steps("LABEL")
    assert dict(label.split("=") for label in shlex.split(labels)) == {
        "io.airbyte.name": "source-dtm",
        "io.airbyte.version": version.RELEASE,
    }


def test_the_files_that_are_copied_are_let_through() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    let_through = {line[1:] for line in lines if line.startswith("!")}

    assert lines[1] == "*"
    assert let_through == {source for rest in steps("COPY") for source in rest.split()[:-1]}


def test_the_connector_does_not_run_as_root() -> None:
    order = [name for name, _ in STEPS]

    assert steps("USER") == ["airbyte"]
    assert order.index("USER") > max(index for index, name in enumerate(order) if name == "RUN")


def test_the_steps_give_a_connector(source: Source, tmp_path: Path) -> None:
    code = tmp_path / "integration_code"
    for rest in steps("COPY"):
        *sources, destination = rest.split()
        for each in sources:
            place = code / destination / each if destination == "./" else code / destination
            if (ROOT / each).is_dir():
                shutil.copytree(ROOT / each, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                place.parent.mkdir(exist_ok=True)
                shutil.copy(ROOT / each, place)
    install = shlex.split(steps("RUN")[-1])
    assert install[:2] == ["pip", "install"]
    uv = Path(sys.executable).with_name("uv")
    venv = tmp_path / "venv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, venv], check=True)
    arguments = [each for each in install[2:] if each != "--no-cache-dir"]
    subprocess.run([uv, "pip", "install", "--quiet", "--python", venv, *arguments], cwd=code, check=True)
    (entry_point,) = steps("ENTRYPOINT")
    (variable,) = steps("ENV")
    assert shlex.split(variable) == [f"AIRBYTE_ENTRYPOINT={shlex.join(json.loads(entry_point))}"]

    for command in (json.loads(entry_point), shlex.split(shlex.split(variable)[0].partition("=")[2])):
        done = subprocess.run(
            [venv / "bin" / command[0], *command[1:], *source.arguments("check", config={"api_url": "sandbox://"})],
            cwd=tmp_path,
            env=source.environment,
            capture_output=True,
            check=True,
        )
        status = json.loads(done.stdout.splitlines()[-1])["connectionStatus"]
        assert status == {"status": "SUCCEEDED"}
