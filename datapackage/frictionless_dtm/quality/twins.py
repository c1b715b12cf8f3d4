"""Rounds that two assessment types report: the same people are counted in each of the two figures."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import TYPE_CHECKING, Any

from tap_dtm.metadata.model import ROUND_SPAN_DAYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from frictionless_dtm.quality.observer import Sum
    from frictionless_dtm.quality.runs import RoundKey


def assessed_twice(rounds: Iterable[tuple[RoundKey, Mapping[int, Sum]]]) -> dict[str, Any]:
    """Return the section of the report about these rounds, which come in order with their sums by level."""
    persons: dict[RoundKey, int | None] = {key: sums[min(sums)].persons for key, sums in rounds}
    by_number: dict[tuple[str, str, int | None], list[RoundKey]] = defaultdict(list)
    for key in persons:
        country, operation, each = key
        by_number[country, operation, each.round_number].append(key)
    pairs = [
        {
            "country": one[0],
            "operation": one[1],
            "round_number": one[2].round_number,
            "assessment_types": [one[2].assessment_type, other[2].assessment_type],
            "reporting_dates": [one[2].reporting_date, other[2].reporting_date],
            "persons": [persons[one], persons[other]],
        }
        for keys in by_number.values()
        for one, other in combinations(keys, 2)
        if one[2].repeats(other[2])
    ]
    return {
        "about": "Rounds of one operation that two assessment types report under one number, with dates at most "
        f"{ROUND_SPAN_DAYS} days apart. Both figures may count the same people: take one of them, never their sum.",
        "checked": len(persons),
        "found": len(pairs),
        "rounds": pairs,
    }
