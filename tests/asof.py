"""What was true as of a time, in plain Python, from the rows of a history and of ``runs``: see ``singer.history``."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

Rows = list[dict[str, Any]]
ADDED = ("row_number", "observed_at", "is_withdrawn", "cause", "seen_by")


class Run(NamedTuple):
    """A run that has ended for a country, and the one that it follows; the order is that of time."""

    at: str
    follows: str | None


def as_of(runs: Iterable[dict[str, Any]], history: Iterable[dict[str, Any]], level: int, at: str) -> Rows:
    """Return the rows of one level that the API served, as last seen at a time."""
    by_country: defaultdict[str, Rows] = defaultdict(list)
    for row in history:
        by_country[row["admin0_pcode"]].append(row)
    looks: defaultdict[str, Rows] = defaultdict(list)
    for row in runs:
        looks[row["admin0_pcode"]].append(row)
    return [row for code, rows in by_country.items() for row in _of_country(looks[code], rows, level, at)]


def _of_country(looks: Rows, history: Rows, level: int, at: str) -> Rows:
    counting = {run.at for run in runs_that_count(looks, history, level, at)}
    newest: dict[tuple[str, int], dict[str, Any]] = {}
    for row in sorted(history, key=lambda row: str(row["observed_at"])):
        if row["observed_at"] in counting:
            newest[row["operation"], row["row_number"]] = row
    return [row for row in newest.values() if not row["is_withdrawn"]]


def runs_that_count(looks: Rows, history: Rows, level: int, at: str) -> list[Run]:
    """Return the runs of a country, until a time, whose rows count."""
    counts = Counter(row["observed_at"] for row in history)
    learned = [row for row in looks if row[f"admin{level}_rows"] is not None]
    followed = {row[f"admin{level}_follows"] for row in learned}
    complete = [
        Run(row["observed_at"], row[f"admin{level}_follows"])
        for row in learned
        if row["observed_at"] <= at
        and (counts[row["observed_at"]] == row[f"admin{level}_rows"] or row["observed_at"] in followed)
    ]
    return [run for run in complete if not any((each.follows or "") < run.at < each.at for each in complete)]


def without_additions(rows: Iterable[dict[str, Any]]) -> Rows:
    """Return rows as the API has them."""
    return [{name: value for name, value in row.items() if name not in ADDED} for row in rows]
