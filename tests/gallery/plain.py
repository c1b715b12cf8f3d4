"""The same questions answered from the API's rows in plain Python: the other side of the comparison."""

from __future__ import annotations

import datetime as dt
import math
import statistics
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from tap_dtm.metadata.model import PUBLICATION_LAG_DAYS
from tap_dtm.sandbox.model import NOT_AVAILABLE
from tests.world import LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_dtm.sandbox import World

Row = dict[str, Any]
Series = tuple[str, str, str]
"""Country, operation and assessment type."""

COUNTRY: Final = "XAA"
"""The country that two of the questions are about."""
DAY: Final = dt.date(2022, 12, 31)
"""The day that the last question is about."""
TODAY: Final = dt.date(2026, 1, 1)
"""A day by which every operation of the sandbox has been silent for long, and which has passed."""
KINDS: Final = ["BA", "SA", "ETT"]
"""The assessment types of the sandbox, in the order in which one of them is chosen."""
INHABITANTS: Final = {
    "XA01": 410_000,
    "XA02": 95_000,
    "XA03": 1_250_000,
    "XB01": 330_000,
    "XB02": 48_000,
    "XDA001": 760_000,
    "XDA002": 52_000,
    "XE01": 205_000,
    "XE02": 118_000,
    "XE04": 640_000,
}
"""An invented census."""


@dataclass(frozen=True)
class Round:
    """A round of one assessment type, with its rows at one level."""

    pcode: str
    operation: str
    kind: str
    date: dt.date
    number: int
    rows: tuple[Row, ...]

    @property
    def series(self) -> Series:
        return (self.pcode, self.operation, self.kind)

    @cached_property
    def idps(self) -> int:
        return total(self.rows)


def rounds_of(world: World, level: Any = 0) -> dict[Series, list[Round]]:
    """Return the rounds at a level, oldest first, by country, operation and assessment type."""
    rows = defaultdict(list)
    for row in world.rows(level):
        key = (row["admin0Pcode"], row["operation"], row["assessmentType"], row["reportingDate"], row["roundNumber"])
        rows[key].append(row)
    series = defaultdict(list)
    for key in sorted(rows):
        day = dt.datetime.fromisoformat(key[3]).date()
        series[key[:3]].append(Round(*key[:3], day, key[4], tuple(rows[key])))
    return dict(series)


def total(rows: Iterable[Row]) -> int:
    return sum(row["numPresentIdpInd"] for row in rows)


def percent(part: int, whole: int) -> float:
    return math.floor(1000 * part / whole + 0.5) / 10


def groups(rows: Iterable[Row], *names: str) -> dict[tuple[str, ...], list[Row]]:
    grouped = defaultdict(list)
    for row in rows:
        grouped[tuple(row[name] for name in names)].append(row)
    return dict(grouped)


def newest_figures(_: World, world: World) -> list[tuple[Any, ...]]:
    last = newest_rounds(world)
    return [
        (*key, rounds[-1].date, rounds[-1].number, rounds[-1].idps, is_last(rounds[-1], last))
        for key, rounds in rounds_of(world).items()
    ]


def newest_rounds(world: World) -> dict[tuple[str, str], list[Round]]:
    """Return the rounds on the newest date of each operation, over all levels and assessment types."""
    dates = newest_dates(world)
    found: dict[tuple[str, str], list[Round]] = defaultdict(list)
    for level in LEVELS:
        for key, rounds in rounds_of(world, level).items():
            found[key[:2]] += [each for each in rounds if each.date == dates[key[:2]]]
    return found


def is_last(this: Round, last: dict[tuple[str, str], list[Round]]) -> bool:
    return any(this.date == each.date or is_same_round(this, each) for each in last[this.series[:2]])


def is_same_round(one: Round, other: Round) -> bool:
    """Say whether two rounds of an operation, of two assessment types, are one round that was seen twice."""
    return one.number == other.number and abs(one.date - other.date) <= dt.timedelta(days=31)


def newest_dates(world: World) -> dict[tuple[str, str], dt.date]:
    """Return the newest date of each operation, over all levels and assessment types."""
    dates: dict[tuple[str, str], dt.date] = {}
    for level in LEVELS:
        for (pcode, operation, _kind), rounds in rounds_of(world, level).items():
            dates[pcode, operation] = max(rounds[-1].date, dates.get((pcode, operation), dt.date.min))
    return dates


def changes(_: World, world: World) -> list[tuple[Any, ...]]:
    lines: list[tuple[Any, ...]] = []
    for key, rounds in rounds_of(world).items():
        new = rounds[-1]
        if len(rounds) == 1:
            lines.append((*key, None, new.date, None, None, new.idps, None, None))
        else:
            old = rounds[-2]
            change = new.idps - old.idps
            days = (new.date - old.date).days
            lines.append((*key, old.date, new.date, days, old.idps, new.idps, change, percent(change, old.idps)))
    return lines


