"""What the views should say, worked out from the rows of the tables in plain Python, row by row."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from tap_dtm.exact.round import sortable
from tests.views import areas
from tests.views.headlines import headlines, reason_class
from tests.world import LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

Row = dict[str, Any]
Key = tuple[Any, ...]

_SERIES: Final = ("admin0_pcode", "operation", "assessment_type")
_ROUND: Final = (*_SERIES, "reporting_date", "round_number")
_ORIGIN: Final = ("idp_origin_admin1_pcode", "idp_origin_admin1_name")
_PLACEHOLDERS: Final = {None, "", "Not available", "Unknown"}
_BLANKS: Final = " \t\n\r\f\v"
_OF_AREAS: Final = {
    "origin_to_host",
    "latest_stock_admin{level}",
    "headline_stock_admin{level}",
    "stock_over_time_admin{level}",
}


class Reference:
    """The expected rows of each view.

    Args:
        tables: The rows of each table that are not deleted.
        has_sex: Whether the API version that was loaded has sex, reason and origin.
        today: The date on which ages are counted.
        levels: The administrative levels that were loaded.
    """

    def __init__(
        self, tables: Mapping[str, list[Row]], today: dt.date, levels: Collection[int] = LEVELS, *, has_sex: bool = True
    ) -> None:
        self.today = today
        self.has_sex = has_sex
        self.levels = sorted(levels)
        self.rows = {level: tables[f"idp_admin{level}"] for level in self.levels}
        self.places = areas.areas(self.rows, tables.get("pcodes", []))
        self.preferences = tables.get("preferred_operations", [])
        self.statuses = {(r["admin0_pcode"], r["operation"]): r["operation_status"] for r in tables["operations"]}
        self.names = {row["admin0_pcode"]: row["admin0_name"] for rows in self.rows.values() for row in rows}
        self.sums = {level: _group(rows, _ROUND) for level, rows in self.rows.items()}
        self.first_level: dict[Key, int] = {}
        for level in self.levels:
            for key in self.sums[level]:
                self.first_level.setdefault(key, level)
        self.newest_dates: dict[Key, dt.date] = {}
        for key in self.first_level:
            self.newest_dates[key[:2]] = max(key[3], self.newest_dates.get(key[:2], key[3]))
        self.newest_numbers = {(*key[:2], key[4]) for key in self.first_level if key[3] == self.newest_dates[key[:2]]}

    def answer(self, kind: str, level: int | None) -> list[Row]:
        """Return the rows of a view; they may have more columns than the view."""
        name = kind.replace("_admin{level}", "").replace("idp_current", "current")
        if kind == "stock_over_time_admin{level}":
            name = "areas_over_time"
        found: Iterable[Row] = getattr(self, name)(*([] if level is None else [level]))
        named = [{**row, "admin0_name": self.names[row["admin0_pcode"]]} for row in found]
        if kind in _OF_AREAS and level != 0:
            return [row | dict(areas.with_pcodes(row, level, self.places)) for row in named]
        return named

    def areas(self) -> Iterable[Row]:
        return self.places.values()

    def current(self, level: int) -> Iterator[Row]:
        for row in self.rows[level]:
            reasons = _reasons(row) if self.has_sex else []
            yield {**row, "displacement_reasons": reasons, "reason_class": reason_class(reasons)}

    def operation_rounds(self) -> Iterator[Row]:
        for rounds in _series(self.first_level).values():
            previous: Row | None = None
            for key in rounds:
                rows = self.sums[self.first_level[key]][key]
                row = dict(zip(_ROUND, key, strict=True)) | {
                    "admin_level": self.first_level[key],
                    "idps": _idps(rows),
                    "row_count": len(rows),
                    "is_newest": key == rounds[-1],
                    "is_newest_of_operation": key == rounds[-1] and self._is_last(key),
                }
                row |= _change(row, previous)
                yield row
                previous = row

    def operation_freshness(self) -> Iterator[Row]:
        dates: dict[Key, set[dt.date]] = defaultdict(set)
        gaps: dict[Key, list[int]] = defaultdict(list)
        for series, rounds in _series(self.first_level).items():
            dates[series[:2]] |= {key[3] for key in rounds}
            for (*_, earlier, number), (*_, later, next_number) in pairwise(rounds):
                if later != earlier and (number is None or number != next_number):
                    gaps[series[:2]].append((later - earlier).days)
        for (country, operation), found in dates.items():
            days = sorted(found)
            between = gaps[country, operation]
            interval = int(median(between) + 0.5) if between else None
            age = (self.today - days[-1]).days
            status = self.statuses.get((country, operation))
            yield {
                "admin0_pcode": country,
                "operation": operation,
                "operation_status": status,
                "first_reporting_date": days[0],
                "newest_reporting_date": days[-1],
                "date_count": len(days),
                "interval_days": interval,
                "age_days": age,
                "age_in_intervals": _share(age, interval),
                "publication_days": 92,
                "is_lag_measured": False,
                "freshness": _freshness(status, age, interval),
                "overdue_days": None if interval is None else age - interval - 92,
            }

    def stale_operations(self) -> Iterator[Row]:
        return (row for row in self.operation_freshness() if row["freshness"] == "stale")

    def latest_stock(self, level: int) -> Iterator[Row]:
        misplaced = _misplaced(self.rows[level], level)
        operations = {(row["admin0_pcode"], row["operation"]): row for row in self.operation_freshness()}
        newest = {rounds[-1] for rounds in _series(self.sums[level]).values()}
        for (key, area), rows in _by_area(self.rows[level], level).items():
            if key in newest:
                operation = operations[key[:2]]
                age = (self.today - key[3]).days
                yield {
                    **dict(zip(_ROUND, key, strict=True)),
                    **_names(rows, *_areas(level)),
                    "is_misplaced": (key, area) in misplaced,
                    **self._sexes(rows),
                    "row_count": len(rows),
                    "is_newest_of_operation": self._is_last(key),
                    "age_days": age,
                    "interval_days": operation["interval_days"],
                    "age_in_intervals": _share(age, operation["interval_days"]),
                    "freshness": operation["freshness"],
                }

    def headline_stock_admin0(self) -> Iterator[Row]:
        return headlines(self.operation_rounds(), self.operation_freshness(), self.preferences, self.today)

    def headline_stock(self, level: int) -> Iterator[Row]:
        chosen = {tuple(row[name] for name in _ROUND): row for row in self.headline_stock_admin0()}
        for (key, _), rows in _by_area(self.rows[level], level).items():
            if key in chosen and _idps(rows) is not None:
                yield {**chosen[key], **_names(rows, *_areas(level)), "num_present_idp_ind": _idps(rows)}

    def stock_by_reason(self) -> Iterator[Row]:
        def reason(row: Row) -> str | None:
            return "; ".join(_reasons(row)) or None

        for row, parts in self._parts(self.levels, reason):
            parts_reason = reason(parts[0])
            yield {
                **row,
                "reason": parts_reason,
                "displacement_reason": _least(part["displacement_reason"] for part in parts),
                "displacement_reasons": _reasons(parts[0]),
                "reason_class": reason_class(_reasons(parts[0])),
            }

    def stock_by_sex(self) -> Iterator[Row]:
        for row, rows in self._parts(self.levels, lambda _: None):
            sexes = self._sexes(rows)
            yield {**row, **sexes, "female_share": _share(sexes["females"], sexes["sex_known"])}

    def origin_to_host(self) -> Iterator[Row]:
        def both(row: Row) -> Key:
            return _area(row, "idp_origin_admin1"), _area(row, "admin1")

        for row, parts in self._parts([level for level in self.levels if level], both):
            names = _names(parts, "idp_origin_admin1", "admin1")
            codes = [names["idp_origin_admin1_pcode"], names["admin1_pcode"]]
            is_same = None if _PLACEHOLDERS & {*codes} else codes[0] == codes[1]
            yield {**row, **names, "is_origin_known": codes[0] not in _PLACEHOLDERS, "is_same_area": is_same}

    def stock_over_time(self) -> Iterator[Row]:
        rounds = list(self.operation_rounds())
        ends = _ends({tuple(row[name] for name in _ROUND) for row in rounds})
        return ({**row, "valid_until": ends[tuple(row[name] for name in _ROUND)]} for row in rounds)

    def areas_over_time(self, level: int) -> Iterator[Row]:
        stock: dict[Key, dict[Key, list[Row]]] = defaultdict(dict)
        for (key, area), rows in _by_area(self.rows[level], level).items():
            stock[key][area] = rows
        ends, misplaced = _ends(stock), _misplaced(self.rows[level], level)
        for rounds in _series(stock).values():
            before: dict[Key, list[Row]] = {}
            for key in rounds:
                # A misplaced district stands for its own area where that is missing, and for nothing otherwise.
                homes = {area: misplaced.get((key, area), area) for area in stock[key]}
                now = {home: stock[key][area] for area, home in homes.items() if home is not None}
                strays = {home for area, home in homes.items() if (key, area) in misplaced}
                found: list[tuple[list[Row] | None, list[Row] | None, bool]] = [
                    *((rows, before.get(area), area in strays) for area, rows in now.items()),
                    *((stock[key][area], None, True) for area, home in homes.items() if home is None),
                    *((None, rows, False) for area, rows in before.items() if area not in now),
                ]
                for new, old, is_misplaced in found:
                    idps, previous = (None if each is None else _idps(each) for each in (new, old))
                    presence = _presence(new is not None, old is not None, is_first=key == rounds[0])
                    yield {
                        **dict(zip(_ROUND, key, strict=True)),
                        **_names(new or old or [], *_areas(level)),
                        "valid_until": ends[key],
                        "is_newest_of_operation": key == rounds[-1] and self._is_last(key),
                        "is_misplaced": is_misplaced,
                        "presence": "misplaced" if is_misplaced else presence,
                        "idps": idps,
                        "previous_idps": previous,
                        "change": _difference(idps, previous),
                    }
                before = now

    def reconciliation(self) -> Iterator[Row]:
        for key in {key for sums in self.sums.values() for key in sums}:
            there = [_idps(sums[key]) for sums in self.sums.values() if key in sums]
            totals = [_idps(sums.get(key, [])) for sums in self.sums.values()]
            is_whole = len(there) == len(self.levels)
            figures = [row["num_present_idp_ind"] for sums in self.sums.values() for row in sums.get(key, [])]
            verdict = "different" if len({*there}) > 1 else "equal" if is_whole else "level_missing"
            verdict = "figure_missing" if None in figures else verdict
            named = dict(zip((f"idps_admin{level}" for level in self.levels), totals, strict=True))
            nothing = {f"idps_admin{level}": None for level in LEVELS}
            yield {**dict(zip(_ROUND, key, strict=True)), **nothing, **named, "verdict": verdict}

    def _is_last(self, key: Key) -> bool:
        """Say whether no round of the operation is later; one with the same number may be, by 31 days."""
        newest = self.newest_dates[key[:2]]
        is_dated_again = key[4] is not None and (*key[:2], key[4]) in self.newest_numbers
        return bool(key[3] == newest or (is_dated_again and newest - key[3] <= dt.timedelta(days=31)))

    def _parts(self, levels: Collection[int], part: Callable[[Row], Any]) -> Iterator[tuple[Row, list[Row]]]:
        """Yield each part of each round with its share, and the rows behind it, from the first of the levels."""
        stock: dict[Key, tuple[int, list[Row]]] = {}
        for level in levels:
            for key, rows in self.sums[level].items():
                stock.setdefault(key, (level, rows))
        newest = {rounds[-1] for rounds in _series(stock).values()}
        for key, (level, rows) in stock.items():
            whole = _idps(rows)
            parts = defaultdict(list)
            for row in rows:
                parts[part(row)].append(row)
            for found in parts.values():
                idps = _idps(found)
                figures = {"admin_level": level, "idps": idps, "round_idps": whole, "share": _share(idps, whole)}
                yield {**dict(zip(_ROUND, key, strict=True)), **figures, "is_newest": key in newest}, found

    def _sexes(self, rows: list[Row]) -> Row:
        idps = _idps(rows)
        if not self.has_sex:
            return {"idps": idps}
        males, females = _sum(row["number_males"] for row in rows), _sum(row["number_females"] for row in rows)
        known = (males or 0) + (females or 0)
        return {
            "idps": idps,
            "males": males,
            "females": females,
            "sex_known": known,
            "sex_coverage": _share(known, idps),
        }


def _group(rows: Iterable[Row], columns: tuple[str, ...]) -> dict[Key, list[Row]]:
    groups: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[name] for name in columns)].append(row)
    return groups


def _series(rounds: Iterable[Key]) -> dict[Key, list[Key]]:
    """Return the rounds of each series from the oldest to the newest; one without a number is before all others."""
    series: dict[Key, list[Key]] = defaultdict(list)
    for key in sorted(rounds, key=lambda key: (key[3], sortable(key[4]))):
        series[key[:3]].append(key)
    return series


def _ends(rounds: Iterable[Key]) -> dict[Key, dt.date | None]:
    ends: dict[Key, dt.date | None] = {}
    for found in _series(rounds).values():
        ends |= {key: after[3] for key, after in pairwise(found)} | {found[-1]: None}
    return ends


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _idps(rows: Iterable[Row]) -> int | None:
    return _sum(row["num_present_idp_ind"] for row in rows)


def _difference(now: int | None, before: int | None) -> int | None:
    return None if now is None or before is None else now - before


def _least(texts: Iterable[str | None]) -> str | None:
    return min((text for text in texts if text is not None), default=None)


def _reasons(row: Row) -> list[str]:
    parts = (part.strip(_BLANKS).lower() for part in (row["displacement_reason"] or "").split(";"))
    return [part for part in parts if part]


def _share(part: int | None, whole: int | None) -> float | None:
    return part / whole if part is not None and whole else None


def _change(row: Row, previous: Row | None) -> Row:
    names = ("previous_reporting_date", "previous_round_number", "previous_idps", "days_since_previous")
    if previous is None:
        return dict.fromkeys((*names, "change", "change_share"))
    change = _difference(row["idps"], previous["idps"])
    days = (row["reporting_date"] - previous["reporting_date"]).days
    values = (previous["reporting_date"], previous["round_number"], previous["idps"], days)
    known = dict(zip(names, values, strict=True))
    return {**known, "change": change, "change_share": _share(change, previous["idps"])}


def _freshness(status: str | None, age: int, interval: int | None) -> str:
    if status == "Inactive":
        return "closed"
    if interval is None:
        return "single"
    return "stale" if age > interval + 92 else "current"


def _presence(is_now: bool, was_before: bool, *, is_first: bool) -> str:  # noqa: FBT001
    if is_first:
        return "first"
    if not is_now:
        return "vanished"
    return "stayed" if was_before else "appeared"


def _area(row: Row, area: str) -> Key:
    code = row[f"{area}_pcode"]
    return ("name", row[f"{area}_name"]) if code in _PLACEHOLDERS else ("code", code)


def _areas(level: int) -> list[str]:
    return [f"admin{n}" for n in range(1, level + 1)]


def _by_area(rows: Iterable[Row], level: int) -> dict[tuple[Key, Key], list[Row]]:
    """Group rows by their round and their area, which is one of all the areas above it, too."""
    groups: dict[tuple[Key, Key], list[Row]] = defaultdict(list)
    for row in rows:
        key = tuple(row[name] for name in _ROUND)
        groups[key, tuple(_area(row, area) for area in _areas(level))].append(row)
    return groups


def _misplaced(rows: Iterable[Row], level: int) -> dict[tuple[Key, Key], Key | None]:
    """Return the rounds and areas where a district is under the wrong province.

    With each comes its own area, if the round does not have that one.
    """
    provinces: dict[Key, dict[Key, set[Key]]] = defaultdict(lambda: defaultdict(set))
    for key, area in _by_area(rows, level):
        if len(area) > 1 and area[1][0] == "code":
            provinces[key[:3], area[1]][key].add(area[0])
    every_round = _series({key for key, _ in _by_area(rows, level)})
    found: dict[tuple[Key, Key], Key | None] = {}
    for (series, district), by_round in provinces.items():
        rounds = every_round[series]
        times = Counter(province for here in by_round.values() for province in here)
        for place, key in enumerate(rounds):
            here = by_round.get(key, set())
            around = [
                by_round.get(each, set()) for each in (*rounds[max(0, place - 1) : place], *rounds[place + 1 :][:1])
            ]
            for province in here:
                if times[province] > 1:
                    continue
                if any(times[other] > 1 for other in here):
                    found[key, (province, district)] = None
                elif len(here) == 1 and len(around) == 2 and around[0] == around[1] and len(around[0]) == 1:
                    found[key, (province, district)] = (*around[0], district)
    return found


def _names(rows: Iterable[Row], *areas: str) -> Row:
    """Return the code and the name of areas: of several spellings, the last one in the alphabet."""
    names = [f"{area}_{what}" for area in areas for what in ("pcode", "name")]
    return {name: max((row[name] for row in rows if row[name] is not None), default=None) for name in names}
