"""However a run ends, it says what has become of the package and its state, and that is true."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from frictionless_dtm import command
from frictionless_dtm.target import folder as folder_module
from frictionless_dtm.target.folder import Folder
from frictionless_dtm.target.packager import Packager
from frictionless_dtm.target.store import Store

from tests.datapackage.children import forks, run_command
from tests.datapackage.pipe import content, descriptor, read_csv, run_target
from tests.datapackage.singer import record, schema, state

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST = [schema("a"), record("a", id=1), state({"run": 1})]
SECOND = [schema("a"), record("a", id=2), state({"run": 2})]
HARMLESS = "The next run sends the same rows again, which does no harm."

_PROGRAM = """
import os, signal
from frictionless_dtm import command

command._render = lambda contents: {{}}
{patch}
command.main()
"""

pytestmark = pytest.mark.usefixtures("no_pages")
no_signals = pytest.mark.skipif(os.name == "nt", reason="there are no such signals")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run_target(FIRST, tmp_path / "package")
    return tmp_path / "package"


def _input(folder: Path, messages: list[Any]) -> bytes:
    folder.with_name("config.json").write_text(json.dumps({"path": str(folder)}))
    return "".join(json.dumps(message) + "\n" for message in messages).encode()


def run(folder: Path, messages: list[Any], patch: Callable[[], object]) -> tuple[int, str, str]:
    """Return exit code, output, and the last line of the log of a run that begins with a patch."""
    lines = _input(folder, messages)
    code, output, log = run_command(
        command.main, "--config", "config.json", lines=lines, folder=folder.parent, before=patch
    )
    assert "Traceback" not in log
    return code, output, log.splitlines()[-1]


def run_to_its_end(
    folder: Path, messages: list[Any], patch: str = "", stdout: Any = subprocess.PIPE
) -> tuple[int, str, str]:
    """Do the same in a new process. At its end, Python complains about output that it cannot flush."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(patch=patch), "--config", "config.json"],
        input=_input(folder, messages),
        cwd=folder.parent,
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
    )
    log = done.stderr.decode()
    assert "Traceback" not in log
    assert "Exception ignored" not in log
    return done.returncode, (done.stdout or b"").decode(), log.splitlines()[-1]


def signal_after(owner: Any, name: str, number: signal.Signals) -> Callable[[], object]:
    """Return a patch that sends a signal to the process at the end of a function."""
    original = getattr(owner, name)

    def stopped(*arguments: Any, **options: Any) -> Any:
        result = original(*arguments, **options)
        os.kill(os.getpid(), number)
        return result

    return lambda: setattr(owner, name, stopped)


def ids(folder: Path) -> list[str]:
    return [row["id"] for row in read_csv(folder, "a")]


def assert_next_run_is_exact(folder: Path) -> None:
    assert run_target(SECOND, folder) == {"run": 2}
    assert ids(folder) == ["1", "2"]
    assert descriptor(folder)["version"] == "1.1.0"


@no_signals
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("owner", "name", "words"),
    [
        (Folder, "ready", "Nothing of this run was kept."),
        (
            Store,
            "commit",
            f"while it replaced the data package: the folder has all of the old or all of the new one. {HARMLESS}",
        ),
        (folder_module, "_exchange", f"The data package is new, but its state was not delivered. {HARMLESS}"),
        (Packager, "write", f"The data package is new, but its state was not delivered. {HARMLESS}"),
        (Store, "close", f"The data package is new, but its state was not delivered. {HARMLESS}"),
    ],
)
def test_a_signal(folder: Path, number: signal.Signals, owner: Any, name: str, words: str) -> None:
    before = content(folder)
    code, output, said = run(folder, SECOND, signal_after(owner, name, number))
    assert (code, output) == (128 + number, "")
    assert f"Stopped by signal {int(number)}. " in said
    assert said.endswith(words)
    assert (content(folder) != before) == ("The data package is new" in words)
    assert_next_run_is_exact(folder)


@no_signals
@pytest.mark.programs
def test_a_signal_after_the_state_was_delivered(folder: Path) -> None:
    patch = """
deliver = command._deliver
command._deliver = lambda *arguments: (deliver(*arguments), os.kill(os.getpid(), signal.SIGTERM))
"""
    code, output, said = run_to_its_end(folder, SECOND, patch)
    assert code == 128 + signal.SIGTERM
    assert json.loads(output) == {"run": 2}
    assert said.endswith(f"The data package is complete. If its state was not delivered: {HARMLESS}")


@pytest.mark.programs
@pytest.mark.parametrize("failing", ["full disk", "closed pipe"])
def test_a_state_that_nobody_takes(folder: Path, failing: str) -> None:
    if failing == "full disk" and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    if failing == "full disk":
        with Path("/dev/full").open("wb") as stdout:
            code, _, said = run_to_its_end(folder, SECOND, stdout=stdout)
    else:
        reading, writing = os.pipe()
        os.close(reading)
        code, _, said = run_to_its_end(folder, SECOND, stdout=writing)
        os.close(writing)
    reason = "No space left on device" if failing == "full disk" else "Broken pipe"
    assert code == 1
    assert said.endswith(f"The data package is complete, but its state could not be delivered ({reason}). {HARMLESS}")
    assert ids(folder) == ["1", "2"]
    assert_next_run_is_exact(folder)


@no_signals
def test_rows_without_a_key_are_not_harmless(folder: Path) -> None:
    messages = [schema("log", key=()), record("log", id=1), state({})]
    _, _, said = run(folder, messages, signal_after(Packager, "write", signal.SIGTERM))
    assert said.endswith("sends the same rows again, and duplicates the rows of streams without a key.")


@forks
def test_a_failure_after_the_package_is_in_place(folder: Path) -> None:
    sync, ready = folder_module._sync, Folder.ready

    def fail(*_: Any) -> None:
        raise OSError(5, "Input/output error", "somewhere")

    def ready_and_then_fail(self: Folder, *arguments: Any) -> Any:
        folder_module._sync = sync
        result = ready(self, *arguments)
        folder_module._sync = fail  # type: ignore[assignment]
        return result

    def patch() -> None:
        folder_module._sync = fail  # type: ignore[assignment]
        Folder.ready = ready_and_then_fail  # type: ignore[method-assign]

    code, output, said = run(folder, SECOND, patch)
    assert (code, output) == (1, "")
    assert said.endswith(
        "Cannot write the data package: Input/output error (somewhere). The data package is new, but its state was not "
        f"delivered. {HARMLESS}"
    )
    assert_next_run_is_exact(folder)
