"""Does a level agree with the index? Pure functions, no I/O.

Each row of the index (admin 0) is the sum of the rows below it that have the same country name, round, reason and
origin: so it is for the people and for either sex, as far as it is known, in every recorded answer. A level that has
other sums contradicts the index: DTM is publishing the levels one after the other, has corrected only one of them, or
has never published a round at this level. The tap delivers such a level as published, and asks for it again in the next
runs until the contradiction is gone or has been seen often enough to be believed.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from tap_dtm.api.rows import columns
from tap_dtm.exact.round import Round, sortable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_dtm.api.rows import Row

MEASURE = "num_present_idp_ind"
# What an index row shares with the rows that it sums up, after the round. Version 2 of the API has the first alone.
_PARTS = ("admin0_name", "displacement_reason", "idp_origin_admin1_pcode", "idp_origin_admin1_name")
EMPTY_LEVEL = "empty"  # the digest of a level without any rows
_SEXES = ("number_males", "number_females")
_LOOKS = 2  # how many later runs must see a contradiction before it is believed
_LOOKS_AT_NOTHING = 1  # the same for a level that answers with no rows at all and never had any


@dataclass(frozen=True)
class Contradiction:
    """How a level departs from the index. ``looks`` later runs must see the same before it is believed."""

    digest: str
    looks: int

    @property
    def is_believed(self) -> bool:
        """Whether it has been seen often enough."""
        return self.looks == 0


@dataclass(frozen=True)
class Disagreement:
    """One round in which a level and the index differ; a sum is None where there is no such round.

    Equal sums say that the two differ in the reasons, origins, sexes or country name of the same people.
    """

    round: Round
    index_sum: int | None
    level_sum: int | None

    def at(self, level: int) -> str:
        """Name the round and both sums, for a message about an admin level."""
        date, number, assessment_type = self.round
        lacks = " (it lacks the round)" if self.level_sum is None else ""
        index = "does not list the round" if self.index_sum is None else f"says {self.index_sum}"
        if self.level_sum == self.index_sum:
            index += " with other reasons, origins, sexes or country name"
        return (
            f"round {number} ({date}, {assessment_type}): admin {level} adds up to {self.level_sum or 0}{lacks}, "
            f"admin 0 {index}"
        )


@dataclass(frozen=True)
class Comparison:
    """How a level's rows of one operation compare with its index rows.

    ``disagreements`` lists the rounds that differ; ``digest`` identifies the set of differences, and is
    empty when there are none.
    """

    disagreements: tuple[Disagreement, ...] = ()
    digest: str = ""

    def __bool__(self) -> bool:
        """Whether the two differ."""
        return bool(self.disagreements)


def compare(index: Sequence[Row], level: Sequence[Row]) -> Comparison:
    """Compare one operation's rows at a level with its index rows: their sums by all that both have."""
    of_index, of_level = _sums(index), _sums(level)
    differing = [key for key in of_index.keys() | of_level.keys() if of_index.get(key) != of_level.get(key)]
    if not differing:
        return Comparison()
    differing.sort(key=lambda key: tuple(map(sortable, key)))
    parts = [(key, of_index.get(key), of_level.get(key)) for key in differing]
    index_rounds, level_rounds = _by_round(of_index), _by_round(of_level)
    rounds = dict.fromkeys(Round(*key[:3]) for key in differing)
    return Comparison(
        tuple(Disagreement(key, index_rounds.get(key), level_rounds.get(key)) for key in rounds),
        hashlib.sha256(repr(parts).encode(errors="surrogatepass")).hexdigest()[:16],
    )


def _sums(rows: Sequence[Row]) -> dict[tuple[Any, ...], list[int | None]]:
    """Add up people, males and females by everything that an index row has in common with the rows below it."""
    sums: dict[tuple[Any, ...], list[int | None]] = {}
    if not rows:
        return sums
    present = columns(rows[0])
    shared = attrgetter(*Round._fields, *(name for name in _PARTS if name in present))
    measures = [MEASURE, *(name for name in _SEXES if name in present)]
    keys = list(map(shared, rows))
    sums = {key: [0, *(None for _ in measures[1:])] for key in dict.fromkeys(keys)}
    for place, name in enumerate(measures):
        for key, number in zip(keys, map(attrgetter(name), rows), strict=True):
            if number is not None:
                total = sums[key]
                total[place] = (total[place] or 0) + number
    return sums


def _by_round(sums: Mapping[tuple[Any, ...], list[int | None]]) -> dict[Round, int]:
    rounds: defaultdict[Round, int] = defaultdict(int)
    for key, total in sums.items():
        rounds[Round(*key[:3])] += total[0] or 0
    return rounds


def seen(comparison: Comparison, before: Contradiction | None) -> Contradiction | None:
    """Return the contradiction after a look at a level; the same as before is believed a little more."""
    if not comparison:
        return None
    if before is not None and before.digest == comparison.digest:
        return Contradiction(before.digest, max(before.looks - 1, 0))
    return Contradiction(comparison.digest, _LOOKS)


def seen_empty(before: Contradiction | None) -> Contradiction | None:
    """Return the contradiction after a look at a level that has no rows at all, and never had: None once believed."""
    return None if before is not None else Contradiction(EMPTY_LEVEL, _LOOKS_AT_NOTHING)
