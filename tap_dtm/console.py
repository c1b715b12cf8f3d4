"""How every command of this project starts and ends.

The streams are UTF-8, log records pass through ``redaction``, and whatever goes wrong ends the command with one
sentence and exit code 1. Only an error that nobody foresaw shows where it happened, without any value.
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

_GRACE: Final = 3.0  # seconds in which a program that was asked to end may finish what it writes

_STDOUT: Final = 1
_METRICS: Final = "singer_sdk.metrics"  # whose structured form is made from the arguments
NEXT_RUN: Final = "The next run goes on from the last state."
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
        name: The command's name, which is also that of its logger.
        command: What to run.
        secrets: The names of environment variables that hold secrets.
        outlook: What happens next, for the message about output that cannot be written.
        report: Reports an error instead of the log, for commands with a protocol of their own.
    """
    use_utf8()
    logging.setLogRecordFactory(Record)
    for variable in secrets:
        guard(os.environ.get(variable))
    if sys.stdout is None:  # the first file to be opened would take its number, and receive what is printed
        sys.exit(f"{name}: Cannot write the output: standard output is closed.")
    output = sys.stdout = _checked_output(outlook)
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
        logging.disable()  # threads that still read ahead stay silent: the last line says how the command ended
    sys.exit(code)


def sentence(error: BaseException) -> str:
    """Return what went wrong, in words for the operator. Only errors of this project may show what they say."""
    if isinstance(error, DtmError):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return shown(f"Cannot use {os.fsdecode(error.filename)}: {error.strerror}.")
    return f"Internal error ({type(error).__name__}). Please report it with what is below."


def where(error: BaseException) -> str:
    """Return where an error happened that nobody foresaw, without any value; nothing for other errors."""
    return "" if _is_foreseen(error) else "".join(traceback.format_tb(error.__traceback__))


def _is_foreseen(error: BaseException) -> bool:
    return isinstance(error, DtmError) or (isinstance(error, OSError) and error.filename is not None)


class Record(logging.LogRecord):
    """A log record whose text and exception are fit to be shown: without secrets, and unable to forge a line."""

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
    """Stands in the log for an error whose own text may hold anything."""

    def __init__(self, text: str) -> None:
        """Keep the text as it may be shown."""
        super().__init__(shown(text))


def _shown_point(point: Any) -> Any:  # noqa: ANN401  a Point of the SDK, or any other argument
    if isinstance(tags := getattr(point, "tags", None), dict):
        point = copy.copy(point)
        point.tags = {name: shown(value) if isinstance(value, str) else value for name, value in tags.items()}
    return point


def use_utf8() -> None:
    """Read and write UTF-8, whatever the locale.

    Libraries, the names of files and the environment follow Python's own choice, which cannot be changed once it runs.
    So where the locale has another encoding, the same process starts Python again; not on Windows, which has no exec.
    Commands do so before they import other libraries, of which some cannot be loaded from a path with accents.
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


@contextmanager
def loading() -> Iterator[None]:
    """Import the libraries of a command: in UTF-8, and fast.

    Libraries stay to the end. To look for cycles in them takes a third of the time in which a command starts and ends.
    """
    use_utf8()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def unbroken() -> Iterator[None]:
    """Let a signal that ends the program wait until something is done, 3 seconds at most. A second one does not wait.

    Signals interrupt the main thread alone.
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
    """Let a signal end the program some seconds from now, unless that is cancelled: its reader may have stopped."""
    timer = threading.Timer(_GRACE, os.kill, (os.getpid(), number))
    timer.daemon = True
    timer.start()
    return timer


class _Output(io.FileIO):
    """Standard output: what is written in one call is written whole, and once, whatever signal comes.

    Python's own buffer does not hear of what it wrote when a signal handler ends the program, and writes it again.
    """

    outlook = ""

    @override
    def write(self, content: Buffer, /) -> int:
        """Write all of it.

        Raises:
            DtmOutputError: The program that reads it has ended, or the disk is full.
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


def _checked_output(outlook: str) -> io.TextIOWrapper:
    unbuffered = _Output(_STDOUT, "w", closefd=False)
    unbuffered.outlook = outlook and f" {outlook}"
    return io.TextIOWrapper(unbuffered, encoding="utf-8", errors="backslashreplace", line_buffering=unbuffered.isatty())


def _report(name: str, error: Exception, report: Callable[[Exception], None] | None) -> None:
    if report is not None and not isinstance(error, DtmOutputError):
        try:
            report(error)
        except DtmOutputError as unread:
            error = unread
        else:
            return
    if isinstance(error, DtmOutputError):
        # What is still buffered has nowhere to go, and Python would complain about it while exiting.
        os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)
    if report is None and logging.getLogger().handlers:
        stand_in = ShownError(type(error).__name__)
        is_shown = None if _is_foreseen(error) else (ShownError, stand_in, error.__traceback__)
        logging.getLogger(name).critical("%s", sentence(error), exc_info=is_shown)
    else:
        sys.stderr.write(f"{name}: {sentence(error)}\n{where(error)}")
