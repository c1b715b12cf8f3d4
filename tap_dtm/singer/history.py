"""The histories: every state in which rows were seen, and the runs that saw them. Nothing is ever changed or removed.

**What was true as of a time.** A run adds to a history what changed since the run that its state *follows*. For one
country and one level, these are the rows as of a time:

1. A run is complete if the history has as many rows of it as ``runs`` says (``admin1_rows`` and so on), or if another
   run follows it. The others were interrupted, and none of their rows counts.
2. The last complete run until that time counts, the run that it follows (``admin1_follows``), the run that this one
   follows, and so on, back to a run that follows none. Others between them were replaced: so it is after a state was
   lost or restored, and after a run of which the target has all rows, but whose STATE it has not confirmed.
3. Of each round, the rows of the newest of these runs that has any hold, unless they say that it was withdrawn.

The last complete run is also the last time that anybody looked. A target writes different streams at different times,
and may be killed in between. So the rows themselves, and not the order in which they arrive, show what is complete.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, ClassVar, Final

from typing_extensions import override

from tap_dtm.errors import DtmError
from tap_dtm.exact.bookmarks import HistoryBookmark, RunsBookmark, next_moment
from tap_dtm.metadata.model import LEVELS
from tap_dtm.singer.figures import CountryStream, LevelStream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from singer_sdk.helpers.types import Context, Record

    from tap_dtm.exact.country import CountryChanges
    from tap_dtm.exact.rounds import Delivery

_FAR: Final = dt.timedelta(hours=1)  # further apart than the clocks of two machines


class HistoryStream(LevelStream):
    """Every state in which the rows of one admin level were seen."""

    is_sent_again = False  # a row that has not changed is no new state
    marks_of_live_rows: ClassVar = {"is_withdrawn": False}
    has_begun = False
    """Whether an earlier run has ended for any country."""
    _cause = ""
    _look: tuple[str, int, str | None] = ("", 0, None)

    @property
    @override
    def bookmark(self) -> HistoryBookmark:
        """What the state says of the history."""
        return HistoryBookmark(self.stream_state, self.schedule.observed_at)

    @override
    def needs_everything(self, code: str) -> bool:
        """Whether a country must be read and added whole: when its history begins, too."""
        return self._followed(code) is None or super().needs_everything(code)

    def _followed(self, code: str) -> str | None:
        """Return the time of the run that this one follows in a country; None if the history begins."""
        runs = next(stream for stream in self._tap.streams.values() if isinstance(stream, RunStream))
        last, ended = self.bookmark.observed_at(code), runs.bookmark.ended_at(code)
        return last if last and ended and ended >= last else None

    @override
    def begin(self, code: str, changes: CountryChanges) -> None:
        """Find out why the rows of a country are added, and which run they follow."""
        self._cause = self._cause_of(code)
        self._look = (code, changes.levels[self.level][self.name].size, self._followed(code))

    def look(self, code: str) -> tuple[int | None, str | None]:
        """Return how many rows this run adds for a country, whose turn it is, and the run that they follow."""
        return self._look[1:] if self._look[0] == code else (None, None)

    def _cause_of(self, code: str) -> str:
        shape = self.bookmark.shape(code)
        if shape and self._followed(code):
            return "published" if shape == self._shape else "settings"
        if self.schedule.run == 1:
            return "reset"
        return "published" if self.has_begun and code in self.schedule.newly_listed else "first"

    @override
    def marks(self, delivery: Delivery) -> Record:
        """Return when and why a row was added."""
        return {
            "observed_at": self.schedule.observed_at,
            "is_withdrawn": False,
            "cause": self._cause,
            "seen_by": "index" if delivery.is_announced else "scrub",
        }

    @override
    def gone(self, delivery: Delivery) -> Iterator[Record]:
        """Yield the rounds that were withdrawn."""
        for number, each in enumerate(delivery.withdrawn, start=len(delivery.rows) + 1):
            yield {"row_number": number} | each._asdict()

    @override
    def tombstone(self, **key: Any) -> Record:
        """Return a record that says that a round was withdrawn."""
        return dict.fromkeys(self.schema["properties"]) | key | {"is_withdrawn": True}


class RunStream(CountryStream):
    """When the tap looked at each country, and what came of it."""

    state_partitioning_keys = ()  # one bookmark for all countries
    marks_of_live_rows: ClassVar = {}

    @property
    def bookmark(self) -> RunsBookmark:
        """What the state says of the runs."""
        return RunsBookmark(self.stream_state)

    def announce(self, times: Iterable[str]) -> str:
        """Return the time of this run, later than those of the runs before it, and note it in the state.

        Raises:
            DtmError: A time in the state is so late that there is no later one.
        """
        last = self.bookmark.observed_at
        clock = now()
        try:
            observed_at = next_moment(clock, [*times, *([last] if last else [])])
        except (OverflowError, ValueError):
            raise DtmError("The state cannot be read: observed_at is not the time of a run. Restore it.") from None
        if dt.datetime.fromisoformat(observed_at) > clock + _FAR:
            self.logger.warning(
                "The state says that the last run was later than the clock, so the histories date this run %s. "
                "Check the clock. If it was wrong in an earlier run, restore the tables and the state from before it.",
                observed_at,
            )
        self.bookmark.announce(observed_at)
        return observed_at

    @override
    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Yield what came of a country, after the rows of its histories."""
        code = (context or {})["admin0_pcode"]
        changes = self.schedule.changes(code)
        record = {
            "admin0_pcode": code,
            "observed_at": self.schedule.observed_at,
            "outcome": _outcome(changes),
        }
        histories = {each.level: each for each in self._tap.streams.values() if isinstance(each, HistoryStream)}
        for level in LEVELS:
            record[f"admin{level}_rows"], record[f"admin{level}_follows"] = histories[level].look(code)
        yield record
        if changes is not None:
            self.bookmark.move(code, str(self.schedule.observed_at))


def now() -> dt.datetime:
    """Return what the clock says."""
    return dt.datetime.now(dt.timezone.utc)


def _outcome(changes: CountryChanges | None) -> str:
    if changes is None:
        return "failed"
    if changes.job.is_gone:
        return "withdrawn"
    return "read_whole" if changes.job.whole else "asked"
