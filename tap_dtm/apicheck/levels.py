"""Facts about the agreement of the levels with admin 0, by which the tap detects changes below."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from tap_dtm.apicheck.seen import UNSEEN, Facts, Verdict, listed
from tap_dtm.exact import rounds
from tap_dtm.exact.round import Round
from tap_dtm.exact.selfcheck import compare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_dtm.apicheck.seen import Seen

_LEVELS: Final = (1, 2)
facts: Final = Facts()
_UNREADABLE: Final = Verdict(holds=None, seen="Not all rows could be read.")


class _Agreement(NamedTuple):
    """Numbers of rounds: equal at a level and admin 0, different, and only at one of the two."""

    alike: int
    differing: int
    of_level_alone: int
    of_index_alone: int


def _sums(seen: Seen, level: int) -> Verdict:
    """Compare people, males and females, by reason and origin.

    A round that the level lacks is not a contradiction, because operations may stop at a level.
    """
    agreements = list(_agreements(seen, level))
    if not agreements:
        return _UNREADABLE
    alike = sum(each.alike for each in agreements)
    shared = alike + sum(each.differing for each in agreements)
    if not shared:
        return Verdict(holds=None, seen="The level has no rows.")
    return Verdict(alike == shared, f"{alike:,} of {shared:,} rounds.")


for _level in _LEVELS:
    facts(f"Admin {_level} adds up to admin 0, in every round that it has.", is_needed=True)(
        partial(_sums, level=_level)
    )


@facts("Admin 0 has every round that admin 1 and 2 have.")
def _no_other_rounds(seen: Seen) -> Verdict:
    return _alone(seen, lambda each: each.of_level_alone, "Admin {} has {:,} other rounds")


@facts("Admin 1 and 2 have every round that admin 0 has.")
def _all_rounds(seen: Seen) -> Verdict:
    return _alone(seen, lambda each: each.of_index_alone, "Admin {} lacks {:,} rounds")


def _alone(seen: Seen, count: Callable[[_Agreement], int], words: str) -> Verdict:
    agreements = {level: list(_agreements(seen, level)) for level in _LEVELS}
    if not any(agreements.values()):
        return _UNREADABLE
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


@facts("The operations of admin 0 are on the list of operations.")
def _operations_listed(seen: Seen) -> Verdict:
    """A run warns if a setting names an operation that is not on the list."""
    return _operations(seen, lambda shown, on_list: shown - on_list, "not on the list")


@facts("The operations on the list are in admin 0.")
def _operations_shown(seen: Seen) -> Verdict:
    """The tap looks for other operations of the list at the levels below."""
    return _operations(seen, lambda shown, on_list: on_list - shown, "only on the list")


def _operations(seen: Seen, missing: Callable[[set[str], set[str]], set[str]], words: str) -> Verdict:
    operations = next((look for look in seen.looks if look.question.stream == "operations"), None)
    missed = total = 0
    for country in seen.countries:
        index = seen.level(0, country)
        if index is None or index.rows is None or operations is None or operations.rows is None:
            continue
        code = index.question.params["Admin0Pcode"]
        shown = {str(row.get("operation")) for row in index.rows}
        on_list = {str(row.get("operation")) for row in operations.rows if row.get("admin0Pcode") == code}
        missed += len(missing(shown, on_list))
        total += len(shown | on_list)
    if not total:
        return UNSEEN
    return Verdict(not missed, f"{total} operations." if not missed else f"{missed} of {total} operations are {words}.")
