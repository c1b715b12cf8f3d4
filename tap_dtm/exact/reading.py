"""Reads countries ahead of their emission, several at a time, and hands them over in the order they are asked for."""

from __future__ import annotations

import threading
from concurrent.futures import Future, wait
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from tap_dtm.errors import DtmAccessError, DtmAnswerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_dtm.exact.country import CountryChanges, CountryReader, Job

_T = TypeVar("_T")

_MOST_ROWS: Final = 50_000  # wait to be emitted before no further country is read


def begun(work: Callable[[], _T]) -> Future[_T]:
    """Begin to work in a thread, and return what will have come of it.

    The threads are daemons instead of an executor's: a run that ends early must not wait for their answers.
    """
    future: Future[_T] = Future()

    def fulfil() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  handed over, and raised where the result is asked for
            future.set_exception(error)

    threading.Thread(target=fulfil, daemon=True).start()
    return future


class Reading:
    """Countries that are read, or being read.

    Args:
        reader: Reads one country.
        most: How many countries, and levels aside, are read at a time. It bounds the requests; rows that wait bound the
            memory.
    """

    def __init__(self, reader: CountryReader, most: int) -> None:  # noqa: D107
        self._reader = reader
        self._most = most
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._ahead: dict[str, Future[CountryChanges]] = {}
        self._active = self._rows = 0

    def start(self, jobs: Iterable[Job]) -> None:
        """Begin to read countries, in the order in which they will be asked for."""
        with self._lock:
            self._jobs = {job.code: job for job in jobs}
            self._read_ahead()

    def _read_ahead(self) -> None:
        while self._jobs and self._active < self._most and self._rows < _MOST_ROWS:
            self._begin(next(iter(self._jobs)))

    def _begin(self, code: str) -> None:
        job = self._jobs.pop(code)
        self._active += 1
        self._ahead[code] = begun(partial(self._read, job))

    def _read(self, job: Job) -> CountryChanges:
        changes: CountryChanges | None = None
        try:
            changes = self._reader.read(job, self._aside)
        except MemoryError:
            pass  # raised below, because an error keeps the one before it, and its memory
        except DtmAccessError:
            with self._lock:
                self._jobs.clear()  # none would fare better
            raise
        finally:
            with self._lock:
                self._active -= 1
                self._rows += changes.rows if changes else 0
                self._read_ahead()
        if changes is None:
            raise DtmAnswerError(
                "There is not enough memory for this country. Lower max_parallel_requests, or use a machine with "
                "more memory."
            )
        return changes

    def _aside(self, read: Callable[[], _T]) -> Future[_T] | None:
        """Read a level in a thread of its own, if there is room and no country is waiting for it."""
        with self._lock:
            if self._jobs or self._active >= self._most:
                return None
            self._active += 1

        def reading() -> _T:
            try:
                return read()
            finally:
                with self._lock:
                    self._active -= 1

        return begun(reading)

    def in_progress(self) -> list[str]:
        """Return the codes of the countries that are being read."""
        with self._lock:
            return [code for code, future in self._ahead.items() if not future.done()]

    def is_ready(self, code: str, within: float) -> bool:
        """Wait some seconds for a country, and return whether it has been read."""
        with self._lock:
            future = self._ahead.get(code)
        return future is not None and bool(wait([future], timeout=max(within, 0)).done)

    def result(self, code: str) -> CountryChanges:
        """Wait for a country, and go on with the next ones.

        Raises:
            DtmError: The country could not be read.
        """
        with self._lock:
            if code not in self._ahead:
                self._begin(code)
            future = self._ahead.pop(code)
        changes = future.result()
        with self._lock:
            self._rows -= changes.rows
            self._read_ahead()
        return changes
