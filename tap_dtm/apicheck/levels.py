"""Facts about the agreement of the levels with admin 0, by which the tap detects changes below."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tap_dtm.apicheck.seen import UNSEEN, Verdict, listed
from tap_dtm.exact import rounds
from tap_dtm.exact.round import Round
from tap_dtm.exact.selfcheck import compare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_dtm.apicheck.look import Look
    from tap_dtm.apicheck.seen import Seen

_LEVELS = (1, 2)


class _Agreement(NamedTuple):
    """Numbers of rounds: equal at a level and admin 0, different, and only at one of the two."""

    alike: int
    differing: int
    of_level_alone: int
    of_index_alone: int


def sums_of(level: int) -> Callable[[Seen], Verdict]:
    """Return the judge of a level's sums: people, males and females, by reason and origin, must equal admin 0.

    A round that the level lacks is not a contradiction, because operations may stop at a level.
    """

    def sums(seen: Seen) -> Verdict:
        agreements = list(_agreements(seen, level))
        if not agreements:
            return Verdict(holds=None, seen="Not all rows could be read.")
        alike = sum(each.alike for each in agreements)
        shared = alike + sum(each.differing for each in agreements)
        if not shared:
            return Verdict(holds=None, seen="The level has no rows.")
        return Verdict(alike == shared, f"{alike:,} of {shared:,} rounds.")

    return sums


def no_other_rounds(seen: Seen) -> Verdict:
    """Judge whether admin 0 has all rounds of the levels below."""
    return _alone(seen, lambda each: each.of_level_alone, "Admin {} has {:,} other rounds")


def all_rounds(seen: Seen) -> Verdict:
    """Judge whether the levels below have all rounds of admin 0."""
    return _alone(seen, lambda each: each.of_index_alone, "Admin {} lacks {:,} rounds")


def _alone(seen: Seen, count: Callable[[_Agreement], int], words: str) -> Verdict:
    agreements = {level: list(_agreements(seen, level)) for level in _LEVELS}
    if not any(agreements.values()):
        return Verdict(holds=None, seen="Not all rows could be read.")
    alone = {level: sum(map(count, each)) for level, each in agreements.items() if each}
    if not any(alone.values()):
        total = sum(sum(each) for of_level in agreements.values() for each in of_level)
        return Verdict(holds=True, seen=f"{total:,} rounds.")
    return Verdict(holds=False, seen=f"{listed((words.format(*each) for each in alone.items() if each[1]), '. ')}.")


def _agreements(seen: Seen, level: int) -> Iterator[_Agreement]:
    for country in seen.countries:
        index, below = seen.built(seen.level(0, country)), seen.built(seen.level(level, country))
        if index is None or below is None:
            continue
        of_index, of_level = rounds.by_operation(index), rounds.by_operation(below)
        alike = differing = of_level_alone = of_index_alone = 0
        for name in of_index.keys() | of_level.keys():
            rows_above, rows_below = of_index.get(name, []), of_level.get(name, [])
            disagreements = compare(rows_above, rows_below).disagreements
            alone_below = sum(each.index_sum is None for each in disagreements)
            of_level_alone += alone_below
            of_index_alone += sum(each.level_sum is None for each in disagreements)
            both = sum(each.index_sum is not None and each.level_sum is not None for each in disagreements)
            differing += both
            alike += len({Round.of(row) for row in rows_below}) - both - alone_below
        yield _Agreement(alike, differing, of_level_alone, of_index_alone)


def operations_listed(seen: Seen) -> Verdict:
    """Judge whether the list is complete. A run warns if a setting names an operation that is not on it."""
    return _operations(seen, lambda shown, on_list: shown - on_list, "not on the list")


def operations_shown(seen: Seen) -> Verdict:
    """Judge whether admin 0 is complete. The tap looks for other operations of the list at the levels below."""
    return _operations(seen, lambda shown, on_list: on_list - shown, "only on the list")


def _operations(seen: Seen, missing: Callable[[set[str], set[str]], set[str]], words: str) -> Verdict:
    operations, missed, total = seen.list_of("operations"), 0, 0
    for country in seen.countries:
        index = seen.level(0, country)
        if index is None or index.rows is None or operations is None or operations.rows is None:
            continue
        code = index.question.params["Admin0Pcode"]
        shown = _names(index)
        on_list = {str(row.get("operation")) for row in operations.rows if row.get("admin0Pcode") == code}
        missed += len(missing(shown, on_list))
        total += len(shown | on_list)
    if not total:
        return UNSEEN
    return Verdict(not missed, f"{total} operations." if not missed else f"{missed} of {total} operations are {words}.")


def _names(look: Look) -> set[str]:
    return {str(row.get("operation")) for row in look.rows or ()}
