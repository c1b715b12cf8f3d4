"""Facts about filters: an answer with a filter is compared with the same rows of the answer without the filter.

The API does not document what its filters match. The tap uses a filtered answer only if it agrees with admin 0.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from tap_dtm.apicheck.envelopes import envelope_in_words
from tap_dtm.apicheck.look import Role
from tap_dtm.apicheck.questions import kept
from tap_dtm.apicheck.seen import Facts, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_dtm.apicheck.look import Look
    from tap_dtm.apicheck.seen import Seen

facts: Final = Facts()


def _of(
    role: Role, sentence: str
) -> Callable[[Callable[[Seen, Look], Verdict | bool]], Callable[[Seen, Look], Verdict | bool]]:
    """Add a fact about the one answer of a role. The evidence of a bare truth value is the outcome of the request."""

    def add(judge: Callable[[Seen, Look], Verdict | bool]) -> Callable[[Seen, Look], Verdict | bool]:
        def judge_seen(seen: Seen) -> Verdict:
            look = seen.first(role)
            if look is None:
                return Verdict(holds=None, seen="There was no request.")
            verdict = judge(seen, look)
            return verdict if isinstance(verdict, Verdict) else Verdict(verdict, _outcome(look))

        facts(sentence)(judge_seen)
        return judge

    return add


def _exact(seen: Seen, look: Look) -> Verdict | bool:
    if look.failure or look.rows is None:
        return False
    rows = _whole(seen, look)
    expected = kept(rows, dict(look.question.params))
    arrived, wanted, everything = _bag(look.rows), _bag(expected), _bag(rows)
    numbers = f"{len(look.rows):,} rows arrived, of {len(rows):,} without the filter"
    if arrived == wanted:
        if wanted == everything:
            return Verdict(holds=None, seen=f"The filter would keep all {len(rows):,} rows.")
        return Verdict(holds=True, seen=f"{numbers}.")
    if arrived == everything:
        return Verdict(holds=False, seen=f"The filter is ignored: all {len(rows):,} rows arrived.")
    return Verdict(holds=False, seen=f"{numbers}; {len(expected):,} were expected.")


def _without_rows(_: Seen, look: Look) -> bool:
    return not look.rows and (look.is_unknown or not look.failure)


_of(Role.OPERATION, "Operation matches an operation by its name.")(_exact)
_of(Role.CASE, "Operation distinguishes upper and lower case.")(_without_rows)
_of(Role.PART, "Operation does not match the beginning of a name.")(_without_rows)
_of(Role.DATES, "FromReportingDate and ToReportingDate include the day that they name.")(_exact)
_of(Role.ROUNDS, "FromRoundNumber and ToRoundNumber include the round that they name.")(_exact)


@_of(Role.NOTHING, "A filter that matches nothing gives a success without rows.")
def _nothing(_: Seen, look: Look) -> Verdict | bool:
    if look.rows:
        return Verdict(holds=None, seen=f"The filter matched {len(look.rows):,} rows.")
    return not look.failure


@_of(Role.UNKNOWN, "A country code that is not listed gives a failure: isSuccess is false.")
def _unknown(_: Seen, look: Look) -> bool:
    return look.is_unknown


def _whole(seen: Seen, look: Look) -> tuple[dict[str, Any], ...]:
    """Return the rows of the same level and country without the filter."""
    whole = seen.level(look.question.level or 0, look.question.country)
    return (whole.rows if whole else None) or ()


def _bag(rows: Iterable[dict[str, Any]]) -> Counter[str]:
    """Return rows in no order and without ``id``, which is numbered by answer."""
    return Counter(
        json.dumps({name: value for name, value in row.items() if name != "id"}, sort_keys=True) for row in rows
    )


def _outcome(look: Look) -> str:
    if look.rows is None:
        return look.failure or f"HTTP {look.status}."
    return f"{len(look.rows):,} rows, {envelope_in_words(look)}."
