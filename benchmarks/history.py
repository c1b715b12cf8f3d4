"""How much a history grows with what DTM publishes: `python -m benchmarks.history`.

Random publications of each kind, in a world as large as DTM's. The table compares the rows that a run adds to the
histories with the rows of the rounds that changed, with the rows that changed, and with what the run writes to the
tables, where positions shift. The last lines compare the bytes of the state.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from random import Random
from typing import TYPE_CHECKING, Any, Final

from tap_dtm.api.records import RecordBuilder
from tap_dtm.api.rows import as_dict
from tap_dtm.exact import rounds
from tap_dtm.exact.bookmarks import HistoryBookmark, LevelBookmark
from tap_dtm.exact.level import Delivered, LevelChanges
from tap_dtm.exact.round import Round
from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.model import LEVELS
from tap_dtm.sandbox import VISIBLE, invent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_dtm.api.rows import Row
    from tap_dtm.exact.rounds import Delivery
    from tap_dtm.sandbox import World

ROWS: Final = 200_000
COUNTRIES: Final = 60
_TIMES: Final = 4
_NOW: Final = "2025-01-01T00:00:00.000+00:00"
_SHAPE: Final = "0123456789abcdef"

Tables = dict[tuple[int, str, str], list["Row"]]
"""Rows in canonical order, by level, country and operation."""


def main() -> None:
    """Measure and print."""
    world = invent(1, COUNTRIES, ROWS)
    before = _tables(world)
    print(f"{sum(map(len, before.values())):,} rows in {len(before):,} operations and levels")
    print("publication                 added to     of rounds    that    added / changed   added / written")
    print("                            histories  that changed  changed  rounds     rows      to tables")
    for mutation in VISIBLE:
        total: Counter[str] = Counter()
        for seed in range(_TIMES):
            world.publish(mutation, rng=Random(seed))  # noqa: S311  invented data
            after = _tables(world)
            total += _growth(before, after)
            before = after
        if total["changed"]:
            print(
                f"{mutation.__name__:24}{total['added']:13,}{total['rounds']:14,}{total['changed']:9,}"
                f"{total['added'] / total['rounds']:8.1f}{total['added'] / total['changed']:9.1f}"
                f"{total['added'] / total['written']:15.2f}"
            )
    tables, histories = (_state_bytes(before, by_round=by_round) for by_round in (False, True))
    print(f"The bookmarks of the tables take {tables:,} bytes, those of the histories {histories:,}.")


def _tables(world: World) -> Tables:
    tables: Tables = {}
    for level in LEVELS:
        builder = RecordBuilder(load_catalogue().resources[f"idp_admin{level}"], "v3")
        by_country: dict[str, list[Any]] = {}
        for row in world.rows(level, "v3"):
            by_country.setdefault(row["admin0Pcode"], []).append(row)
        for code, rows in by_country.items():
            for name, own in rounds.by_operation(builder.build(rows, code)).items():
                tables[level, code, name] = own
    return tables


def _growth(before: Tables, after: Tables) -> Counter[str]:
    total: Counter[str] = Counter()
    for key in before.keys() | after.keys():
        old, new = before.get(key, []), after.get(key, [])
        if old == new:
            continue
        total["added"] += _delivery(key[2], old, new, by_round=True).size
        total["written"] += _delivery(key[2], old, new, by_round=False).size
        old_rounds, new_rounds = _by_round(old), _by_round(new)
        for each in old_rounds.keys() | new_rounds.keys():
            was, now = old_rounds.get(each, Counter()), new_rounds.get(each, Counter())
            if was != now:
                total["rounds"] += max(was.total(), now.total())
                total["changed"] += max((was - now).total(), (now - was).total())
    return total


def _delivery(operation: str, old: Sequence[Row], new: Sequence[Row], *, by_round: bool) -> Delivery:
    """Return what is sent of an operation of which the old rows were sent before."""
    before = Delivered({}, by_round=by_round).replaced(operation, old, old, None).bookmark if old else None
    marks = {operation: before} if before else {}
    return Delivered(marks, by_round=by_round).replaced(operation, new or None, new, None)


def _state_bytes(tables: Tables, *, by_round: bool) -> int:
    """Return the size of the bookmarks of all levels."""
    by_country: defaultdict[tuple[int, str], LevelChanges] = defaultdict(LevelChanges)
    for (level, code, name), rows in tables.items():
        by_country[level, code].add(_delivery(name, (), rows, by_round=by_round))
    states: dict[int, dict[str, Any]] = {level: {} for level in LEVELS}
    for (level, code), changes in by_country.items():
        bookmark = HistoryBookmark(states[level], _NOW) if by_round else LevelBookmark(states[level])
        bookmark.move(code, Delivered({}), changes, shape=_SHAPE, run=1)
    return len(json.dumps(states))


def _by_round(rows: Sequence[Row]) -> dict[Round, Counter[str]]:
    found: dict[Round, Counter[str]] = {}
    for row in rows:
        found.setdefault(Round.of(row), Counter())[str(as_dict(row))] += 1
    return found


if __name__ == "__main__":
    main()
