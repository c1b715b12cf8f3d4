"""However a run ends, it says what has become of the package and its state, and that is true."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.datapackage.pipe import content, descriptor, read_csv, run_target, without_pages
from tests.datapackage.singer import record, schema, state

FIRST = [schema("a"), record("a", id=1), state({"run": 1})]
SECOND = [schema("a"), record("a", id=2), state({"run": 2})]
HARMLESS = "The next run sends the same rows again, which does no harm."

_PROGRAM = """
import os, signal
from frictionless_dtm import command
from frictionless_dtm.target import folder, packager, store

command._render = lambda contents: {{}}
{patch}
command.main()
"""
_SIGNAL_AFTER = """
original = {owner}.{name}
def stopped(*arguments, **options):
    result = original(*arguments, **options)
    os.kill(os.getpid(), signal.{signal})
    return result
{owner}.{name} = stopped
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with without_pages():
        run_target(FIRST, tmp_path / "package")
    return tmp_path / "package"


def run(folder: Path, messages: list[Any], patch: str = "", stdout: Any = subprocess.PIPE) -> tuple[int, str, str]:
    """Return exit code, output, and the last line of the log."""
    config = folder.with_name("config.json")
    config.write_text(json.dumps({"path": str(folder)}))
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(patch=patch), "--config", str(config)],
        input="".join(json.dumps(message) + "\n" for message in messages),
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done.returncode, done.stdout or "", done.stderr.splitlines()[-1]


def ids(folder: Path) -> list[str]:
    return [row["id"] for row in read_csv(folder, "a")]


def assert_next_run_is_exact(folder: Path) -> None:
    with without_pages():
        assert run_target(SECOND, folder) == {"run": 2}
    assert ids(folder) == ["1", "2"]
    assert descriptor(folder)["version"] == "1.1.0"


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
@pytest.mark.parametrize(
    ("owner", "name", "words"),
    [
        ("folder.Folder", "ready", "Nothing of this run was kept."),
        (
            "store.Store",
            "commit",
            f"while it replaced the data package: the folder has all of the old or all of the new one. {HARMLESS}",
        ),
        ("folder", "_exchange", f"The data package is new, but its state was not delivered. {HARMLESS}"),
        ("packager.Packager", "write", f"The data package is new, but its state was not delivered. {HARMLESS}"),
        ("store.Store", "close", f"The data package is new, but its state was not delivered. {HARMLESS}"),
    ],
)
def test_a_signal(folder: Path, number: str, owner: str, name: str, words: str) -> None:
    before = content(folder)
    code, output, said = run(folder, SECOND, _SIGNAL_AFTER.format(owner=owner, name=name, signal=number))
    assert (code, output) == (128 + getattr(signal, number), "")
    assert f"Stopped by signal {int(getattr(signal, number))}. " in said
    assert said.endswith(words)
    assert (content(folder) != before) == ("The data package is new" in words)
    assert_next_run_is_exact(folder)


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
def test_a_signal_after_the_state_was_delivered(folder: Path) -> None:
    code, output, said = run(folder, SECOND, _SIGNAL_AFTER.format(owner="command", name="_deliver", signal="SIGTERM"))
    assert code == 128 + signal.SIGTERM
    assert json.loads(output) == {"run": 2}
    assert said.endswith(f"The data package is complete. If its state was not delivered: {HARMLESS}")


@pytest.mark.parametrize("failing", ["full disk", "closed pipe"])
def test_a_state_that_nobody_takes(folder: Path, failing: str) -> None:
    if failing == "full disk" and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    if failing == "full disk":
        with Path("/dev/full").open("wb") as stdout:
            code, _, said = run(folder, SECOND, stdout=stdout)
    else:
        reading, writing = os.pipe()
        os.close(reading)
        code, _, said = run(folder, SECOND, stdout=writing)
        os.close(writing)
    reason = "No space left on device" if failing == "full disk" else "Broken pipe"
    assert code == 1
    assert said.endswith(f"The data package is complete, but its state could not be delivered ({reason}). {HARMLESS}")
    assert ids(folder) == ["1", "2"]
    assert_next_run_is_exact(folder)


def test_rows_without_a_key_are_not_harmless(folder: Path) -> None:
    messages = [schema("log", key=()), record("log", id=1), state({})]
    patch = _SIGNAL_AFTER.format(owner="packager.Packager", name="write", signal="SIGTERM")
    _, _, said = run(folder, messages, patch)
    assert said.endswith("sends the same rows again, and duplicates the rows of streams without a key.")


def test_a_failure_after_the_package_is_in_place(folder: Path) -> None:
    patch = """
def fail(*_):
    raise OSError(5, "Input/output error", "somewhere")
folder._sync, original = fail, folder._sync
folder.Folder.ready = lambda self, ready=folder.Folder.ready: (
    setattr(folder, "_sync", original), ready(self), setattr(folder, "_sync", fail))[1]
"""
    code, output, said = run(folder, SECOND, patch)
    assert (code, output) == (1, "")
    assert said.endswith(
        "Cannot write the data package: Input/output error (somewhere). The data package is new, but its state was not "
        f"delivered. {HARMLESS}"
    )
    assert_next_run_is_exact(folder)
