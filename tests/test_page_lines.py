"""Lines of the pages that no other test runs, run one after the other as a reader would, on invented data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tap_dtm.sandbox import world_at
from tests.pages import blocks, page, section
from tests.target import MemoryTarget
from tests.world import LEVELS, count, served

pytestmark = pytest.mark.programs

PROGRAMS = Path(sys.executable).parent


def shell(line: str, folder: Path) -> str:
    """Run lines of a page in a folder, with this project's programs, and return what they print."""
    path = os.pathsep.join([str(PROGRAMS), os.environ["PATH"]])
    done = subprocess.run(
        ["/bin/sh", "-ec", line],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_package_is_made_checked_and_asked_in_duckdb(tmp_path: Path) -> None:
    make = blocks(section("data-packages", "With pip"), "sh")
    (check,) = blocks(section("data-packages", "Check a package"), "sh")
    load, ask = blocks(page("duckdb"))

    for line in make:
        shell(line, tmp_path)
    checked = shell(check, tmp_path / "package")
    shell(load, tmp_path)
    (tmp_path / "ask.py").write_text(ask, encoding="utf-8")
    answer = shell("python3 ask.py", tmp_path)
    with duckdb.connect(str(tmp_path / "displacement.duckdb"), read_only=True) as database:
        database.execute("USE dtm")
        for query in blocks(page("views") + page("postgres"), "sql"):
            database.execute(query)

    assert checked.count(": OK\n") == len(checked.splitlines()) > 5
    assert "Côte Inventée (the)" in answer


def test_frictionless_reads_the_addresses(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(PROGRAMS)
    lines = "".join(blocks(page("dtm-addresses"), "sh")).splitlines()

    printed = [shell(line, tmp_path) for line in lines]

    assert len(printed) == 3
    assert "idp_admin2" in printed[0]
    assert "INVALID" not in printed[1]
    assert "num_present_idp_ind" in printed[2].splitlines()[0]


def test_two_publications_show_whether_a_target_can_be_relied_on(tmp_path: Path) -> None:
    """The check that the page proposes, on a target that does what a target must do."""
    shell("".join(blocks(section("any-other-target", "Snowflake, Redshift, MSSQL"), "sh")), tmp_path)
    target, fresh = MemoryTarget(), MemoryTarget()

    load(target, tmp_path, "first.json")
    load(target, tmp_path, "second.json")
    load(fresh, tmp_path, "second.json")

    removed = [row for table in target.tables.values() for row in table.values() if row["_sdc_deleted_at"]]
    assert removed, "the second publication withdraws rows"
    for level in LEVELS:
        rows = target.live(f"idp_admin{level}")
        assert count(rows) == count(fresh.live(f"idp_admin{level}")) == served(world_at(publication=2), level)


def load(target: MemoryTarget, folder: Path, config: str) -> None:
    """Run the tap into a target, with the state that the target has."""
    options = ""
    if target.state:
        (folder / "state.json").write_text(json.dumps(target.state), encoding="utf-8")
        options = "--state state.json"
    for line in shell(f"tap-dtm --config {config} {options}", folder).splitlines():
        target.handle(json.loads(line))
