"""How every command of this project starts and ends.

The streams are UTF-8, and log records pass through ``redaction``. Every error ends the command with one sentence and
exit code 1. Only an unexpected error shows where it happened, without any value.
"""

from __future__ import annotations

import codecs
import copy
import gc
import io
import locale
import logging
import os
import signal
import sys
import threading
import traceback
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from tap_dtm.errors import DtmError, DtmOutputError
from tap_dtm.redaction import guard, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType

    from typing_extensions import Buffer, Never

ENDING: Final = (signal.SIGINT, signal.SIGTERM)
"""The signals that end a program."""

_GRACE: Final = 3.0  # seconds to finish writing after a signal

_STDOUT: Final = 1
_METRICS: Final = "singer_sdk.metrics"  # structured logs are made from the arguments of this logger's records
NEXT_RUN: Final = "The next run continues from the last state."
_INTERRUPTED: Final = 130


def run(
    name: str,
    command: Callable[[], object],
    *,
    secrets: Iterable[str] = (),
    outlook: str = "",
    report: Callable[[Exception], None] | None = None,
) -> Never:
    """Run a command to its end, and exit.

    Args:
        name: The name of the command and of its logger.
        command: The function to run.
        secrets: The names of environment variables that hold secrets.
        outlook: What happens next, for the message about output that cannot be written.
        report: Reports an error in place of the log, for commands with their own protocol.
    """
    use_utf8()
    logging.setLogRecordFactory(Record)
    for variable in secrets:
        guard(os.environ.get(variable))
    if sys.stdout is None:  # the next file to be opened would get its number, and receive the output
        sys.exit(f"{name}: Cannot write the output: standard output is closed.")
    checked = _Output(_STDOUT, "w", closefd=False)
    checked.outlook = outlook and f" {outlook}"
    output = sys.stdout = io.TextIOWrapper(
        checked, encoding="utf-8", errors="backslashreplace", line_buffering=checked.isatty()
    )
    try:
        try:
            command()
            code: Any = 0
        except SystemExit as end:
            code = end.code
        output.flush()
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except Exception as error:  # noqa: BLE001  every error is reported
        _report(name, error, report)
        code = 1
    finally:
        logging.disable()  # silence threads that read ahead: the last line is about the end of the command
    sys.exit(code)


def sentence(error: BaseException) -> str:
    """Return a sentence about an error, for the operator. Only errors of this project may show their own text."""
    if isinstance(error, DtmError):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return shown(f"Cannot use {os.fsdecode(error.filename)}: {error.strerror}.")
    return f"Internal error ({type(error).__name__}). Please report it with the lines below."


def where(error: BaseException) -> str:
    """Return where an unexpected error happened, without any value; nothing for other errors."""
    return "" if _is_expected(error) else "".join(traceback.format_tb(error.__traceback__))


def _is_expected(error: BaseException) -> bool:
    return isinstance(error, DtmError) or (isinstance(error, OSError) and error.filename is not None)


class Record(logging.LogRecord):
    """A log record without secrets and control characters in its text and exception."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401, D107
        super().__init__(*args, **kwargs)
        if self.name == _METRICS and isinstance(self.args, tuple):
            self.args = tuple(_shown_point(each) for each in self.args)
        else:
            self.msg, self.args = shown(super().getMessage()), None
        if self.exc_info and self.exc_info[1] is not None and not isinstance(self.exc_info[1], ShownError):
            kind, error, where = self.exc_info
            self.exc_info = (ShownError, ShownError(f"{kind.__name__}: {error}"), where)

    @override
    def getMessage(self) -> str:
        """Return the text on one line."""
        return shown(super().getMessage())


class ShownError(Exception):
    """Replaces, in the log, an error whose own text may hold anything."""

    def __init__(self, text: str) -> None:
        """Keep the text without secrets and control characters."""
        super().__init__(shown(text))


def _shown_point(point: Any) -> Any:  # noqa: ANN401  a Point of the SDK, or any other argument
    if isinstance(tags := getattr(point, "tags", None), dict):
        point = copy.copy(point)
        point.tags = {name: shown(value) if isinstance(value, str) else value for name, value in tags.items()}
    return point


def use_utf8() -> None:
    """Read and write UTF-8 in every locale.

    Python chooses the encoding of file names and the environment at its start. If the locale has another encoding, this
    process executes Python again. (Windows has no exec.) Commands call this function before they import libraries,
    because some libraries cannot be loaded from a path with accents.
    """
    encoding = codecs.lookup(locale.getpreferredencoding(do_setlocale=False)).name
    mode = ["-X", "utf8"]
    if encoding != "utf-8" and os.name == "posix" and sys.executable and sys.orig_argv[1:3] != mode:
        os.execv(sys.executable, [sys.executable, *mode, *sys.orig_argv[1:]])  # noqa: S606  its own command line
    if sys.stderr is None:
        sys.stderr = io.TextIOWrapper(io.FileIO(os.devnull, "w"), encoding="utf-8")
    for stream, errors in ((sys.stdin, "strict"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors=errors)


def start(module: str) -> None:
    """Import the module of a command with its libraries, in UTF-8 and fast, and run its ``main``.

    Libraries stay to the end. To look for cycles in them takes a third of the time in which a command starts and ends.
    """
    use_utf8()
    gc.disable()
    try:
        command = import_module(module)
    finally:
        gc.freeze()
        gc.enable()
    command.main()


@contextmanager
def unbroken() -> Iterator[None]:
    """Delay signals that end the program until the block is done, 3 seconds at most. A second signal ends it at once.

    Signals interrupt only the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[tuple[int, threading.Timer]] = []

    def wait(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        for each in ENDING:
            signal.signal(each, signal.SIG_DFL)
        waiting.append((number, end_after_grace(number)))

    handlers = {each: signal.signal(each, wait) for each in ENDING}
    try:
        yield
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)
    for number, timer in waiting:
        timer.cancel()
        signal.raise_signal(number)


def end_after_grace(number: int) -> threading.Timer:
    """End the program with a signal in some seconds, unless the timer is cancelled: a reader of its output may hang."""
    timer = threading.Timer(_GRACE, os.kill, (os.getpid(), number))
    timer.daemon = True
    timer.start()
    return timer


class _Output(io.FileIO):
    """Standard output. Each call writes everything, exactly once, even if a signal arrives.

    When a signal handler ends the program, Python's own buffer writes again what it has already written.
    """

    outlook = ""

    @override
    def write(self, content: Buffer, /) -> int:
        """Write all of it.

        Raises:
            DtmOutputError: The program that reads the output has ended, or the disk is full.
        """
        rest = memoryview(content).cast("B")
        size = len(rest)
        try:
            with unbroken():
                while rest:
                    rest = rest[super().write(rest) :]
        except OSError as error:
            raise DtmOutputError(f"Cannot write the output: {error.strerror}.{self.outlook}") from error
        return size


def _report(name: str, error: Exception, report: Callable[[Exception], None] | None) -> None:
    if report is not None and not isinstance(error, DtmOutputError):
        try:
            report(error)
        except DtmOutputError as unread:
            error = unread
        else:
            return
    if isinstance(error, DtmOutputError):
        # Python would report at exit that it cannot write its buffer.
        os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)
    if report is None and logging.getLogger().handlers:
        shown_error = ShownError(type(error).__name__)
        exc_info = None if _is_expected(error) else (ShownError, shown_error, error.__traceback__)
        logging.getLogger(name).critical("%s", sentence(error), exc_info=exc_info)
    else:
        sys.stderr.write(f"{name}: {sentence(error)}\n{where(error)}")
