"""What was true as of a time, in plain Python, from the rows of a history and of ``runs``: see ``singer.history``."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

Rows = list[dict[str, Any]]
ADDED = ("row_number", "observed_at", "is_withdrawn", "cause", "seen_by")


def as_of(runs: Iterable[dict[str, Any]], history: Iterable[dict[str, Any]], level: int, at: str) -> Rows:
    """Return the rows of one level that the API served, as last seen at a time."""
    by_country: defaultdict[str, Rows] = defaultdict(list)
    for row in history:
        by_country[row["admin0_pcode"]].append(row)
    looks: defaultdict[str, Rows] = defaultdict(list)
    for row in runs:
        looks[row["admin0_pcode"]].append(row)
    return [row for code, rows in by_country.items() for row in _of_country(looks[code], rows, level, at)]


def looked_at(runs: Iterable[dict[str, Any]], rows: Rows, at: str) -> Rows:
    """Return the rows of countries that the run of a time looked at.

    After a state was lost, nobody knows of a country that has left the list meanwhile: it is as it was last seen.
    """
    codes = {row["admin0_pcode"] for row in runs if row["observed_at"] == at}
    return [row for row in rows if row["admin0_pcode"] in codes]


def _of_country(looks: Rows, history: Rows, level: int, at: str) -> Rows:
    counting = runs_that_count(looks, history, level, at)
    rows = [row for row in history if row["observed_at"] in counting]
    newest: dict[tuple[Any, ...], str] = {}
    for row in rows:
        newest[_round(row)] = max(row["observed_at"], newest.get(_round(row), ""))
    return [row for row in rows if row["observed_at"] == newest[_round(row)] and not row["is_withdrawn"]]


def _round(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("operation", "reporting_date", "round_number", "assessment_type"))


def runs_that_count(looks: Rows, history: Rows, level: int, at: str) -> set[str]:
    """Return the times of a country's runs that count: the last complete one, the one that it follows, and so on."""
    counts = Counter(row["observed_at"] for row in history)
    follows = {row["observed_at"]: row[f"admin{level}_follows"] for row in looks}
    complete = {row["observed_at"] for row in looks if row[f"admin{level}_rows"] == counts[row["observed_at"]]}
    complete |= set(follows.values())
    run = max((time for time in complete if time and time <= at), default=None)
    counting = set()
    while run:
        counting.add(run)
        run = follows.get(run)
    return counting


def without_additions(rows: Iterable[dict[str, Any]]) -> Rows:
    """Return rows as the API has them."""
    return [{name: value for name, value in row.items() if name not in ADDED} for row in rows]
