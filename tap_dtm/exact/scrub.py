"""Whose turn it is to be re-read whole: a pure function, even and without chance."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def due(countries: Iterable[str], read_whole: Mapping[str, int], run: int, fraction: float) -> frozenset[str]:
    """Choose the countries of which one level is re-read whole in this run.

    Each run takes its even share of the countries, longest unread first, so that any country's turn comes
    within 1 / fraction runs, and no run takes them all at once unless the fraction says so. A run makes up for the
    share of the runs before it that did not read the level.

    Args:
        countries: The codes of the countries that this run reads.
        read_whole: By code, the number of the run that last read this level of it whole. One that is not before this
            run, as in states that were merged, says nothing.
        run: The number of this run, counted from 1.
        fraction: The share of the countries, 0 to 1.
    """
    if not fraction:
        return frozenset()
    read_whole = {code: number for code, number in read_whole.items() if number < run}
    # Fractions, because 20 x 0.05 must be 1: a float a hair below would skip a country.
    share = Fraction(str(fraction))
    waiting = sorted(countries, key=lambda code: (read_whole.get(code, 0), code))
    last = max(read_whole.values(), default=0)
    share_of_run = math.floor(run * share * len(waiting)) - math.floor(last * share * len(waiting))
    overdue = {code for code in waiting if run - read_whole.get(code, 0) >= math.ceil(1 / share)}
    return frozenset(waiting[:share_of_run]) | overdue
