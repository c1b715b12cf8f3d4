"""A round: what identifies it within its operation, its place among the others, and when two are one."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_dtm.metadata.model import ROUND_SPAN_DAYS

if TYPE_CHECKING:
    from tap_dtm.api.rows import Row


class Round(NamedTuple):
    """One assessment of an operation."""

    reporting_date: str
    round_number: int | None
    assessment_type: str | None

    @classmethod
    def of(cls, row: Row) -> Round:
        """Return the round that a row belongs to."""
        return cls(row.reporting_date, row.round_number, row.assessment_type)

    @property
    def order(self) -> tuple[tuple[int, Any], ...]:
        """What sorts rounds: date, number and type; a round without a number comes before the others of its date."""
        return tuple(map(sortable, self))

    def repeats(self, other: Round) -> bool:
        """Whether two rounds of one operation are one round that two assessment types report.

        They have the same number, and dates at most ``ROUND_SPAN_DAYS`` apart.
        """
        is_same = self.round_number is not None and self.round_number == other.round_number
        days = (dt.date.fromisoformat(self.reporting_date) - dt.date.fromisoformat(other.reporting_date)).days
        return is_same and self.assessment_type != other.assessment_type and abs(days) <= ROUND_SPAN_DAYS


def sortable(value: Any) -> tuple[int, Any]:  # noqa: ANN401
    """Return a value in a form in which nulls sort, too: before all others."""
    return (0, "") if value is None else (1, value)
