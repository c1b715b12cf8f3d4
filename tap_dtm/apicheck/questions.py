"""The plan of the questions. Each may depend on the answers to earlier ones."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from tap_dtm.apicheck.look import Look, Question, Role
from tap_dtm.errors import DtmError
from tap_dtm.metadata.model import LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence


MOST: Final = 12
"""The largest number of questions."""

LONG_AGO: Final = "1900-01-01"
_FILTERED_LEVEL: Final = 1  # the coarsest level that runs request with filters
_MOST_COUNTRIES: Final = 2
_UNKNOWN_CODES: Final = ("QZZ", "QMA", "ZZZ")  # ISO 3166-1 assigns them to no country


def ask_all(ask: Callable[[Question], Look], wanted: Sequence[str]) -> None:
    """Ask the questions, the most important ones first, about these countries or else about small ones.

    Raises:
        DtmError: One of these countries is not on the list.
    """
    countries, operations = (ask(Question(Role.LIST, stream)) for stream in ("countries", "operations"))
    code, place, level, asked = "", 0, 0, 2
    rows: Sequence[dict[str, Any]] = ()
    for place, code in enumerate(_chosen(countries, operations, wanted), start=1):
        country = {"Admin0Pcode": code}
        looks = [ask(Question(Role.LEVEL, f"idp_admin{each}", country, place, each)) for each in LEVELS]
        asked += len(looks)
        level = _FILTERED_LEVEL if looks[_FILTERED_LEVEL].rows else 0
        rows = looks[level].rows or ()
        if all(look.rows for look in looks) and len(_operations(rows)) > 1:
            break
    listed = {_code(row) for row in countries.rows or ()}
    unknown = next(each for each in _UNKNOWN_CODES if each not in listed)
    for role, params in islice(_filters(code, unknown, rows), MOST - asked):
        of_level, of_country = (0, 0) if role is Role.UNKNOWN else (level, place)
        ask(Question(role, f"idp_admin{of_level}", params, of_country, of_level))


def _chosen(countries: Look, operations: Look, wanted: Sequence[str]) -> list[str]:
    """Return the codes of one or two countries with the fewest operations, if possible at least two."""
    listed = {_code(row) for row in countries.rows or ()} - {""}
    for code in wanted[:_MOST_COUNTRIES]:
        if listed and code not in listed:
            raise DtmError(f"The setting countries names {code}, which DTM does not list. Name another country.")
    if wanted:
        return list(wanted[:_MOST_COUNTRIES])
    counts = Counter(_code(row) for row in operations.rows or ())
    enough = 2
    ranked = sorted(listed or counts.keys() - {""}, key=lambda code: (counts[code] < enough, counts[code], code))
    return ranked[:_MOST_COUNTRIES]


def _code(row: dict[str, Any]) -> str:
    return str(row.get("admin0Pcode") or "").strip().upper()


def _filters(code: str, unknown: str, rows: Sequence[dict[str, Any]]) -> Iterator[tuple[Role, dict[str, str]]]:
    country = {"Admin0Pcode": code}
    by_operation = _operations(rows)
    if not by_operation:
        return
    name = max(by_operation, key=lambda name: (len(_dates(by_operation[name])), name))
    operation = {**country, "Operation": name}
    yield Role.OPERATION, operation
    dates = _dates(by_operation[name])
    if dates:
        day = dates[len(dates) // 2]
        yield Role.DATES, {**operation, "FromReportingDate": day, "ToReportingDate": day}
    yield Role.NOTHING, {**country, "FromReportingDate": LONG_AGO, "ToReportingDate": LONG_AGO}
    yield Role.UNKNOWN, {"Admin0Pcode": unknown}
    other_case = name.lower() if name.lower() != name else name.upper()
    if other_case not in by_operation:
        yield Role.CASE, {**country, "Operation": other_case}
    part = name[: len(name) * 2 // 3].strip()
    if part and part not in by_operation:
        yield Role.PART, {**country, "Operation": part}
    # For the API, round 0 means "no limit".
    numbers = sorted({n for row in by_operation[name] if type(n := row.get("roundNumber")) is int and n > 0})
    if numbers:
        number = str(numbers[len(numbers) // 2])
        yield Role.ROUNDS, {**operation, "FromRoundNumber": number, "ToRoundNumber": number}


def _operations(rows: Collection[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    by_operation: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if isinstance(name := row.get("operation"), str) and name.strip():
            by_operation[name].append(row)
    return by_operation


def _dates(rows: Collection[dict[str, Any]]) -> list[str]:
    return sorted({date[:10] for row in rows if isinstance(date := row.get("reportingDate"), str)})


def kept(rows: Sequence[dict[str, Any]], params: dict[str, str]) -> list[dict[str, Any]]:
    """Return the rows that filters keep if they match exactly and include their limits."""
    name = params.get("Operation")
    first, last = params.get("FromReportingDate", ""), params.get("ToReportingDate", "9999-12-31")
    low, high = params.get("FromRoundNumber"), params.get("ToRoundNumber")
    return [
        row
        for row in rows
        if (name is None or row.get("operation") == name)
        and first <= str(row.get("reportingDate"))[:10] <= last
        and (low is None or high is None or _is_between(row.get("roundNumber"), int(low), int(high)))
    ]


def _is_between(number: Any, low: int, high: int) -> bool:  # noqa: ANN401
    return type(number) is int and low <= number <= high
