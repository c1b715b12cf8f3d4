"""Import the libraries of each command once, and fork for each start of it."""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


_codes: list[str | int | None] = []
"""The exit code of the command, in a fork that has run it."""


def serve(address: str) -> None:
    """Fork for each client, until the tests close standard input."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system forgets forks that have ended
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        os.write(1, b"\n")
        os.dup2(2, 1)  # the tests no longer read it
        while server in select.select([server, sys.stdin], [], [])[0]:
            client, _ = server.accept()
            with client:
                _, files, _, _ = socket.recv_fds(client, 1, 3)
                with client.makefile("rb") as lines:
                    request = json.loads(lines.readline())
                command = _command(request["arguments"][0], request["modules"])
                if not os.fork():
                    server.close()
                    return _run(command, client, files, request)
                for number in files:
                    os.close(number)
    return None


@cache
def _command(name: str, modules: str) -> Callable[[], None]:
    """Return the function of a command, after the imports."""
    for each in modules.split():
        importlib.import_module(each)
    scripts = entry_points(group="console_scripts", name=name)
    command: Callable[[], None] = scripts[name].load() if scripts else importlib.import_module(name).main
    gc.freeze()
    gc.set_threshold(100_000)
    return command


def _run(command: Callable[[], None], client: socket.socket, files: list[int], request: dict[str, Any]) -> None:
    """Run a command in one more process, which this one waits for."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if process := os.fork():
        for number in files:
            os.close(number)
        code = _exit_code(process, client)
        with suppress(BrokenPipeError):  # the client was killed
            client.sendall(str(code).encode())
        os._exit(0)
    client.close()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = request["arguments"]
    sys.stdin, sys.stdout, sys.stderr = map(_stream, range(3))
    try:
        command()
        sys.exit(0)
    except SystemExit as end:
        _codes.append(end.code)
        raise


def _end_at_once() -> None:
    """End a fork whose command has ended: Python would take longer to release the libraries than most commands run."""
    if _codes and isinstance(code := _codes[0] or 0, int):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _exit_code(process: int, client: socket.socket) -> int:
    """Wait for a process, and pass on the signals that the client receives; if the client is killed, kill it."""
    ended, notice = socket.socketpair()
    notice.setblocking(False)  # noqa: FBT003
    signal.set_wakeup_fd(notice.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        pid, status = os.waitpid(process, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        ready, _, _ = select.select([client, ended], [], [])
        if ended in ready:
            ended.recv(1)
        if client in ready:
            os.kill(process, (client.recv(1) or bytes([signal.SIGKILL]))[0])


def _stream(number: int) -> io.TextIOWrapper:
    file = io.FileIO(number, "w" if number else "r", closefd=False)
    return io.TextIOWrapper(file, encoding="utf-8", line_buffering=number == 2)


atexit.register(_end_at_once)  # the first to be registered is the last to be called
# As in a frozen program, the SDK looks for .env in the current folder: else it would find that of a developer.
sys.frozen = True  # type: ignore[attr-defined]
sys.path.append(str(Path(__file__).parents[2]))  # for `demo`, which is not installed
serve(sys.argv[1])
