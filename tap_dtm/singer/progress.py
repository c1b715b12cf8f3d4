"""The lines of the log that say how far a run is, what was found in a country, and what came of it all."""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from tap_dtm.exact.rounds import Change

if TYPE_CHECKING:
    from tap_dtm.exact.country import CountryChanges
    from tap_dtm.exact.reading import Reading

_INTERVAL: Final = 30.0  # seconds between two lines that show how far a run is
_WORDS: Final = {
    Change.NEW: "new",
    Change.NEW_ROUNDS: "with new rounds",
    Change.REVISED: "revised",
    Change.WITHDRAWN: "withdrawn",
    Change.UNCHANGED: "unchanged",
}
_logger = logging.getLogger("tap-dtm")


class Progress:
    """What a run has done so far."""

    def __init__(self) -> None:  # noqa: D107
        self.countries = 0
        self.next_line = 0.0
        """When the next line is due that shows how far the run is, in seconds of the monotonic clock."""
        self._all_countries = self._rows = self._removed = 0
        self._operations: Counter[Change] = Counter()
        self._began = 0.0

    def begin(self, countries: int) -> None:
        """Note when the run begins, and how many countries it will read."""
        self._all_countries = countries
        self._began = time.monotonic()
        self.next_line = self._began + _INTERVAL

    def add(self, changes: CountryChanges) -> None:
        """Log what was found in a country."""
        operations = changes.by_operation()
        rows = [f"{name} {found.rows}" for name, found in changes.streams.items()]
        tables = [next(iter(streams.values())) for streams in changes.levels.values()]
        removed = sum(delivery.removed for found in tables for delivery in found.deliveries)
        self.countries += 1
        self._rows += changes.rows
        self._removed += removed
        self._operations += operations
        _logger.info(
            "%s (%s): operations %s; rows %s; %d removed%s",
            changes.job.name,
            changes.job.code,
            _listed(operations),
            ", ".join(sorted(rows)) or "none",
            removed,
            "; read whole" if changes.job.whole else "",
        )

    def show(self, failed: int, requests: int, reading: Reading) -> None:
        """Log a line from time to time: how far the run is, what it waits for, and when it may end.

        Args:
            failed: How many countries have failed.
            requests: How many requests were made.
            reading: What is being read.
        """
        now = time.monotonic()
        if now < self.next_line:
            return
        self.next_line = now + _INTERVAL
        done, every = self.countries + failed, self._all_countries
        left = f"about {(now - self._began) / done * (every - done) / 60:.0f} min left; " if done else ""
        _logger.info(
            "%d of %d countries done, with %d rows and %d requests; %sreading %s",
            done,
            every,
            self._rows,
            requests,
            left,
            ", ".join(reading.in_progress()) or "nothing",
        )

    def end(self, requests: int) -> None:
        """Log what came of the run."""
        _logger.info(
            "Read %d countries in %d requests: operations %s; %d rows, %d removed",
            self.countries,
            requests,
            _listed(self._operations),
            self._rows,
            self._removed,
        )


def _listed(operations: Counter[Change]) -> str:
    return ", ".join(f"{operations[change]} {word}" for change, word in _WORDS.items())
