"""A round: what identifies it within its operation, and its place among the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

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


def sortable(value: Any) -> tuple[int, Any]:  # noqa: ANN401
    """Return a value in a form in which nulls sort, too: before all others."""
    return (0, "") if value is None else (1, value)
