"""What the views should say, worked out from what the sandbox serves in plain Python, row by row."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from tap_dtm.metadata import load_catalogue
from tests.world import LEVELS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from tap_dtm.sandbox import World
    from tests.world import Version

Row = dict[str, Any]
Key = tuple[Any, ...]

_SERIES: Final = ("admin0_pcode", "operation", "assessment_type")
_ROUND: Final = (*_SERIES, "reporting_date", "round_number")
_ORIGIN: Final = ("idp_origin_admin1_pcode", "idp_origin_admin1_name")
_PLACEHOLDERS: Final = {None, "Not available", "Unknown"}


class Reference:
    """The expected rows of each view.

    Args:
        world: What is published.
        version: The API version that was loaded.
        today: The date on which ages are counted.
        levels: The administrative levels that were loaded.
        start_date: The tap's setting of that name.
    """

    def __init__(
        self,
        world: World,
        version: Version,
        today: dt.date,
        levels: Collection[int] = LEVELS,
        start_date: str = "1970-01-01",
    ) -> None:
        self.today = today
        self.has_sex = version == "v3"
        self.levels = sorted(levels)
        self.rows = {
            level: [row for row in _records(world, level, version) if row["reporting_date"].isoformat() >= start_date]
            for level in self.levels
        }
        self.statuses = {(r["admin0Pcode"], r["operation"]): r["operationStatus"] for r in world.operation_list()}
        self.names = {row["admin0_pcode"]: row["admin0_name"] for rows in self.rows.values() for row in rows}
        self.sums = {level: _group(rows, _ROUND) for level, rows in self.rows.items()}

    def answer(self, kind: str, level: int | None) -> list[Row]:
        """Return the rows of a view; they may have more columns than the view."""
        name = kind.replace("_admin{level}", "").replace("idp_current", "current")
        if kind == "stock_over_time_admin{level}":
            name = "areas_over_time"
        found: Iterable[Row] = getattr(self, name)(*([] if level is None else [level]))
        return [{**row, "admin0_name": self.names[row["admin0_pcode"]]} for row in found]

    def current(self, level: int) -> Iterator[Row]:
        for row in self.rows[level]:
            reasons = self.has_sex and [reason.strip().lower() for reason in row["displacement_reason"].split(";")]
            yield {**row, "displacement_reasons": reasons}

    def operation_rounds(self) -> Iterator[Row]:
        first_level: dict[Key, int] = {}
        for level in self.levels:
            for key in self.sums[level]:
                first_level.setdefault(key, level)
        for rounds in _series(first_level).values():
            previous: Row | None = None
            for key in rounds:
                rows = self.sums[first_level[key]][key]
                row = dict(zip(_ROUND, key, strict=True)) | {
                    "admin_level": first_level[key],
                    "idps": _idps(rows),
                    "row_count": len(rows),
                    "is_newest": key == rounds[-1],
                    "is_newest_of_operation": key[3] == max(k[3] for k in first_level if k[:2] == key[:2]),
                }
                row |= _change(row, previous)
                yield row
                previous = row

    def operation_freshness(self) -> Iterator[Row]:
        dates: dict[Key, set[dt.date]] = defaultdict(set)
        for sums in self.sums.values():
            for key in sums:
                dates[key[:2]].add(key[3])
        for (country, operation), found in dates.items():
            days = sorted(found)
            gaps = [(later - earlier).days for earlier, later in pairwise(days)]
            interval = int(median(gaps) + 0.5) if gaps else None
            age = max(0, (self.today - days[-1]).days)
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
                "freshness": _freshness(status, age, interval),
                "overdue_days": None if interval is None else age - interval - 92,
            }

    def stale_operations(self) -> Iterator[Row]:
        return (row for row in self.operation_freshness() if row["freshness"] == "stale")

    def latest_stock(self, level: int) -> Iterator[Row]:
        operations = {(row["admin0_pcode"], row["operation"]): row for row in self.operation_freshness()}
        newest = {rounds[-1] for rounds in _series(self.sums[level]).values()}
        areas = [f"admin{n}_{what}" for n in range(1, level + 1) for what in ("pcode", "name")]
        for key, rows in _group(self.rows[level], (*_ROUND, *areas)).items():
            if key[:5] in newest:
                operation = operations[key[:2]]
                age = max(0, (self.today - key[3]).days)
                yield {
                    **dict(zip((*_ROUND, *areas), key, strict=True)),
                    **self._sexes(rows),
                    "row_count": len(rows),
                    "is_newest_of_operation": key[3] == operation["newest_reporting_date"],
                    "age_days": age,
                    "interval_days": operation["interval_days"],
                    "age_in_intervals": _share(age, operation["interval_days"]),
                    "freshness": operation["freshness"],
                }

    def stock_by_reason(self) -> Iterator[Row]:
        def reason(row: Row) -> str:
            return "; ".join(part.strip().lower() for part in row["displacement_reason"].split(";"))

        rows = self.rows[self.levels[0]]
        for row, parts in self._parts([{**row, "reason": reason(row)} for row in rows], ("reason",)):
            spelled = min(part["displacement_reason"] for part in parts)
            yield {**row, "displacement_reason": spelled, "displacement_reasons": row["reason"].split("; ")}

    def stock_by_sex(self) -> Iterator[Row]:
        sums = self.sums[self.levels[0]]
        newest = {rounds[-1] for rounds in _series(sums).values()}
        for key, rows in sums.items():
            row = dict(zip(_ROUND, key, strict=True)) | self._sexes(rows) | {"is_newest": key in newest}
            yield {**row, "female_share": _share(row["females"], row["sex_known"])}

    def origin_to_host(self) -> Iterator[Row]:
        level = next(level for level in self.levels if level)
        for row, _ in self._parts(self.rows[level], (*_ORIGIN, "admin1_pcode", "admin1_name")):
            is_known = row["idp_origin_admin1_pcode"] not in _PLACEHOLDERS
            codes = [row["idp_origin_admin1_pcode"], row["admin1_pcode"]]
            is_same = None if _PLACEHOLDERS & {*codes} else codes[0] == codes[1]
            yield {**row, "is_origin_known": is_known, "is_same_area": is_same}

    def stock_over_time(self) -> Iterator[Row]:
        rounds = list(self.operation_rounds())
        ends = _ends({tuple(row[name] for name in _ROUND) for row in rounds})
        return ({**row, "valid_until": ends[tuple(row[name] for name in _ROUND)]} for row in rounds)

    def areas_over_time(self, level: int) -> Iterator[Row]:
        stock: dict[Key, dict[str, list[Row]]] = defaultdict(dict)
        for row in self.rows[level]:
            key = tuple(row[name] for name in _ROUND)
            stock[key].setdefault(_area(row, level), []).append(row)
        ends = _ends(stock)
        for rounds in _series(stock).values():
            before: dict[str, list[Row]] = {}
            for key in rounds:
                now = stock[key]
                for area in {*now, *before}:
                    known = now.get(area) or before[area]
                    names = {n: max(r[n] for r in known) for n in known[0] if n.startswith(("admin1_", "admin2_"))}
                    idps = _idps(now[area]) if area in now else None
                    previous = _idps(before[area]) if area in before else None
                    yield {
                        **dict(zip(_ROUND, key, strict=True)),
                        **names,
                        "valid_until": ends[key],
                        "presence": _presence(area in now, area in before, is_first=key == rounds[0]),
                        "idps": idps,
                        "previous_idps": previous,
                        "change": None if idps is None or previous is None else idps - previous,
                    }
                before = now

    def reconciliation(self) -> Iterator[Row]:
        for key in {key for sums in self.sums.values() for key in sums}:
            totals = [_idps(sums[key]) if key in sums else None for sums in self.sums.values()]
            known = {total for total in totals if total is not None}
            verdict = "different" if len(known) > 1 else "level_missing" if None in totals else "equal"
            named = dict(zip((f"idps_admin{level}" for level in self.levels), totals, strict=True))
            nothing = {f"idps_admin{level}": None for level in LEVELS}
            yield {**dict(zip(_ROUND, key, strict=True)), **nothing, **named, "verdict": verdict}

    def _parts(self, rows: list[Row], columns: tuple[str, ...]) -> Iterator[tuple[Row, list[Row]]]:
        """Yield each part of each round with its share, and the rows behind it."""
        totals = {key: _idps(found) for key, found in _group(rows, _ROUND).items()}
        newest = {rounds[-1] for rounds in _series(totals).values()}
        for key, found in _group(rows, (*_ROUND, *columns)).items():
            row = dict(zip((*_ROUND, *columns), key, strict=True))
            whole = totals[key[:5]]
            row |= {"idps": _idps(found), "round_idps": whole, "is_newest": key[:5] in newest}
            yield {**row, "share": _share(row["idps"], whole)}, found

    def _sexes(self, rows: list[Row]) -> Row:
        idps = _idps(rows)
        if not self.has_sex:
            return {"idps": idps}
        males = [row["number_males"] for row in rows if row["number_males"] is not None]
        females = [row["number_females"] for row in rows if row["number_females"] is not None]
        known = sum(males) + sum(females)
        return {
            "idps": idps,
            "males": sum(males) if males else None,
            "females": sum(females) if females else None,
            "sex_known": known,
            "sex_coverage": _share(known, idps),
        }


def _records(world: World, level: Any, version: Version) -> list[Row]:
    fields = load_catalogue().resources[f"idp_admin{level}"].fields_for(version)
    records = []
    for row in world.rows(level, version):
        record = {field.name: row[field.api_name] for field in fields if field.api_name}
        records.append({**record, "reporting_date": dt.date.fromisoformat(record["reporting_date"][:10])})
    return records


def _group(rows: Iterable[Row], columns: tuple[str, ...]) -> dict[Key, list[Row]]:
    groups: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[name] for name in columns)].append(row)
    return groups


def _series(rounds: Iterable[Key]) -> dict[Key, list[Key]]:
    """Return the rounds of each series from the oldest to the newest."""
    series: dict[Key, list[Key]] = defaultdict(list)
    for key in sorted(rounds, key=lambda key: key[3:]):
        series[key[:3]].append(key)
    return series


def _ends(rounds: Iterable[Key]) -> dict[Key, dt.date | None]:
    ends: dict[Key, dt.date | None] = {}
    for found in _series(rounds).values():
        ends |= {key: after[3] for key, after in pairwise(found)} | {found[-1]: None}
    return ends


def _idps(rows: Iterable[Row]) -> int:
    return sum(row["num_present_idp_ind"] for row in rows)


def _share(part: int | None, whole: int | None) -> float | None:
    return part / whole if part is not None and whole else None


def _change(row: Row, previous: Row | None) -> Row:
    names = ("previous_reporting_date", "previous_round_number", "previous_idps", "days_since_previous")
    if previous is None:
        return dict.fromkeys((*names, "change", "change_share"))
    change = row["idps"] - previous["idps"]
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


def _area(row: Row, level: int) -> str:
    code, name = row[f"admin{level}_pcode"], row[f"admin{level}_name"]
    if code not in _PLACEHOLDERS:
        return str(code)
    return f"{row['admin1_pcode']}/{name}" if level > 1 else str(name)
