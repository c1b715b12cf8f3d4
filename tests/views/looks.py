"""Histories written by hand: what each look at a country showed, and the rows that the tap adds for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_dtm.metadata import load_catalogue
from tests.views.revised import ROUND, by_round
from tests.world import LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Row = dict[str, Any]
Tables = dict[str, list[Row]]


@dataclass(frozen=True)
class Look:
    """A run that looked at a country.

    Attributes:
        at: When.
        rows: What the API served at every level, in the order of the positions; None if nothing was learned.
        follows: The run that its state continued from; an empty text for none, None for the run before.
        cause: Why rows are added.
        seen_by: What showed the change.
        lost: How many of the added rows are not in the tables.
    """

    at: str
    rows: Sequence[Row] | None
    follows: str | None = None
    cause: str = "published"
    seen_by: str = "index"
    lost: int = 0


def tables_of(looks: Iterable[Look], code: str = "XAA") -> Tables:
    """Return the rows of all tables, the same at every level."""
    tables: Tables = {name: [] for name in load_catalogue().resources}
    worlds: dict[str, Sequence[Row]] = {"": ()}
    last = ""
    for look in looks:
        follows = last if look.follows is None else look.follows
        run: Row = {"admin0_pcode": code, "observed_at": look.at, "outcome": "failed"}
        if look.rows is not None:
            cause = look.cause if follows else "first" if look.cause == "published" else look.cause
            marks = {"observed_at": look.at, "cause": cause, "seen_by": look.seen_by}
            added = [{**row, **marks} for row in _added(worlds[follows], look.rows)]
            run["outcome"] = "asked"
            for level in LEVELS:
                run |= {f"admin{level}_rows": len(added), f"admin{level}_follows": follows or None}
                tables[f"idp_admin{level}_history"] += added[: len(added) - look.lost]
            worlds[look.at] = look.rows
            last = look.at
        tables["runs"].append(run)
    return tables


def _added(before: Sequence[Row], after: Sequence[Row]) -> list[Row]:
    """Yield the rows of rounds that changed, of one operation, then what says which rounds were withdrawn."""
    old, new = by_round(before), by_round(after)
    added: list[Row] = [row | {"is_withdrawn": False} for key in new if old.get(key) != new[key] for row in new[key]]
    added += [dict(zip(ROUND, key, strict=True)) | {"is_withdrawn": True} for key in old if key not in new]
    return [row | {"row_number": number} for number, row in enumerate(added, start=1)]
