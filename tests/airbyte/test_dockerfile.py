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


def built(rest: str, wheel: Path) -> str:
    """Return what a step says when the image is built with the version of the wheel."""
    return rest.replace("${VERSION}", wheel.name.split("-")[1])


def test_the_label_has_the_version_of_the_wheel_that_is_installed(wheel: Path) -> None:
    (labels,) = steps("LABEL")
    (copied,) = steps("COPY")

    assert dict(label.split("=") for label in shlex.split(built(labels, wheel))) == {
        "io.airbyte.name": "source-dtm",
        "io.airbyte.version": "9.8.7",
    }
    assert built(copied, wheel) == f"dist/{wheel.name} ./"


def test_without_a_version_the_build_ends_with_what_to_add() -> None:
    first = steps("RUN")[0]

    done = subprocess.run(["/bin/sh", "-c", first], capture_output=True, text=True, check=False, env={})

    assert done.returncode != 0
    assert "Add --build-arg VERSION=..., the version in the name of the wheel in dist/." in done.stderr


def test_wheels_and_nothing_else_are_let_through() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()

    assert lines[1:] == ["*", "!dist/*.whl"]


def test_the_connector_does_not_run_as_root() -> None:
    order = [name for name, _ in STEPS]

    assert steps("USER") == ["airbyte"]
    assert order.index("USER") > max(index for index, name in enumerate(order) if name == "RUN")


def test_the_steps_give_a_connector(source: Source, wheel: Path, tmp_path: Path) -> None:
    code = tmp_path / "integration_code"
    code.mkdir()
    shutil.copy(wheel, code)
    install = shlex.split(built(steps("RUN")[-1], wheel))
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
