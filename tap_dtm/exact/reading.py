"""Reads countries ahead of their emission, several at a time, and hands them over in the order they are asked for."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING

from tap_dtm.errors import DtmAccessError, DtmAnswerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_dtm.exact.country import CountryChanges, CountryReader, Job


class Reading:
    """Countries that are read, or being read.

    Args:
        reader: Reads one country.
        most: How many countries are ahead at most. It bounds the requests and the memory.
    """

    def __init__(self, reader: CountryReader, most: int) -> None:  # noqa: D107
        self._reader = reader
        self._most = most
        self._jobs: deque[Job] = deque()
        self._ahead: dict[str, Future[CountryChanges]] = {}

    def start(self, jobs: Iterable[Job]) -> None:
        """Begin to read countries, in the order in which they will be asked for."""
        self._jobs = deque(jobs)
        self._read_ahead()

    def _read_ahead(self) -> None:
        while self._jobs and len(self._ahead) < self._most:
            job = self._jobs.popleft()
            future: Future[CountryChanges] = Future()
            self._ahead[job.code] = future
            # Daemons, and no executor: a run that ends early must not wait for answers nobody wants any more.
            threading.Thread(target=self._read, args=(job, future), daemon=True).start()

    def _read(self, job: Job, future: Future[CountryChanges]) -> None:
        try:
            future.set_result(self._reader.read(job))
        except MemoryError:
            future.set_exception(
                DtmAnswerError(
                    "There is not enough memory for this country. Lower max_parallel_requests, or use a machine with "
                    "more memory."
                )
            )
        except BaseException as error:  # noqa: BLE001  handed over, and raised where the result is asked for
            future.set_exception(error)

    def result(self, code: str) -> CountryChanges:
        """Wait for a country, and go on with the next ones.

        Raises:
            DtmAccessError: The API refuses the key: the others are not read, because none would fare better.
            DtmError: The country could not be read.
        """
        try:
            return self._ahead.pop(code).result()
        except DtmAccessError:
            self._jobs.clear()
            raise
        finally:
            self._read_ahead()
