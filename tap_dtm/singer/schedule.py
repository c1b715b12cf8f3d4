"""The schedule of a run: which country comes next, what is read of it, and what is reported and done at the end."""

from __future__ import annotations

import logging
import math
import time
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Final

from tap_dtm.api.pcodes import PcodeList
from tap_dtm.api.records import UnknownFields
from tap_dtm.errors import DtmAccessError, DtmError, DtmPartialSyncError, DtmWithdrawnError
from tap_dtm.exact import report
from tap_dtm.exact.country import CountryChanges, CountryReader, Job
from tap_dtm.exact.lists import Lists
from tap_dtm.exact.reading import Reading
from tap_dtm.exact.scrub import due
from tap_dtm.singer import names
from tap_dtm.singer.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tap_dtm.api.client import DtmClient
    from tap_dtm.api.records import Entry
    from tap_dtm.exact.bookmarks import Key
    from tap_dtm.exact.level import Delivered
    from tap_dtm.metadata import Catalogue
    from tap_dtm.settings import Settings
    from tap_dtm.singer.figures import LevelStream

# A STATE is the whole state: with one for each country, their bytes grow with the square of the countries. So one is
# written when the rows that a killed run would repeat take several times its bytes, and it announces as many countries
# as can be gathered, and repeated, quickly.
_BYTES_PER_ROW: Final = 150  # of STATE; a row itself takes some 700
_ENOUGH: Final = 5_000  # rows at stake that are announced together
_LONGEST: Final = 5.0  # seconds that countries are waited for, to be announced together

_logger = logging.getLogger("tap-dtm")


