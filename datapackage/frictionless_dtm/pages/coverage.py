"""The coverage table: each operation with its newest round and its age."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from frictionless_dtm.quality.freshness import Freshness, freshness

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from frictionless_dtm.pages.figures import Operation, RoundFigures
    from frictionless_dtm.quality.runs import OperationKey


@dataclass(frozen=True)
class Covered:
    """One operation; `newest` holds its newest round, once for each assessment type and number.

    These are the rounds on its newest date, and the newest of another type that is the same round on an earlier date.
    """

    country: str
    country_name: str
    operation: str
    status: str
    rounds: int
    first: str
    levels: tuple[int, ...]
    newest: tuple[RoundFigures, ...]
    fresh: Freshness

    @property
    def span(self) -> str:
        """First and last reporting date."""
        return self.first if self.first == self.fresh.newest else f"{self.first} to {self.fresh.newest}"


def coverage(
    operations: Sequence[Operation],
    statuses: Mapping[OperationKey, str | None],
    reference: str,
) -> list[Covered]:
    """Return a line per operation, in the given order."""
    lines = []
    for each in operations:
        status = statuses.get((each.country, each.name)) or ""
        fresh = freshness(each.rounds.keys(), reference, status)
        last = [key for key in each.rounds if key.reporting_date == fresh.newest]
        newest = tuple(
            one for one in each.snapshots() if one.date == fresh.newest or any(one.round.repeats(key) for key in last)
        )
        lines.append(
            Covered(
                country=each.country,
                country_name=each.country_name,
                operation=each.name,
                status=status,
                rounds=len(each.rounds),
                first=min(each.dates),
                levels=tuple(sorted(each.levels)),
                newest=newest,
                fresh=fresh,
            )
        )
    return lines


def days_in_words(days: int | None) -> str:
    """Return a number of days as people say it."""
    if days is None:
        return ""
    for size, name in ((365.25, "years"), (30.44, "months")):
        if days >= 2 * size:
            return f"{days / size:.1f} {name}" if size > 300 else f"{days / size:.0f} {name}"  # noqa: PLR2004
    return "1 day" if days == 1 else f"{days} days"
