"""How much a history grows with what DTM publishes: `python -m benchmarks.history`.

Random publications of each kind, in a world whose operations are as large as DTM's. A run rewrites an operation from
the first row to the last when an old round of it has changed, because positions shift. The table compares the rows that
it adds to the histories with the rows of the rounds that changed, and with the rows that changed.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any, Final

from tap_dtm.api.records import RecordBuilder
from tap_dtm.api.rows import as_dict
from tap_dtm.exact import rounds
from tap_dtm.exact.round import Round
from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.model import LEVELS
from tap_dtm.sandbox import VISIBLE, invent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_dtm.api.rows import Row
    from tap_dtm.exact.rounds import Bookmark
    from tap_dtm.sandbox import World

ROWS: Final = 20_000
COUNTRIES: Final = 6
_TIMES: Final = 4

Tables = dict[tuple[int, str, str], list["Row"]]
"""Rows in canonical order, by level, country and operation."""


def main() -> None:
    """Measure and print."""
    world = invent(1, COUNTRIES, ROWS)
    before = _tables(world)
    print(f"{sum(map(len, before.values())):,} rows in {len(before):,} operations and levels")
    print("publication                 added to     of rounds    that      added / changed")
    print("                            histories  that changed  changed    rounds    rows")
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
                f"{total['added'] / total['rounds']:10.1f}{total['added'] / total['changed']:8.1f}"
            )


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
        mark = rounds.replace(key[2], old, old, None).bookmark if old else None
        total["added"] += _added(key[2], new, mark)
        old_rounds, new_rounds = _by_round(old), _by_round(new)
        for each in old_rounds.keys() | new_rounds.keys():
            was, now = old_rounds.get(each, Counter()), new_rounds.get(each, Counter())
            if was != now:
                total["rounds"] += max(was.total(), now.total())
                total["changed"] += max((was - now).total(), (now - was).total())
    return total


def _added(operation: str, rows: Sequence[Row], mark: Bookmark | None) -> int:
    return rounds.replace(operation, rows or None, rows, mark).size


def _by_round(rows: Sequence[Row]) -> dict[Round, Counter[str]]:
    found: dict[Round, Counter[str]] = {}
    for row in rows:
        found.setdefault(Round.of(row), Counter())[str(as_dict(row))] += 1
    return found


if __name__ == "__main__":
    main()
