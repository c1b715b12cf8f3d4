"""The lines of docs/excel-and-bi.md, run one after the other as a reader would, on invented data."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest

pytestmark = [pytest.mark.programs, pytest.mark.skipif(os.name == "nt", reason="the lines are for a POSIX shell")]
PAGE = Path(__file__).parents[2] / "docs" / "excel-and-bi.md"


def test_the_lines_make_a_workbook_and_a_database(tmp_path: Path) -> None:
    make, lines = re.findall(r"```sh\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)

    datasette, look = lines.splitlines()
    run(make, tmp_path)
    run(datasette, tmp_path)
    listed = run(look.replace("uvx ", "").replace("--open", "--get /dtm.json"), tmp_path)

    (path,) = (tmp_path / "package").glob("*.xlsx")
    sheets = openpyxl.load_workbook(path, read_only=True).sheetnames
    assert sheets[:2] == ["Terms", "Dictionary"]
    assert {table["name"] for table in json.loads(listed)["tables"]} == set(sheets[2:])


def run(lines: str, folder: Path) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = ["/bin/sh", "-ec", lines]
    done = subprocess.run(command, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()
