"""How old an operation's newest figures are, judged by how often the operation itself reports."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from tap_dtm.metadata.model import PUBLICATION_LAG_DAYS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

RULE: Final = (
    "An operation is stale when the next round should have been published by now: when its newest figures are "
    f"older than its usual interval between rounds plus {PUBLICATION_LAG_DAYS} days for publication. The usual "
    "interval is the median of the days between its own reporting dates. An operation with the status Inactive "
    "is closed, and one with a single reporting date has no interval to be judged by."
)
VERDICTS: Final = {"current": "Current", "stale": "Stale", "closed": "Closed", "single": "One date only"}


@dataclass(frozen=True)
class Freshness:
    """The age of an operation's newest figures on the package's reference date."""

    newest: str
    age_days: int
    interval_days: int | None
    verdict: str

    @property
    def intervals(self) -> float | None:
        """The age in usual intervals of the operation."""
        return round(self.age_days / self.interval_days, 1) if self.interval_days else None

    @property
    def title(self) -> str:
        """The verdict in words."""
        return VERDICTS[self.verdict]


def freshness(dates: Collection[str], reference: str, status: str | None = None) -> Freshness:
    """Judge the reporting dates of one operation."""
    days = sorted(dt.date.fromisoformat(date) for date in set(dates))
    age = max(0, (dt.date.fromisoformat(reference) - days[-1]).days)
    gaps = [(later - earlier).days for earlier, later in pairwise(days)]
    interval = math.floor(median(gaps) + 0.5) if gaps else None  # halves upwards, as the warehouse views do
    if (status or "").casefold() == "inactive":
        verdict = "closed"
    elif interval is None:
        verdict = "single"
    else:
        verdict = "stale" if age > interval + PUBLICATION_LAG_DAYS else "current"
    return Freshness(days[-1].isoformat(), age, interval, verdict)


def reference_date(descriptor: Mapping[str, Any], dates: Collection[str] = ()) -> str:
    """Return the date on which ages are counted: of access, else of creation, else the newest one in the data.

    Never the date of today, so that the same package always says the same.
    """
    for source in descriptor.get("sources") or ():
        for name, value in source.items():
            if name.casefold().replace("_", "").endswith(("accessed", "accessdate", "accessedon")):
                return str(value)[:10]
    for name, value in descriptor.items():
        if name.casefold().replace("_", "").endswith(("accessed", "accessdate", "accessedon")):
            return str(value)[:10]
    if created := descriptor.get("created"):
        return str(created)[:10]
    return max(dates, default="1970-01-01")
