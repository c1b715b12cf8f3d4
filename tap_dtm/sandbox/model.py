"""The facts of a publication: countries, operations, rounds and cells.

All of them are immutable. So publications share unchanged facts, and a request never sees half of the next publication.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from tap_dtm.metadata.model import LEVELS

if TYPE_CHECKING:
    from datetime import date as Date  # noqa: N812 - a round has a field of that name

Status = Literal["Active", "Inactive"]

ALL_LEVELS: Final[frozenset[int]] = frozenset(LEVELS)
NOT_AVAILABLE: Final = "Not available"


def chance(*parts: object) -> random.Random:
    """Return a random generator. The same parts give the same numbers."""
    return random.Random("/".join(map(str, parts)))  # noqa: S311 - invention, not cryptography


class Area(NamedTuple):
    """An area at admin 1 and, in countries that have them, an area at admin 2."""

    admin1_name: str
    admin1_pcode: str
    admin2_name: str = ""
    admin2_pcode: str = ""


class Cell(NamedTuple):
    """One figure at the finest level. What a coarser level or version 2 of the API does not have is an empty string."""

    admin1_name: str
    admin1_pcode: str
    admin2_name: str
    admin2_pcode: str
    reason: str
    origin_name: str
    origin_pcode: str
    idps: int
    males: int | None
    females: int | None

    def plus(self, idps: int, males: int, females: int) -> Cell:
        """Return the cell with more people. Unknown numbers stay unknown."""
        return self._replace(
            idps=self.idps + idps,
            males=None if self.males is None else self.males + males,
            females=None if self.females is None else self.females + females,
        )


@dataclass(frozen=True)
class Round:
    """One assessment of an operation: its number, date and type identify it."""

    number: int
    date: Date
    assessment_type: str
    cells: tuple[Cell, ...] = field(repr=False)
    levels: frozenset[int] | None = None
    """The levels that publish this round, if not all levels of its operation."""

    @property
    def key(self) -> tuple[Date, int, str]:
        """The key of the round within its operation."""
        return (self.date, self.number, self.assessment_type)


@dataclass(frozen=True)
class Operation:
    """One DTM operation in one country."""

    name: str
    status: Status
    rounds: tuple[Round, ...] = field(repr=False)
    levels: frozenset[int] = ALL_LEVELS
    """The levels that publish the operation."""

    def published(self, level: int) -> tuple[Round, ...]:
        """Return the rounds that a level publishes."""
        if level not in self.levels:
            return ()
        return tuple(r for r in self.rounds if r.levels is None or level in r.levels)

    def with_round(self, new: Round) -> Operation:
        """Return the operation with one more round."""
        return replace(self, rounds=(*self.rounds, new))

    def without_round(self, old: Round, *new: Round) -> Operation:
        """Return the operation with new rounds, or none, in place of an old one."""
        place = next(place for place, round_ in enumerate(self.rounds) if round_ is old)
        return replace(self, rounds=(*self.rounds[:place], *new, *self.rounds[place + 1 :]))


@dataclass(frozen=True)
class Country:
    """One country."""

    pcode: str
    name: str
    operations: tuple[Operation, ...] = field(repr=False)
