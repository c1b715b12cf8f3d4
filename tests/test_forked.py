"""A command that is started as a fork behaves as one that Python starts."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tap_dtm.sandbox import Fault, SandboxServer
from tests.forked import forked, forked_program
from tests.guards.support import config_for, small_world
from tests.target import COMMAND

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")


def test_it_has_the_streams_folder_arguments_and_exit_code(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"api_version": "v9"}')
    for arguments in (["--config=config.json"], ["--about"]):
        one, other = (
            subprocess.run([*command, *arguments], cwd=tmp_path, capture_output=True, check=False)
            for command in (COMMAND, forked("tap-dtm"))
        )

        assert (one.returncode, one.stdout) == (other.returncode, other.stdout)
        assert bool(one.stderr) == bool(other.stderr)


def test_it_has_the_environment_and_standard_input(tmp_path: Path) -> None:
    program, state = forked_program("target-datapackage"), '{"type": "STATE", "value": {"a": 1}}\n'

    for formats, code, printed in (('["csv"]', 0, '{"a":1}\n'), ('["no-such-format"]', 1, "")):
        variables = {"TARGET_DATAPACKAGE_PATH": "package", "TARGET_DATAPACKAGE_FORMATS": formats}
        done = subprocess.run(
            [program, "--config=ENV"],
            cwd=tmp_path,
            env=variables,
            input=state,
            text=True,
            capture_output=True,
            check=False,
        )

        assert (done.returncode, done.stdout.replace(" ", "")) == (code, printed), done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_it(tmp_path: Path, number: int) -> None:
    with SandboxServer(small_world()) as sandbox:
        sandbox.faults.add(Fault("slow", path="admin0", seconds=3600))
        (tmp_path / "config.json").write_text(json.dumps(config_for(sandbox)))
        command = [*forked("tap-dtm"), "--config=config.json"]
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as tap:
            assert tap.stdout
            tap.stdout.readline()

            tap.send_signal(number)

            tap.stdout.read()  # until the fork ends
            assert tap.wait() == {signal.SIGTERM: 143, signal.SIGKILL: -9}[signal.Signals(number)]
