"""Runs a piece of a test in a forked process: a command, killed at an exact moment, or as an ordinary user."""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import sys
import traceback
import warnings
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KILLED: Final = 99
_NOBODY: Final = 65534
_CHANGES: Final = {
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.mkdir",
    "os.chmod",
    "os.chown",
    "os.link",
    "ctypes.dlsym",  # of the call that exchanges two folders
    "open",
}
"""The audit events of steps that change files. Each is raised before its step."""

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


def forked(
    action: Callable[[], object], before: Callable[[], object] = lambda: None, seconds: float | None = None
) -> tuple[int, str]:
    """Run an action in a forked process, and kill it when it takes longer than this.

    Returns:
        The exit code (-SIGKILL where it was killed), and the traceback of what was raised or what the action returned,
        as JSON.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns about threads, of which the child uses none
        child = os.fork()
    if child == 0:
        code = 1
        try:
            before()
            os.write(writing, json.dumps(action()).encode())
            code = 0
        except BaseException:  # noqa: BLE001  nothing may leave the child
            os.write(writing, traceback.format_exc().encode()[-50_000:])
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        if seconds is not None and not select.select([pipe], [], [], seconds)[0]:
            os.kill(child, signal.SIGKILL)
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), text


def run_command(
    main: Callable[[], object], *arguments: str, lines: bytes = b"", folder: Path, before: Callable[[], object] = int
) -> tuple[int, str, str]:
    """Run a command in a folder, and return its exit code and what it wrote to standard output and standard error.

    The process is forked, because a new one takes most of its time to load the libraries.
    """
    with TemporaryFile() as stdin, TemporaryFile() as stdout, TemporaryFile() as stderr:
        stdin.write(lines)
        stdin.seek(0)

        def run() -> object:
            for number, file in enumerate((stdin, stdout, stderr)):
                os.dup2(file.fileno(), number)
            os.chdir(folder)
            logging.getLogger().handlers.clear()
            sys.argv[1:] = arguments
            sys.stdin, sys.stdout, sys.stderr = (
                open(number, "rw"[number > 0], encoding="utf-8", closefd=False)  # noqa: SIM115
                for number in range(3)
            )
            before()
            try:
                main()
            except SystemExit as end:
                return end.code
            finally:
                sys.stderr.flush()
            return 0

        code, text = forked(run)
        for file in (stdout, stderr):
            file.seek(0)
        return code or json.loads(text), stdout.read().decode(), stderr.read().decode()


def killed(action: Callable[[], object], step: int) -> bool:
    """Run an action that is killed before a step that changes files; return whether it had so many steps."""

    def kill_at_step() -> None:
        left = step

        def count(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            if event in _CHANGES and not (event == "open" and arguments[1] == "r"):
                if left == 0:
                    os._exit(KILLED)
                left -= 1

        sys.addaudithook(count)

    code, text = forked(action, kill_at_step)
    assert code in {0, KILLED}, text
    return code == KILLED


def as_ordinary_user(folder: Path, action: Callable[[], object], *, but: Path | None = None) -> None:
    """Run an action as a user without special rights, who owns a folder and everything in it but one path."""

    def become_nobody() -> None:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)

    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            owner = 0 if path == but else _NOBODY
            os.chown(path, owner, owner, follow_symlinks=False)
    code, text = forked(action, become_nobody)
    assert code == 0, text
