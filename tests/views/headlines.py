"""The one figure per country, and the class of reasons, worked out in plain Python."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

from tap_dtm.exact.round import sortable

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator

    Row = dict[str, Any]

_TYPES = ["BA", "SA", "ETT"]
_CLASSES = {
    "conflict": "conflict",
    "insecurity": "conflict",
    "natural disaster": "disaster",
    "no reason for displacement reported": None,
    "not available": None,
    "unknown": None,
}


def headlines(
    rounds: Iterable[Row], operations: Iterable[Row], preferences: Iterable[Row], today: dt.date
) -> Iterator[Row]:
    """Yield the row of each country.

    Args:
        rounds: Those of operation_rounds.
        operations: Those of operation_freshness.
        preferences: Those of preferred_operations.
        today: The day from which ages are counted.
    """
    wanted: dict[tuple[str, str], set[str | None]] = defaultdict(set)
    for row in preferences:
        wanted[row["admin0_pcode"], normalize("NFC", row["operation"])].add(row["assessment_type"])
    known: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rounds:
        if row["idps"] is not None:
            known[row["admin0_pcode"], row["operation"]].append(row)
    candidates: dict[str, list[Row]] = defaultdict(list)
    for operation in operations:
        country, name = operation["admin0_pcode"], operation["operation"]
        if (country, name) in known and operation["freshness"] != "closed":
            types = wanted.get((country, normalize("NFC", name)))
            figure = _figure(known[country, name], types, operation["interval_days"], today)
            candidates[country].append(figure)
    for figures in candidates.values():
        yield _chosen(figures, today)


def reason_class(reasons: Iterable[str]) -> str:
    """Return the class of some reasons of displacement, which are in lower case."""
    classes = {_CLASSES.get(reason, "other") for reason in reasons} - {None}
    return "mixed" if len(classes) > 1 else next(iter(classes), None) or "not reported"


def _figure(rounds: list[Row], preferred: set[str | None] | None, interval: int | None, today: dt.date) -> Row:
    """Return the figure that stands for an operation."""
    newest: dict[str | None, Row] = {}
    for row in sorted(rounds, key=lambda row: (row["reporting_date"], sortable(row["round_number"]))):
        newest[row["assessment_type"]] = row
    last = max(row["reporting_date"] for row in rounds)
    numbers = {row["round_number"] for row in rounds if row["reporting_date"] == last} - {None}
    of_newest_round = [
        row
        for row in newest.values()
        if row["reporting_date"] == last
        or (row["round_number"] in numbers and (last - row["reporting_date"]).days <= 31)
    ]
    found = min(of_newest_round, key=lambda row: _type_place(row["assessment_type"]))
    type_ = max((each for each in preferred or () if each is not None), default=None)
    if type_ is not None and type_ in newest:
        found = newest[type_]
    judged = last if found in of_newest_round else found["reporting_date"]
    limit = 365 if interval is None else interval + 92
    return {
        **found,
        "is_preferred": preferred is not None,
        "freshness": "stale" if (today - judged).days > limit else "current",
        "has_types": len(of_newest_round) > 1,
    }


def _type_place(type_: str | None) -> tuple[int, bool, str]:
    place = _TYPES.index(type_) if type_ in _TYPES else len(_TYPES)
    return place, type_ is None, type_ or ""


def _chosen(figures: list[Row], today: dt.date) -> Row:
    current = [figure for figure in figures if figure["freshness"] == "current"]
    preferred = [figure for figure in figures if figure["is_preferred"]]
    pool = [figure for figure in preferred if figure in current] or preferred or current or figures
    newest = [figure for figure in pool if figure["reporting_date"] == max(each["reporting_date"] for each in pool)]
    largest = [figure for figure in newest if figure["idps"] == max(each["idps"] for each in newest)]
    chosen = min(largest, key=lambda figure: figure["operation"].encode())
    others = [figure for figure in current if figure is not chosen]
    reasons = [
        ("preferred", bool(preferred)),
        ("name", len(largest) > 1),
        ("largest figure", len(newest) > 1),
        ("newest date", len(pool) > 1),
        ("assessment type", chosen["has_types"]),
        ("only", True),
    ]
    return {
        **chosen,
        "num_present_idp_ind": chosen["idps"],
        "age_days": (today - chosen["reporting_date"]).days,
        "chosen_by": next(reason for reason, holds in reasons if holds),
        "alternatives": len(others),
        "is_contested": any(abs(other["idps"] - chosen["idps"]) * 10 > chosen["idps"] for other in others),
    }
