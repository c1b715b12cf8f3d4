"""Writes whole messages to standard output, from any thread, also when a signal arrives."""

from __future__ import annotations

import logging
import os
import signal
import threading
from typing import IO, TYPE_CHECKING

import msgspec
from typing_extensions import override

from tap_dtm import console

if TYPE_CHECKING:
    from types import FrameType

    from tap_dtm.airbyte.messages import Message

_AT_ONCE = 65_536  # bytes of records in one write
_LEVELS = {"CRITICAL": "FATAL", "WARNING": "WARN"}  # where Airbyte has other names
_encode = msgspec.json.Encoder().encode


class Stopped(BaseException):
    """A signal asks the program to end."""

    def __init__(self, signum: int) -> None:  # noqa: D107
        super().__init__(f"Stopped by signal {signum}. The next sync continues from the last state.")
        self.signum = signum

    def end(self) -> None:
        """End the program as the signal would have ended it: its caller looks for that."""
        signal.signal(self.signum, signal.SIG_DFL)
        os.kill(os.getpid(), self.signum)


class Output(logging.Handler):
    """Writes messages, one per line. As a logging handler, it turns log records into LOG messages."""

    def __init__(self, stream: IO[bytes]) -> None:  # noqa: D107
        super().__init__()
        self._stream = stream
        self._lock = threading.Lock()
        self._records = bytearray()

    def write(self, message: Message) -> None:
        """Write a message; a record may wait for the next message of another kind.

        Raises:
            OSError: The reader has ended, or the disk is full.
            Stopped: A signal arrived while the main thread was writing.
        """
        line = _encode(message) + b"\n"
        is_record = message["type"] == "RECORD"
        with self._lock:
            self._records += line
            if not is_record or len(self._records) > _AT_ONCE:
                with console.unbroken():
                    self._stream.write(self._records)
                    self._records = bytearray()

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Write a log record, except for the SDK's metrics: STATE counts the records."""
        if record.name != "singer_sdk.metrics":
            level = _LEVELS.get(record.levelname, record.levelname)
            self.write({"type": "LOG", "log": {"level": level, "message": self.format(record)}})

    def heed_signals(self) -> None:
        """Let the first ending signal raise ``Stopped`` between two messages. A second one ends the program at once."""
        for number in console.ENDING:
            signal.signal(number, self._stop)

    def _stop(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        for number in console.ENDING:
            signal.signal(number, signal.SIG_DFL)
        console.end_after_grace(signum)  # the reader of the last messages may hang
        raise Stopped(signum)
