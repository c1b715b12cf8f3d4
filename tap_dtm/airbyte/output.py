"""The one way out: whole messages on standard output, from any thread, also when a signal comes."""

from __future__ import annotations

import logging
import os
import signal
import threading
from typing import IO, TYPE_CHECKING

import msgspec
from typing_extensions import override

from tap_dtm.airbyte import messages

if TYPE_CHECKING:
    from types import FrameType

    from tap_dtm.airbyte.messages import Message

GRACE = 3.0  # seconds in which a program that was asked to end still says how it ended
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LEVELS = {"CRITICAL": "FATAL", "WARNING": "WARN"}
_encode = msgspec.json.Encoder().encode


class Stopped(BaseException):
    """A signal asks the program to end."""

    def __init__(self, signum: int) -> None:
        """Tell which signal."""
        super().__init__(f"Stopped by signal {signum}. The next sync goes on from the last state.")
        self.signum = signum

    def end(self) -> None:
        """End as the signal would have ended the program: its caller looks for that."""
        signal.signal(self.signum, signal.SIG_DFL)
        os.kill(os.getpid(), self.signum)


class Output(logging.Handler):
    """Writes messages, one a line. As a logging handler it turns what is logged into LOG messages.

    Args:
        stream: Where the lines go.
    """

    def __init__(self, stream: IO[bytes]) -> None:  # noqa: D107
        super().__init__()
        self._stream = stream
        self._whole_lines = threading.Lock()
        self._is_writing = False  # the main thread, that is: signals interrupt no other
        self._waiting: int | None = None

    def write(self, message: Message) -> None:
        """Write a message; a record may wait for the next message of another kind.

        Raises:
            OSError: Nobody reads any more, or the disk is full.
            Stopped: A signal came while the main thread was writing.
        """
        line = _encode(message) + b"\n"
        is_record = message["type"] == "RECORD"
        if threading.current_thread() is not threading.main_thread():
            self._put(line, flush=not is_record)
            return
        self._is_writing = True
        try:
            self._put(line, flush=not is_record)
        finally:
            self._is_writing = False
        if self._waiting is not None:
            signum, self._waiting = self._waiting, None
            raise Stopped(signum)

    def _put(self, line: bytes, *, flush: bool) -> None:
        with self._whole_lines:
            self._stream.write(line)
            if flush:
                self._stream.flush()

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Write what is logged, but for the SDK's metrics: STATE counts the records."""
        if record.name != "singer_sdk.metrics":
            self.write(messages.log(_LEVELS.get(record.levelname, record.levelname), self.format(record)))

    def heed_signals(self) -> None:
        """Let the first SIGINT or SIGTERM end the program with ``Stopped``, between two messages; another, at once."""
        for number in _SIGNALS:
            signal.signal(number, self._stop)

    def _stop(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        # Who asks may have stopped reading: no last word must then keep the program from ending.
        deadline = threading.Timer(GRACE, os.kill, (os.getpid(), signum))
        deadline.daemon = True
        deadline.start()
        if self._is_writing:
            self._waiting = signum
        else:
            raise Stopped(signum)