def districts(_: World, world: World) -> list[tuple[Any, ...]]:
    lines = []
    last_rounds = newest_rounds(world)
    names = ("admin1Pcode", "admin2Pcode", "admin2Name")
    for key, rounds in rounds_of(world, 2).items():
        if len(rounds) > 1:
            old, new = (
                {
                    area: rows
                    for area, rows in groups(each.rows, *names).items()
                    if area[:2] not in misplaced(each, rounds)
                }
                for each in rounds[-2:]
            )
            day, last = rounds[-1].date, is_last(rounds[-1], last_rounds)
            lines += [
                (*key, day, last, *area, "appeared", None, total(new[area])) for area in sorted(set(new) - set(old))
            ]
            lines += [
                (*key, day, last, *area, "misplaced", None, total(rows))
                for area, rows in sorted(groups(rounds[-1].rows, *names).items())
                if area[:2] in misplaced(rounds[-1], rounds)
            ]
            lines += [
                (*key, day, last, *area, "vanished", total(old[area]), None) for area in sorted(set(old) - set(new))
            ]
    return lines


def misplaced(this: Round, rounds: list[Round]) -> set[tuple[str, str]]:
    """Return the provinces and districts of which one round has only this pair, and others of its own have another."""
    provinces = defaultdict(set)
    for each in rounds:
        for province, district in groups(each.rows, "admin1Pcode", "admin2Pcode"):
            if district not in {NOT_AVAILABLE, "Unknown"}:
                provinces[province, district].add((each.date, each.number))
    here = {pair for pair, found in provinces.items() if (this.date, this.number) in found}
    settled = {district for province, district in here if len(provinces[province, district]) > 1}
    return {pair for pair in here if len(provinces[pair]) == 1 and pair[1] in settled}


def reasons(_: World, world: World) -> list[tuple[Any, ...]]:
    lines = []
    for key, rounds in rounds_of(world).items():
        new = rounds[-1]
        if new.pcode == COUNTRY:
            folded = groups([{**row, "reason": row["displacementReason"].lower()} for row in new.rows], "reason")
            shares = [(reason, total(rows)) for (reason,), rows in folded.items()]
            shares.sort(key=lambda share: (-share[1], share[0]))
            lines += [(*key, new.date, reason, idps, new.idps, percent(idps, new.idps)) for reason, idps in shares]
    return lines


def women(_: World, world: World) -> list[tuple[Any, ...]]:
    lines = []
    for key, rounds in rounds_of(world).items():
        new = rounds[-1]
        females = [row["numberFemales"] for row in new.rows if row["numberFemales"] is not None]
        known = sum(females) + sum(row["numberMales"] or 0 for row in new.rows)
        shown = (sum(females), percent(sum(females), known)) if known else (None, None)
        lines.append((*key, new.date, shown[0], known, new.idps, shown[1], percent(known, new.idps)))
    return lines


def origins(_: World, world: World) -> list[tuple[Any, ...]]:
    names = ("idpOriginAdmin1Pcode", "idpOriginAdmin1Name", "admin1Pcode", "admin1Name")
    return [
        (*key[1:], rounds[-1].date, *pair, total(rows), percent(total(rows), rounds[-1].idps))
        for key, rounds in rounds_of(world, 1).items()
        if key[0] == COUNTRY
        for pair, rows in sorted(groups(rounds[-1].rows, *names).items())
    ]


def silent(_: World, world: World) -> list[tuple[Any, ...]]:
    statuses = {(row["admin0Pcode"], row["operation"]): row["operationStatus"] for row in world.operation_list()}
    dates = newest_dates(world)
    all_gaps: dict[tuple[str, str], list[int]] = defaultdict(list)
    for (pcode, operation, _kind), rounds in rounds_of(world).items():
        for old, new in pairwise(rounds):
            if old.date != new.date and old.number != new.number:
                all_gaps[pcode, operation].append((new.date - old.date).days)
    lines = []
    for key, gaps in sorted(all_gaps.items()):
        if statuses[key] != "Inactive":
            interval = math.floor(statistics.median(gaps) + 0.5)
            if (TODAY - dates[key]).days > interval + PUBLICATION_LAG_DAYS:
                lines.append((*key, statuses[key], dates[key], interval))
    return lines


def double_counts(_: World, world: World) -> list[tuple[Any, ...]]:
    series = rounds_of(world)
    lines = [
        (ba.pcode, ba.operation, ba.number, ba.date, sa.date, ba.idps, sa.idps, min(ba.idps, sa.idps))
        for (pcode, operation, kind), rounds in series.items()
        if kind == "BA"
        for ba in rounds
        for sa in series.get((pcode, operation, "SA"), [])
        if is_same_round(ba, sa)
    ]
    return sorted(lines)


