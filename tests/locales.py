"""Locales whose encoding is not UTF-8, as variables of a program's environment."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("ASCII", "Latin-1")
_LATIN_1 = "fr_FR.ISO-8859-1"


def environment(name: str, folder: Path) -> dict[str, str]:
    """Return this process's environment with another locale, which may have to be made in a folder."""
    variables = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    if name == "ASCII":
        variables["LC_ALL"] = "C"
    else:
        variables |= {"LC_ALL": _LATIN_1, "LOCPATH": str(folder)}
        _make(folder)
    return {**os.environ, **variables}


def _make(folder: Path) -> None:
    program = shutil.which("localedef")
    if program is None:
        pytest.skip("localedef is missing: it makes the locale (Debian: apt-get install locales)")
    done = subprocess.run(
        [program, "-i", "fr_FR", "-f", "ISO-8859-1", str(folder / _LATIN_1)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("localedef lacks fr_FR or ISO-8859-1 (Debian: apt-get install locales)")