class Schedule:
    """What one run reads, country by country, and what came of it.

    Args:
        client: The API.
        catalogue: What the API serves.
        settings: The checked settings.
    """

    def __init__(self, client: DtmClient, catalogue: Catalogue, settings: Settings) -> None:  # noqa: D107
        self.settings = settings
        self.run = 0  # without a state of an earlier run, it is run 1
        self.observed_at: str | None = None
        """The time of the run, where histories are read."""
        self.newly_listed: frozenset[str] = frozenset()
        """The countries that DTM has begun to list since the last run."""
        self.failures: dict[str, DtmError] = {}
        self.codes: frozenset[str] = frozenset()
        self._client = client
        unknown = UnknownFields()
        self.lists = Lists(client, catalogue, settings.api_version, unknown, self._other_lists(catalogue))
        self._reading = Reading(CountryReader(client, catalogue, settings, unknown), settings.max_parallel_requests)
        self._levels: Sequence[LevelStream] = ()
        self._write_state: Callable[[], int] = int
        self._to_come: list[str] = []
        self._gathered: dict[str, CountryChanges | DtmAccessError | None] = {}
        self._current: str | None = None
        self._sent = 0  # rows at stake since the last STATE
        self._worth = 0  # rows that are worth a STATE
        self._saved = 0.0
        self._progress = Progress()

    def _other_lists(self, catalogue: Catalogue) -> dict[str, Callable[[], list[Entry]]]:
        if not self.settings.pcodes:
            return {}
        pcodes = PcodeList(self.settings, catalogue.resources["pcodes"])
        return {"pcodes": lambda: pcodes.entries(self.wanted)}

    # Before the run.

    def check_names(self, known: Sequence[Key]) -> None:
        """Check the settings ``countries`` and ``operations`` against the API's lists.

        Args:
            known: Countries that were read in earlier runs, so that one that has left the list is not taken for a
                mistyped one.

        Raises:
            DtmError: A country or operation is unknown; the message names the nearest ones.
        """
        listed = {row["admin0_pcode"]: row["admin0_name"] for row in self.lists.rows("countries")}
        is_whole = self.lists.is_whole("countries")
        for code in self.settings.countries or ():
            if is_whole and code not in listed and (code,) not in known:
                raise DtmError(names.unknown_country(code, listed))
        if not self.settings.operations or not self.lists.is_whole("operations"):
            return
        operations = {row["operation"] for row in self.lists.rows("operations")}
        for operation in sorted(self.settings.operations - operations):
            raise DtmError(names.unknown_operation(operation, operations))

    def begin(  # noqa: PLR0913  all that a run depends on
        self,
        run: int,
        levels: Sequence[LevelStream],
        known: Sequence[Key],
        gone: Sequence[Key],
        *,
        listed_before: Sequence[Key],
        resends: bool,
        write_state: Callable[[], int],
    ) -> None:
        """Decide what is read of each country, and begin to read. Countries that left the list without leave fail.

        Args:
            run: The number of this run, counted from 1.
            levels: The streams of figures.
            known: The countries that may be in the target.
            gone: Those that left the list in earlier runs.
            listed_before: The countries that the list had in the last run; none where it is not known.
            resends: Whether this run sends the tombstones of countries that left again.
            write_state: Writes a STATE message, and returns its size in bytes.

        Raises:
            DtmError: The settings name a country or operation that DTM does not have.
        """
        self.run = run
        if self.settings.max_parallel_requests > 1:
            self.lists.read_ahead("operations")
        self.check_names(known)
        self._levels, self._write_state = levels, write_state
        jobs = list(self._jobs(levels, known, gone, resends=resends))
        self._to_come = [job.code for job in jobs]
        if listed_before:
            self.newly_listed = frozenset(row["admin0_pcode"] for row in self.lists.rows("countries"))
            self.newly_listed -= {code for (code,) in listed_before}
        self.codes = frozenset(self._to_come)
        self._progress.begin(len(self.codes))
        self._reading.start(jobs)

    def _jobs(
        self, levels: Sequence[LevelStream], known: Sequence[Key], gone: Sequence[Key], *, resends: bool
    ) -> Iterator[Job]:
        settings = self.settings
        listed = {row["admin0_pcode"]: row["admin0_name"] for row in self.lists.rows("countries")}
        is_whole = self.lists.is_whole("countries")
        selected = [level for level in levels if level.selected]
        numbers = {level.level for level in selected}
        wanted = self.wanted
        due_at = {
            number: due(wanted, _read_whole(selected, number), self.run, settings.scrub_fraction) for number in numbers
        }
        for code in wanted if selected else ():
            yield self._job(code, listed[code], selected, {number for number in numbers if code in due_at[number]})
        for (code,) in known if is_whole else ():
            if code in listed or (settings.countries and code not in settings.countries):
                continue
            if not self.may_remove(code, levels):
                words = (
                    f"{code} has left DTM's country list, although rows of it were delivered before: they are kept. "
                    f"If DTM has withdrawn the country for good, add {code} to accept_withdrawn_countries."
                )
                self._fail(code, DtmWithdrawnError(words))
            elif selected:
                # A killed run may have sent its tombstones, and a table may have been changed since.
                yield self._job(code, code, selected, numbers if resends else set(), is_gone=True)
        # The rows of those that left long ago may have come back with a backup.
        for (code,) in gone if selected and resends else ():
            if code not in listed and not (is_whole and (code,) in known):
                yield self._job(code, code, selected, numbers, is_gone=True)

    @property
    def wanted(self) -> list[str]:
        """The listed countries that the settings let through."""
        chosen = self.settings.countries
        listed = (row["admin0_pcode"] for row in self.lists.rows("countries"))
        return [code for code in listed if chosen is None or code in chosen]

    def _job(
        self, code: str, name: str, levels: Sequence[LevelStream], scrubbed: set[int], *, is_gone: bool = False
    ) -> Job:
        full = {level.level for level in levels if level.needs_everything(code)}
        delivered: defaultdict[int, dict[str, Delivered]] = defaultdict(dict)
        for each in levels:
            is_resent = self.settings.scrub_resends and each.is_sent_again and each.level in scrubbed
            emit_all = is_resent or each.needs_everything(code)
            delivered[each.level][each.name] = each.bookmark.delivered(code, emit_all=emit_all)
        operations = self._listed_operations.get(code, frozenset())
        return Job(code, name, delivered, operations, frozenset(full | scrubbed), is_gone=is_gone)

    def may_remove(self, code: str, levels: Iterable[LevelStream]) -> bool:
        """Whether a country that has left the list is tombstoned: when it has no rows, or once that is accepted."""
        has_rows = any(code in level.bookmark.codes_with_rows for level in levels)
        return code in self.settings.accept_withdrawn_countries or not has_rows

    @cached_property
    def _listed_operations(self) -> Mapping[str, frozenset[str]]:
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
        return {code: frozenset(operations) for code, operations in listed.items()}

    # During the run.

    def changes(self, code: str) -> CountryChanges | None:
        """Return what was found in a country; None when it failed, which is reported and remembered.

        The answer is kept until another country is asked for: each selected stream asks.

        Raises:
            DtmAccessError: The API refuses the key: no other country would fare better.
        """
        if self._current != code:
            if self._current is not None and isinstance(sent := self._gathered.pop(self._current), CountryChanges):
                self._sent += sent.at_stake
            if code not in self._gathered:
                self._gather(code)
            elif self._sent > self._worth:
                self._save()
            self._current = code
            if changes := self._gathered[code]:
                if isinstance(changes, DtmAccessError):
                    self._save()
                    raise changes
                report.warn(changes, self.settings.filters)
                self._progress.add(changes)
            self._show_progress()
        changes = self._gathered[code]
        return None if isinstance(changes, DtmAccessError) else changes

    def _gather(self, code: str) -> None:
        """Wait for a country, and for those after it; announce in one STATE what will be sent of them.

        A run that is killed while rows are on their way leaves a state that says which positions may be taken.
        """
        until = time.monotonic() + _LONGEST
        rows = 0
        is_next = True
        while is_next:
            self._to_come.remove(code)
            found = self._gathered[code] = self._outcome(code)
            rows += found.at_stake if isinstance(found, CountryChanges) else 0
            is_next = bool(self._to_come) and rows < max(_ENOUGH, self._worth) and not isinstance(found, DtmAccessError)
            if is_next:
                code = self._to_come[0]
                is_next = self._reading.is_ready(code, until - time.monotonic())
        announced = [self._announce(code, found) for code, found in self._gathered.items()]
        if any(announced) or self._sent:
            self._save()

    def _save(self) -> None:
        self._worth = self._write_state() // _BYTES_PER_ROW
        self._sent = 0
        self._saved = time.monotonic()

    def _outcome(self, code: str) -> CountryChanges | DtmAccessError | None:
        while code in self._reading.in_progress():
            state_due = self._saved + _LONGEST if self._sent else math.inf
            is_ready = self._reading.is_ready(code, min(state_due, self._progress.next_line) - time.monotonic())
            if not is_ready and time.monotonic() >= state_due:
                self._save()  # a run that is killed during a long wait repeats nothing
            self._show_progress()
        try:
            return self._reading.result(code)
        except DtmAccessError as error:
            return error
        except DtmError as error:
            self._fail(code, error)
            return None

    def _show_progress(self) -> None:
        self._progress.show(len(self.failures.keys() & self.codes), self._client.requests_made, self._reading)

    def _announce(self, code: str, found: CountryChanges | DtmAccessError | None) -> bool:
        """Note which positions may be taken, and return whether any row is sent."""
        if not isinstance(found, CountryChanges):
            return False
        is_news = False
        for level in self._levels:
            changes = found.streams.get(level.name)
            deliveries = [delivery for delivery in changes.deliveries if not delivery.is_empty] if changes else []
            if deliveries:
                level.bookmark.announce(code, deliveries)
                is_news = True
        return is_news

    def _fail(self, code: str, error: DtmError) -> None:
        """Report a country that failed; it stays at its old bookmarks."""
        self.failures[code] = error
        _logger.error("%s failed and keeps its rows and bookmarks: %s", code, error)

    # At the end.

    def finish(self) -> None:
        """Report the run as a whole.

        Raises:
            DtmPartialSyncError: Some countries failed.
            DtmError: A list could not be read.
        """
        self._progress.end(self._client.requests_made)
        if self.failures:
            raise DtmPartialSyncError(
                f"{len(self.failures)} of {self._progress.countries + len(self.failures)} countries failed: "
                f"{', '.join(sorted(self.failures))}. The others are complete; the next run tries these again.",
                self.failures,
            )
        self.lists.raise_failure()


def _read_whole(levels: Iterable[LevelStream], number: int) -> dict[str, int]:
    """Return, by country, the run that last read a level whole for all of its streams."""
    marks = [level.bookmark.read_whole for level in levels if level.level == number]
    return {code: min(mark.get(code, 0) for mark in marks) for code in {code for mark in marks for code in mark}}
