"""Commands as processes that start fast: forks of a process that has already imported the libraries.

A fork has the standard streams, folder, environment, arguments, signals and exit code of the process that a test
starts. It takes a tenth of the time in which Python starts and imports the libraries. A test of that start, or of the
locale, starts Python instead.
"""

from __future__ import annotations

import atexit
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import cache, partial
from pathlib import Path

# What each command imports when it runs.
COMMANDS = {
    "tap-dtm": "tap_dtm.singer.command",
    "source-dtm": "tap_dtm.airbyte.command",
    "tap-dtm-views": "tap_dtm.views.command",
    "target-datapackage": "frictionless_dtm.command",
    "fast-target-postgres": "fast_target_postgres",
    "demo.meltano": "demo.meltano alembic.command sqlalchemy.dialects.sqlite",
    "meltano": "meltano.cli alembic.command sqlalchemy.dialects.sqlite",
}
_HERE = Path(__file__).parent


def forked(command: str) -> list[str]:
    """Return the beginning of a command line that runs a command."""
    if os.name == "nt":  # which cannot fork
        return [sys.executable, "-m", command] if "." in command else [str(Path(sys.executable).with_name(command))]
    return [sys.executable, "-I", "-S", str(_HERE / "client.py"), _server(), COMMANDS[command], command]


@cache
def forked_program(command: str) -> Path:
    """Return a program of the command's name that runs it as a fork, for what starts programs by their path."""
    if os.name == "nt":
        return Path(sys.executable).with_name(command)
    program = Path(_server()).with_name(command)
    program.write_text(f'#!/bin/sh\nexec {shlex.join(forked(command))} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return program


@cache
def _server() -> str:
    """Start the process that forks, and return the address of its socket. It ends with the tests."""
    folder = tempfile.mkdtemp(prefix="dtm-forks-")
    address = str(Path(folder, "socket"))
    server = subprocess.Popen(
        [sys.executable, "-I", "-X", "utf8", _HERE / "server.py", address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the tests
    )
    assert server.stdin
    assert server.stdout
    server.stdout.readline()  # it listens
    server.stdout.close()
    for end in (partial(shutil.rmtree, folder), server.wait, server.stdin.close):  # the last is called first
        atexit.register(end)
    return address