def changed(before: World, after: World) -> list[tuple[Any, ...]]:
    old, new = (
        {(*each.series, each.date, each.number): each for rounds in rounds_of(world).values() for each in rounds}
        for world in (before, after)
    )
    gone, come = [key for key in old if key not in new], [key for key in new if key not in old]
    lines: list[tuple[Any, ...]] = []
    for key in sorted({**old, **new}):
        was = [each for each in gone if (*each[:3], each[4]) == (*key[:3], key[4])]
        now = [each for each in come if (*each[:3], each[4]) == (*key[:3], key[4])]
        if len(was) == len(now) == 1 and key[4] is not None:
            if key in come:
                lines.append((*key, "re-dated", was[0][3], old[was[0]].idps, new[key].idps))
        elif key not in old:
            lines.append((*key, "published", None, None, new[key].idps))
        elif key not in new:
            lines.append((*key, "withdrawn", None, old[key].idps, None))
        elif sorted(map(str, old[key].rows)) != sorted(map(str, new[key].rows)):
            lines.append((*key, "corrected", None, old[key].idps, new[key].idps))
    return lines


def at_the_date(_: World, world: World) -> list[tuple[Any, ...]]:
    lines = []
    for key, rounds in rounds_of(world).items():
        if known := [each for each in rounds if each.date <= DAY]:
            lines.append((*key, known[-1].date, known[-1].number, known[-1].idps))
    return lines


def standing(world: World) -> dict[tuple[str, str], list[Round]]:
    """Return the newest round of each operation that is not closed: once for each type, BA before SA before others."""
    found: dict[tuple[Any, ...], Round] = {}
    for level in LEVELS:
        for rounds in rounds_of(world, level).values():
            for each in rounds:
                found.setdefault((*each.series, each.date, each.number), each)
    newest = {each.series: each for each in sorted(found.values(), key=lambda each: (each.date, each.number))}
    last = newest_rounds(world)
    statuses = {(row["admin0Pcode"], row["operation"]): row["operationStatus"] for row in world.operation_list()}
    operations: dict[tuple[str, str], list[Round]] = defaultdict(list)
    for series, each in sorted(newest.items(), key=lambda item: KINDS.index(item[0][2])):
        if statuses[series[:2]] != "Inactive" and is_last(each, last):
            operations[series[:2]].append(each)
    return operations


def headlines(world: World) -> dict[str, Round]:
    """Return the round that stands for each country. All are stale, so the newest one does."""
    chosen: dict[str, Round] = {}
    for (pcode, _), (first, *_) in standing(world).items():
        chosen[pcode] = max(first, chosen.get(pcode, first), key=lambda each: (each.date, each.idps))
    return chosen


def per_thousand(_: World, world: World) -> list[tuple[Any, ...]]:
    lines = []
    for this in headlines(world).values():
        (found,) = [
            each
            for each in rounds_of(world, 1).get(this.series, [])
            if (each.date, each.number) == (this.date, this.number)
        ]
        for (code, name), rows in groups(found.rows, "admin1Pcode", "admin1Name").items():
            inhabitants = INHABITANTS.get(code)
            rate = inhabitants and math.floor(10000 * total(rows) / inhabitants + 0.5) / 10
            place = (this.pcode, code, name, *this.series[1:], this.date, "stale")
            lines.append((*place, total(rows), inhabitants, rate))
    return sorted(lines, key=lambda line: (line[0], -(line[-1] or -1), line[1]))


def where_the_choice_matters(_: World, world: World) -> list[tuple[Any, ...]]:
    lines = []
    for pcode, this in headlines(world).items():
        others = {
            key[1]: rounds for key, rounds in standing(world).items() if key[0] == pcode and key != this.series[:2]
        }
        if others:
            figures = [each.idps for rounds in others.values() for each in rounds]
            times = round(max(*figures, this.idps) / min(*figures, this.idps), 1)
            said = (*this.series, this.date, "newest date", this.idps)
            lines.append((*said, len(others), min(figures), max(figures), times))
    return sorted(lines, key=lambda line: (-line[-1], line[0]))


PLAIN: Final[dict[str, Callable[[World, World], list[tuple[Any, ...]]]]] = {
    "01_newest_figures": newest_figures,
    "02_change_since_the_round_before": changes,
    "03_districts_appeared_or_vanished": districts,
    "04_share_by_reason": reasons,
    "05_women_and_girls": women,
    "06_origin_to_host": origins,
    "07_silent_operations": silent,
    "08_double_counts": double_counts,
    "09_what_changed": changed,
    "10_figures_at_a_date": at_the_date,
    "11_per_thousand_inhabitants": per_thousand,
    "12_where_the_choice_matters": where_the_choice_matters,
}
"""From the publications before and after to the rows of each answer."""
