"""A run without Meltano: the state is replaced when both programs succeeded, and never otherwise."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.forked import forked
from tests.pages import blocks, page

pytestmark = pytest.mark.programs

SCRIPT = Path(__file__).parents[2] / "examples" / "recipes" / "singer-pipe.sh"
TARGET = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if message["type"] == "STATE":
        print(json.dumps(message["value"]), flush=True)
"""
OLD = '{"bookmarks": {}}'


def program(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a name as people give them, and the settings of a tap."""
    made = tmp_path / "mes données #1 & l'autre"
    made.mkdir()
    (made / "config file.json").write_text('{"api_url": "sandbox://", "countries": ["XAA"]}', encoding="utf-8")
    return made


def pipe(folder: Path, tap: list[str], target: list[str], *arguments: str) -> Any:
    command = ["/bin/sh", str(SCRIPT), *(arguments or ("state.json",)), *tap, "--", *target]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


TAP = [*forked("tap-dtm"), "--config", "config file.json"]


def test_the_first_run_makes_the_state_and_the_next_one_continues_from_it(folder: Path) -> None:
    assert pipe(folder, TAP, program(TARGET)).returncode == 0
    state = json.loads((folder / "state.json").read_text("utf-8"))
    assert state["bookmarks"]["countries"]["runs"] == 1

    done = pipe(folder, TAP, program(TARGET))

    assert done.returncode == 0
    assert json.loads((folder / "state.json").read_text("utf-8"))["bookmarks"]["countries"]["runs"] == 2
    assert "0 rows, 0 removed" in done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["config file.json", "state.json"]


@pytest.mark.parametrize(
    ("tap", "target", "words"),
    [
        ([*TAP, "--catalog", "missing.json"], program(TARGET), "the tap failed with exit code 1."),
        (program("import sys; print('{}'); sys.exit(3)"), program("import sys; sys.stdin.read()"), "exit code 3"),
        (TAP, program("import sys; sys.exit(4)"), "the target failed with exit code 4"),
        (TAP, program("import sys; sys.stdin.read(); print('{}'); sys.exit(4)"), "the target failed with exit code 4"),
        (TAP, program("import sys; sys.stdin.read()"), "the target confirmed no state"),
        (TAP, program("import sys; sys.stdin.read(); print('half a sta')"), "the target confirmed no state"),
        (["no-such-tap"], program(TARGET), "the tap failed with exit code 127"),
        (program("pass"), ["no-such-target"], "the target failed with exit code 127"),
    ],
)
def test_a_failure_is_reported_and_leaves_the_state_as_it_was(
    folder: Path, tap: list[str], target: list[str], words: str
) -> None:
    (folder / "state.json").write_text(OLD, encoding="utf-8")

    done = pipe(folder, tap, target)

    assert done.returncode == 1
    assert words in done.stderr.splitlines()[-1]
    assert (folder / "state.json").read_text("utf-8") == OLD
    assert sorted(path.name for path in folder.iterdir()) == ["config file.json", "state.json"]


def test_an_empty_state_is_refused(folder: Path) -> None:
    """A full disk, or another pipe, has left it: the tables may be full."""
    (folder / "state.json").touch()

    done = pipe(folder, TAP, program(TARGET))

    assert done.returncode == 1
    assert "state.json is empty. Restore it" in done.stderr


def test_words_go_to_the_programs_as_they_are(folder: Path) -> None:
    (folder / "state.json").write_text(OLD, encoding="utf-8")
    odd = ["a b", "it's", "$HOME", "*", "\\", "--config=x", 'say "hi"']
    shows = "import sys; print(sys.argv[1:], file=sys.stderr)"

    done = pipe(folder, [*program(shows), *odd], [*program(shows), *odd])

    assert str([*odd, "--state", "state.json"]) in done.stderr
    assert done.stderr.count(str(odd)[:-1]) == 2


def test_the_lines_of_the_page_name_the_script() -> None:
    code = "".join(blocks(page("without-meltano"), "sh"))
    lines = [line for line in code.splitlines() if line.startswith("examples/recipes/singer-pipe.sh")]

    states = [shlex.split(line)[1] for line in lines]
    assert states == ["sandbox-state.json", "state.json"]  # invented and real data never share a state
    assert len({line.partition(" tap/bin/")[2] for line in lines}) == 1
