"""How old an operation's newest figures are, judged by how often the operation itself reports."""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from tap_dtm.metadata.model import PUBLICATION_LAG_DAYS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tap_dtm.exact.round import Round

RULE: Final = (
    "An operation is stale when the next round should have been published by now: when its newest figures are "
    f"older than its usual interval between rounds plus {PUBLICATION_LAG_DAYS} days for publication. The usual "
    "interval is the median of the days from one of its rounds to the next of the same assessment type, where their "
    "dates and their numbers differ (a round without a number differs from all others). An operation with the status "
    "Inactive is closed, and one in which no round follows another has no interval to be judged by."
)
VERDICTS: Final = {"current": "Current", "stale": "Stale", "closed": "Closed", "single": "One round only"}


@dataclass(frozen=True)
class Freshness:
    """The age of an operation's newest figures on the package's reference date; negative if they are dated later."""

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


def freshness(rounds: Collection[Round], reference: str, status: str | None = None) -> Freshness:
    """Judge the rounds of one operation, as the warehouse view ``operation_freshness`` does."""
    newest = max(each.reporting_date for each in rounds)
    age = _days(newest, reference)
    gaps = _gaps(rounds)
    interval = math.floor(median(gaps) + 0.5) if gaps else None  # halves upwards
    if (status or "").casefold() == "inactive":
        verdict = "closed"
    elif interval is None:
        verdict = "single"
    else:
        verdict = "stale" if age > interval + PUBLICATION_LAG_DAYS else "current"
    return Freshness(newest, age, interval, verdict)


def _gaps(rounds: Collection[Round]) -> list[int]:
    """Return the days from each round to the next one of the same assessment type."""
    series: dict[str | None, list[Round]] = defaultdict(list)
    for each in sorted(set(rounds), key=lambda each: each.order):
        series[each.assessment_type].append(each)
    return [
        _days(earlier, later)
        for of_type in series.values()
        for (earlier, number, _), (later, next_number, _) in pairwise(of_type)
        if later != earlier and (number is None or number != next_number)
    ]


def _days(earlier: str, later: str) -> int:
    return (dt.date.fromisoformat(later) - dt.date.fromisoformat(earlier)).days


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
