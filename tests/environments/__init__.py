"""Environments of programs that cannot share ours. Each environment is made when the first test needs it.

A file ``<name>.txt`` next to this module has the requirements of an environment, in the form of ``pip install -r``, and
the reason of every pin.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).parents[2]
_FOLDER = ROOT / "build" / "environments"


def environment(name: str, *, python: str | None = None, with_this_project: bool = False) -> Path:
    """Return the folder of the commands of an environment, which is made at the first call and kept.

    Args:
        name: The name of the list of requirements.
        python: The version of Python that they need, such as 3.11, if they cannot run on ours. If it is missing, uv
            downloads it.
        with_this_project: Install this project as well, in place.

    Raises:
        RuntimeError: When it could not be made; the message ends with the installer's own words.
    """
    requirements = Path(__file__).with_name(f"{name}.txt")
    # A requirement that is a folder of this project (`-e ./folder`) has requirements of its own.
    folders = re.findall(r"^-e (\S+)$", requirements.read_text("utf-8"), re.MULTILINE)
    files = [requirements, *(ROOT / each / "pyproject.toml" for each in folders)]
    content = b"".join(file.read_bytes() for file in files) + f"{python or sys.version}{with_this_project}".encode()
    digest = hashlib.sha256(content).hexdigest()[:12]
    folder = _FOLDER / f"{name}-{digest}"
    commands = folder / ("Scripts" if os.name == "nt" else "bin")
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):  # the tests may run in several processes
        if not (folder / "complete").exists():
            _uv("venv", "--quiet", "--clear", "--python", python or sys.executable, str(folder))
            extra = ["--editable", str(ROOT)] if with_this_project else []
            install = ("pip", "install", "--quiet", "--no-compile-bytecode")  # most modules are never imported
            _uv(*install, "--python", str(folder), "--requirements", str(requirements), *extra)
            (folder / "complete").touch()
    return commands


def _uv(*arguments: str) -> None:
    uv = Path(sys.executable).with_name("uv.exe" if os.name == "nt" else "uv")
    done = subprocess.run([uv, *arguments], capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(f"`uv {' '.join(arguments)}` failed:\n{done.stderr}")
