"""What DTM changed from one look to the next, in plain Python, from the rows that it served."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.world import count

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

Row = dict[str, Any]
Key = tuple[Any, ...]
ROUND = ("admin0_pcode", "operation", "assessment_type", "reporting_date", "round_number")


class Revision(NamedTuple):
    """A change of one round, as the view ``revisions`` has it."""

    round: Key
    event: str
    previous_reporting_date: str | None
    previous_idps: int | None
    idps: int | None
    row_count: int
    changed_areas: tuple[str, ...]


def by_round(rows: Iterable[Row]) -> dict[Key, list[Row]]:
    """Return the rows of each round."""
    rounds: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        rounds[tuple(row[name] for name in ROUND)].append(row)
    return rounds


def revisions(before: Iterable[Row], after: Iterable[Row], known: Collection[Key], level: int) -> Counter[Revision]:
    """Return how the rows of a level differ, round by round.

    Args:
        before: The rows at the look before.
        after: The rows at this look.
        known: The rounds that any look before showed.
        level: The administrative level.
    """
    old, new = by_round(before), by_round(after)
    redated = _redated(old, new)
    found: Counter[Revision] = Counter()
    for key in old.keys() | new.keys():
        if count(old.get(key, [])) == count(new.get(key, [])) or key in redated.values():
            continue
        was = redated.get(key)
        if was:
            event = "re-dated"
        elif key not in new:
            event = "withdrawn"
        elif key in old:
            event = "corrected"
        else:
            event = "back" if key in known else "published"
        found[
            Revision(
                key,
                event,
                was[3] if was else None,
                figure_of(old.get(was or key, [])),
                figure_of(new.get(key, [])),
                len(new.get(key, [])),
                _areas(old.get(key, []), new.get(key, []), level),
            )
        ] += 1
    return found


def _redated(old: dict[Key, list[Row]], new: dict[Key, list[Row]]) -> dict[Key, Key]:
    """Return by round that came the one of the same number that went, where each is the only one."""
    gone: dict[Key, list[Key]] = defaultdict(list)
    come: dict[Key, list[Key]] = defaultdict(list)
    for rounds, others, found in ((old, new, gone), (new, old, come)):
        for key in rounds:
            if key not in others and key[4] is not None:
                found[key[:3] + key[4:]].append(key)
    return {come[same][0]: gone[same][0] for same in come if len(come[same]) == len(gone.get(same, [])) == 1}


def _areas(old: list[Row], new: list[Row], level: int) -> tuple[str, ...]:
    if not level:
        return ()
    changed = (count(old) - count(new)).keys() | (count(new) - count(old)).keys()
    rows = [row for row in (*old, *new) if count([row]).keys() <= changed]
    return tuple(sorted({_area(row, level) for row in rows}))


def _area(row: Row, level: int) -> str:
    code = row[f"admin{level}_pcode"]
    return (row[f"admin{level}_name"] or "") if code in {None, "", "Not available", "Unknown"} else code


def figure_of(rows: list[Row]) -> int | None:
    """Return the sum of the figures; None where there is none."""
    figures = [row["num_present_idp_ind"] for row in rows if row["num_present_idp_ind"] is not None]
    return sum(figures) if figures else None
