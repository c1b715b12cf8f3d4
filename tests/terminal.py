"""Commands whose standard error is a terminal, or a pipe."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str


def run_at_a_terminal(command: Sequence[str], **options: Any) -> Ended:
    """Run a command, with its standard error at a terminal and its standard output in a pipe. On POSIX only."""
    ours, its = os.openpty()
    read: list[bytes] = []

    def take() -> None:
        with suppress(OSError):  # as Linux ends a terminal that nobody else has open
            while data := os.read(ours, 65536):
                read.append(data)

    taking = Thread(target=take)
    taking.start()
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=its, **options)  # noqa: PLW1510
    finally:
        os.close(its)
        taking.join()
        os.close(ours)
    return Ended(done.returncode, done.stdout.decode(), b"".join(read).decode())


def run_in_a_pipe(command: Sequence[str], **options: Any) -> Ended:
    """Run a command, with both outputs in pipes."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, **options)  # noqa: PLW1510
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())
