"""Facts about the agreement of answers with others: the levels with admin 0, and filters with the whole level.

By admin 0, the tap detects changes below. The API does not document what its filters match. The tap uses a filtered
answer only if it agrees with admin 0.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tap_dtm.apicheck.asking import Role
from tap_dtm.apicheck.facts import FACTS, UNSEEN, Verdict, envelope_in_words, fact, listed
from tap_dtm.exact.round import Round
from tap_dtm.exact.selfcheck import compare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tap_dtm.apicheck.asking import Look
    from tap_dtm.apicheck.facts import Seen

__all__ = ["FACTS"]

_BELOW: Final = (1, 2)  # the levels that must agree with admin 0
_UNREADABLE: Final = Verdict(None, "Not all rows could be read.")


def _agreement(seen: Seen, level: int) -> Counter[str] | None:
    """Count the rounds that are equal at a level and admin 0, that differ, and that only one of the two has.

    Returns:
        The counts over all countries; None if the rows of none could be read.
    """
    counts: Counter[str] | None = None
    for country in seen.countries:
        index, below = seen.built(0, country), seen.built(level, country)
        if index is None or below is None:
            continue
        counts = counts or Counter()
        for name in index.keys() | below.keys():
            disagreements = compare(index.get(name, []), below.get(name, [])).disagreements
            kinds = Counter(_side(each.index_sum, each.level_sum) for each in disagreements)
            of_level = len({Round.of(row) for row in below.get(name, [])})
            counts += kinds + Counter(alike=of_level - kinds["differing"] - kinds["below"])
    return counts


def _side(index_sum: int | None, level_sum: int | None) -> str:
    if index_sum is None:
        return "below"
    return "above" if level_sum is None else "differing"


def _sums(seen: Seen, level: int) -> Verdict:
    """Compare people, males and females, by reason and origin.

    A round that the level lacks is not a contradiction, because operations may stop at a level.
    """
    counts = _agreement(seen, level)
    if counts is None:
        return _UNREADABLE
    shared = counts["alike"] + counts["differing"]
    if not shared:
        return Verdict(None, "The level has no rows.")
    return Verdict(not counts["differing"], f"{counts['alike']:,} of {shared:,} rounds.")


def _alone(seen: Seen, kind: str, words: str) -> Verdict:
    counts = {level: found for level in _BELOW if (found := _agreement(seen, level)) is not None}
    if not counts:
        return _UNREADABLE
    alone = [words.format(level, found[kind]) for level, found in counts.items() if found[kind]]
    if not alone:
        return Verdict(holds=True, seen=f"{sum(found.total() for found in counts.values()):,} rounds.")
    return Verdict(holds=False, seen=f"{listed(alone, '. ')}.")


def _operations(seen: Seen, words: str, *, of_list: bool) -> Verdict:
    """Count the operations that the list alone has, or admin 0 alone."""
    lists = {look.question.stream: look.rows for look in seen.whole if look.question.level is None}
    operations, missed, total = lists.get("operations"), 0, 0
    for country in seen.countries:
        index = seen.level(0, country)
        if index is None or index.rows is None or operations is None:
            continue
        code = index.question.params["Admin0Pcode"]
        shown = {str(row.get("operation")) for row in index.rows}
        on_list = {str(row.get("operation")) for row in operations if row.get("admin0Pcode") == code}
        missed += len(on_list - shown if of_list else shown - on_list)
        total += len(shown | on_list)
    if not total:
        return UNSEEN
    return Verdict(not missed, f"{missed} of {total} operations are {words}." if missed else f"{total} operations.")


for _level in _BELOW:
    fact(f"Admin {_level} adds up to admin 0, in every round that it has.", is_needed=True)(
        partial(_sums, level=_level)
    )
fact("Admin 0 has every round that admin 1 and 2 have.")(
    partial(_alone, kind="below", words="Admin {} has {:,} other rounds")
)
fact("Admin 1 and 2 have every round that admin 0 has.")(
    partial(_alone, kind="above", words="Admin {} lacks {:,} rounds")
)
# A run warns if a setting names an operation that is not on the list.
fact("The operations of admin 0 are on the list of operations.")(
    partial(_operations, words="not on the list", of_list=False)
)
# The tap looks for other operations of the list at the levels below.
fact("The operations on the list are in admin 0.")(partial(_operations, words="only on the list", of_list=True))


def _filter(seen: Seen, role: Role, judge: Callable[[Seen, Look], Verdict | bool]) -> Verdict:
    """Judge the one answer of a role. The evidence of a bare truth value is the outcome of the request."""
    look = next((look for look in seen.looks if look.question.role is role), None)
    if look is None:
        return Verdict(None, "There was no request.")
    verdict = judge(seen, look)
    if isinstance(verdict, Verdict):
        return verdict
    if look.rows is None:
        return Verdict(verdict, look.failure or f"HTTP {look.status}.")
    return Verdict(verdict, f"{len(look.rows):,} rows, {envelope_in_words(look)}.")


def _exact(seen: Seen, look: Look) -> Verdict | bool:
    if look.failure or look.rows is None:
        return False
    unfiltered = seen.level(look.question.level or 0, look.question.country)
    rows = (unfiltered and unfiltered.rows) or ()
    expected = [row for row in rows if _passes(row, look.question.params)]
    arrived, wanted, everything = _bag(look.rows), _bag(expected), _bag(rows)
    numbers = f"{len(look.rows):,} rows arrived, of {len(rows):,} without the filter"
    if arrived == wanted:
        if wanted == everything:
            return Verdict(None, f"The filter would keep all {len(rows):,} rows.")
        return Verdict(holds=True, seen=f"{numbers}.")
    if arrived == everything:
        return Verdict(holds=False, seen=f"The filter is ignored: all {len(rows):,} rows arrived.")
    return Verdict(holds=False, seen=f"{numbers}; {len(expected):,} were expected.")


def _passes(row: dict[str, Any], params: Mapping[str, str]) -> bool:
    """Whether filters keep a row if they match exactly and include their limits."""
    day, number = str(row.get("reportingDate"))[:10], row.get("roundNumber")
    low, high = params.get("FromRoundNumber"), params.get("ToRoundNumber")
    return (
        row.get("operation") == params.get("Operation", row.get("operation"))
        and params.get("FromReportingDate", "") <= day <= params.get("ToReportingDate", "9999-12-31")
        and (low is None or high is None or (type(number) is int and int(low) <= number <= int(high)))
    )


def _bag(rows: Iterable[dict[str, Any]]) -> Counter[str]:
    """Return rows in no order and without ``id``, which is numbered by answer."""
    return Counter(
        json.dumps({name: value for name, value in row.items() if name != "id"}, sort_keys=True) for row in rows
    )


def _without_rows(_: Seen, look: Look) -> bool:
    return not look.rows and (look.is_unknown or not look.failure)


def _nothing(_: Seen, look: Look) -> Verdict | bool:
    return Verdict(None, f"The filter matched {len(look.rows):,} rows.") if look.rows else not look.failure


_FILTERS: Final[dict[Role, tuple[str, Callable[[Seen, Look], Verdict | bool]]]] = {
    Role.OPERATION: ("Operation matches an operation by its name.", _exact),
    Role.CASE: ("Operation distinguishes upper and lower case.", _without_rows),
    Role.PART: ("Operation does not match the beginning of a name.", _without_rows),
    Role.DATES: ("FromReportingDate and ToReportingDate include the day that they name.", _exact),
    Role.ROUNDS: ("FromRoundNumber and ToRoundNumber include the round that they name.", _exact),
    Role.NOTHING: ("A filter that matches nothing gives a success without rows.", _nothing),
    Role.UNKNOWN: (
        "A country code that is not listed gives a failure: isSuccess is false.",
        lambda _, look: look.is_unknown,
    ),
}
for _role, (_sentence, _judge) in _FILTERS.items():
    fact(_sentence)(partial(_filter, role=_role, judge=_judge))
