"""One run over all countries: reads ahead of the emission, keeps order, collects failures, reports."""

from __future__ import annotations

import logging
import threading
from collections import Counter, defaultdict, deque
from concurrent.futures import Future
from functools import cached_property
from typing import TYPE_CHECKING

from tap_dtm.api.records import UnknownFields
from tap_dtm.errors import DtmAccessError, DtmAnswerError, DtmError, DtmPartialSyncError
from tap_dtm.exact import report
from tap_dtm.exact.country import CountryReader
from tap_dtm.exact.lists import Lists
from tap_dtm.exact.rounds import Change
from tap_dtm.singer import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_dtm.api.client import DtmClient
    from tap_dtm.exact.country import CountryChanges, Job
    from tap_dtm.metadata import Catalogue
    from tap_dtm.settings import Settings

_logger = logging.getLogger("tap-dtm")
_WORDS = {
    Change.NEW: "new",
    Change.NEW_ROUNDS: "with new rounds",
    Change.REVISED: "revised",
    Change.WITHDRAWN: "withdrawn",
    Change.UNCHANGED: "unchanged",
}


class Sync:
    """The run of the tap: what to read, what was found, what failed.

    Args:
        client: The API.
        catalogue: What the API serves.
        settings: The checked settings.
    """

    def __init__(self, client: DtmClient, catalogue: Catalogue, settings: Settings) -> None:  # noqa: D107
        self.settings = settings
        self.number = 0
        self.failures: dict[str, DtmError] = {}
        self._client = client
        unknown = UnknownFields()
        self.lists = Lists(client, catalogue, settings.api_version, unknown)
        self._reader = CountryReader(client, catalogue, settings, unknown)
        self._jobs: deque[Job] = deque()
        self._ahead: dict[str, Future[CountryChanges]] = {}
        self._at_hand: tuple[str | None, CountryChanges | None] = (None, None)
        self._totals: Counter[str] = Counter()

    @cached_property
    def listed_operations(self) -> Mapping[str, frozenset[str]]:
        """The operations that the list names, by country.

        The figures do not depend on it: without the list the countries are read all the same. It fails the run at
        its end.

        Raises:
            DtmAccessError: The API refuses the key.
        """
        listed: defaultdict[str, set[str]] = defaultdict(set)
        try:
            for row in self.lists.rows("operations"):
                listed[row["admin0_pcode"]].add(row["operation"])
        except DtmAccessError:
            raise
        except DtmError as error:
            _logger.warning("The operations that admin 0 does not show cannot be looked for: %s", error)
        return {code: frozenset(names) for code, names in listed.items()}

    def check_names(self, known_countries: Iterable[str]) -> None:
        """Check the settings ``countries`` and ``operations`` against the API's lists.

        Args:
            known_countries: Codes that were read in earlier runs, so that one that has left the list is not
                taken for a mistyped one.

        Raises:
            DtmError: A country or operation is unknown; the message names the nearest ones.
        """
        known = {row["admin0_pcode"]: row["admin0_name"] for row in self.lists.rows("countries")}
        is_whole = self.lists.is_whole("countries")
        for code in self.settings.countries or ():
            if is_whole and code not in known and code not in set(known_countries):
                raise DtmError(names.unknown_country(code, known))
        if not self.settings.operations or not self.lists.is_whole("operations"):
            return
        operations = {row["operation"] for row in self.lists.rows("operations")}
        for operation in sorted(self.settings.operations - operations):
            raise DtmError(names.unknown_operation(operation, operations))

    def start(self, jobs: Iterable[Job], number: int) -> None:
        """Begin to read countries, in the order in which they will be asked for with ``changes``.

        ``number`` is that of the run, counted from 1.
        """
        self.number = number
        self._jobs = deque(jobs)
        self._read_ahead()

    def _read_ahead(self) -> None:
        # That many countries are read or being read, no more: it bounds the requests and the memory.
        while self._jobs and len(self._ahead) < self.settings.max_parallel_requests:
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

    def changes(self, code: str) -> CountryChanges | None:
        """Return what was found in a country; None when it failed, which is reported and remembered.

        The answer is kept until another country is asked for.

        Raises:
            DtmAccessError: The API refuses the key: no other country would fare better.
        """
        if self._at_hand[0] != code:
            self._at_hand = (code, None)
            self._at_hand = (code, self._result(code))
        return self._at_hand[1]

    def _result(self, code: str) -> CountryChanges | None:
        try:
            changes = self._ahead.pop(code).result()
        except DtmAccessError:
            self._jobs.clear()  # no other country would fare better
            raise
        except DtmError as error:
            self.fail(code, error)
            return None
        finally:
            self._read_ahead()
        self._report(changes)
        return changes

    def fail(self, code: str, error: DtmError) -> None:
        """Report a country that failed; it stays at its old bookmarks."""
        self.failures[code] = error
        _logger.error("%s failed and keeps its rows and bookmarks: %s", code, error)

    def _report(self, changes: CountryChanges) -> None:
        report.warn(changes, self.settings.filters)
        operations = changes.by_operation()
        rows = {
            f"idp_admin{number} {sum(len(delivery.rows) for delivery in level.deliveries)}"
            for number, level in changes.levels.items()
        }
        withdrawn = sum(delivery.removed for level in changes.levels.values() for delivery in level.deliveries)
        emitted = sum(len(delivery.rows) for level in changes.levels.values() for delivery in level.deliveries)
        self._totals.update({_WORDS[change]: count for change, count in operations.items()})
        self._totals.update(countries=1, rows=emitted, removed=withdrawn)
        _logger.info(
            "%s (%s): operations %s; rows %s; %d removed%s",
            changes.job.name,
            changes.job.code,
            ", ".join(f"{operations[change]} {word}" for change, word in _WORDS.items()),
            ", ".join(sorted(rows)) or "none",
            withdrawn,
            "; read whole" if changes.job.whole else "",
        )

    def finish(self) -> None:
        """Report the run as a whole.

        Raises:
            DtmPartialSyncError: Some countries failed.
            DtmError: A list could not be read.
        """
        _logger.info(
            "Read %d countries in %d requests: operations %s; %d rows, %d removed",
            self._totals["countries"],
            self._client.requests_made,
            ", ".join(f"{self._totals[word]} {word}" for word in _WORDS.values()),
            self._totals["rows"],
            self._totals["removed"],
        )
        if self.failures:
            raise DtmPartialSyncError(
                f"{len(self.failures)} of {self._totals['countries'] + len(self.failures)} countries failed: "
                f"{', '.join(sorted(self.failures))}. The others are complete; the next run tries these again.",
                self.failures,
            )
        self.lists.raise_failure()
