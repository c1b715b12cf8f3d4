"""From what the observer counted to the report."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from frictionless_dtm.quality.freshness import RULE, freshness, reference_date
from frictionless_dtm.quality.observer import EXAMPLES
from frictionless_dtm.quality.streams import figure_tables
from frictionless_dtm.quality.twins import assessed_twice

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from frictionless_dtm.descriptor.contents import Contents
    from frictionless_dtm.quality.observer import QualityObserver, Sum
    from frictionless_dtm.quality.runs import OperationKey, RoundKey
    from tap_dtm.exact.round import Round

CHECKS: Final = {
    "reconciliation": "Rounds whose levels do not add up to the same",
    "assessed_twice": "Rounds that two assessment types report",
    "exact_duplicates": "Rows that repeat an earlier row",
    "pcodes": "P-codes that break their country's pattern",
    "sex": "Rows with more males and females than people",
    "missing_levels": "Operations that lack a level, or rounds of it",
    "staleness": "Operations that are stale",
}
_MAJORITY: Final = 0.5


def compose(
    observer: QualityObserver,
    statuses: Mapping[OperationKey, str | None],
    contents: Contents,
) -> dict[str, Any]:
    """Return the report as plain values for JSON, in a fixed order."""
    levels = tuple(figure_tables(contents.descriptor).values())
    if not levels:
        return {
            "about": "This package holds no displacement figures of DTM, so there is nothing that these checks "
            "know how to judge.",
            "summary": [],
        }
    rounds = sorted(observer.sums.items(), key=lambda item: round_order(item[0]))
    by_operation: dict[OperationKey, list[Round]] = defaultdict(list)
    for (country, operation, each), _sums in rounds:
        by_operation[country, operation].append(each)
    reference = reference_date(contents.descriptor, [each.reporting_date for (_, _, each), _sums in rounds])
    sections: dict[str, dict[str, Any]] = {
        "reconciliation": _reconciliation(rounds, levels),
        "assessed_twice": assessed_twice(rounds),
        "exact_duplicates": _duplicates(observer),
        "pcodes": _pcodes(observer),
        "sex": _sex(observer),
        "missing_levels": _missing_levels(rounds, levels),
        "staleness": _staleness(by_operation, reference, statuses),
    }
    return {
        "about": "Facts about the data as published. Nothing was repaired, dropped or filled in.",
        "reference_date": reference,
        "levels": list(levels),
        "rows": dict(sorted(observer.rows.items())),
        "rows_without_figure": dict(sorted(observer.without_figure.items())),
        "summary": [
            {"check": name, "title": title, "checked": sections[name]["checked"], "found": sections[name]["found"]}
            for name, title in CHECKS.items()
        ],
        **sections,
    }


def round_order(key: RoundKey) -> tuple[Any, ...]:
    """Return what sorts rounds: by country, operation, date, number and assessment type."""
    country, operation, each = key
    return country, operation, each.order


def _reconciliation(rounds: list[tuple[RoundKey, dict[int, Sum]]], levels: tuple[int, ...]) -> dict[str, Any]:
    entries = []
    for (country, operation, each), sums in rounds:
        unknown_rows = {level: of.unknown_rows for level, of in sums.items() if of.unknown_rows}
        if unknown_rows:
            verdict = "figure_missing"
        elif len({of.persons for of in sums.values()}) > 1:
            verdict = "different"
        elif len(sums) < len(levels):
            verdict = "level_missing"
        else:
            verdict = "equal"
        entries.append(
            {
                "country": country,
                "operation": operation,
                **each._asdict(),
                **{f"admin{level}": sums[level].persons if level in sums else None for level in levels},
                **{f"rows_without_figure_at_admin{level}": rows for level, rows in sorted(unknown_rows.items())},
                "verdict": verdict,
            }
        )
    verdicts = Counter(entry["verdict"] for entry in entries)
    return {
        "about": "The sum of the figures of each round at each administrative level. All levels show the same "
        "people, so the sums of a round are expected to be equal. A sum of null is not known, and not 0; where some "
        "rows of a round have no figure, the sum is of the others, and nothing is compared.",
        "checked": len(entries) if len(levels) > 1 else 0,
        "found": verdicts["different"],
        "equal": verdicts["equal"] if len(levels) > 1 else 0,
        "level_missing": verdicts["level_missing"],
        "figure_missing": verdicts["figure_missing"],
        "rounds": entries,
    }


def _duplicates(observer: QualityObserver) -> dict[str, Any]:
    return {
        "about": "Rows that are equal to an earlier row in every column but their position. They are in the data "
        "as published; whether to drop them is the reader's decision.",
        "checked": observer.rows.total(),
        "found": observer.duplicates.total(),
        "by_operation": [
            {"country": country, "operation": operation, "resource": resource, "rows": rows}
            for (country, operation, resource), rows in sorted(observer.duplicates.items())
        ],
        "examples": observer.duplicate_examples,
    }


def shape(code: str) -> str:
    """Return the pattern of a code: A for a letter, 9 for a digit, everything else as it is."""
    return re.sub(r"[^\W\d_]", "A", re.sub(r"\d", "9", code))


@dataclass(frozen=True)
class Pattern:
    """What most codes of a country look like: a prefix of letters as they are, and the shape of what follows."""

    prefix: str
    rest: str

    @override
    def __str__(self) -> str:
        """The prefix, then A for a letter and 9 for a digit."""
        return self.prefix + self.rest

    def fits(self, code: str) -> bool:
        """Say whether a code follows the pattern."""
        return code.startswith(self.prefix) and shape(code[len(self.prefix) :]) == self.rest


def pattern_of(codes: Collection[str]) -> Pattern | None:
    """Return the pattern of more than half of these codes; None where there is none.

    The letters that they begin with belong to it where most codes have the same, as the country's prefix.
    """
    usual, count = _most_common(map(shape, codes))
    if count <= _MAJORITY * len(codes):
        return None
    prefix, count = _most_common(code[: len(_letters(code))] for code in codes if shape(code) == usual)
    if count <= _MAJORITY * len(codes):
        prefix = ""
    return Pattern(prefix, usual[len(prefix) :])


def _most_common(values: Iterable[str]) -> tuple[str, int]:
    """Return the most common value and how often it is there; of equally common ones the first in the alphabet."""
    return min(Counter(values).items(), key=lambda item: (-item[1], item[0]))


def _letters(code: str) -> str:
    """Return the letters that a code begins with."""
    return re.match(r"[^\W\d_]*", code)[0]  # type: ignore[index]  # it always matches


def _pcodes(observer: QualityObserver) -> dict[str, Any]:
    patterns: list[dict[str, Any]] = []
    examples: list[dict[str, Any]] = []
    checked = found = 0
    for (country, field), codes in sorted(observer.codes.items()):
        pattern = pattern_of(codes)
        shapes = Counter(map(shape, codes))
        checked += len(codes)
        patterns.append(
            {
                "country": country,
                "field": field,
                "pattern": pattern and str(pattern),
                "codes": len(codes),
                "shapes": dict(sorted(shapes.items(), key=lambda item: (-item[1], item[0]))[:EXAMPLES]),
            }
        )
        breaking = sorted(code for code in codes if pattern and not pattern.fits(code))
        found += len(breaking)
        for code in breaking[: max(0, EXAMPLES - len(examples))]:
            entry = codes[code]
            examples.append(
                {
                    "country": country,
                    "field": field,
                    "code": code,
                    "expected": str(pattern),
                    "name": entry.name,
                    "operation": entry.operation,
                    "rows": entry.rows,
                }
            )
    return {
        "about": "The pattern of most codes of a country in one column, and the codes that do not follow it: the "
        "letters that most codes begin with as they are, then A for a letter and 9 for a digit. A country without a "
        "majority has no pattern. Codes of origin are judged by themselves, since people may come from elsewhere.",
        "checked": checked,
        "found": found,
        "patterns": patterns,
        "examples": examples,
        "placeholders": [
            {"country": country, "operation": operation, "field": field, "value": value or None, "rows": rows}
            for (country, operation, field, value), rows in sorted(observer.unplaced.items())
        ],
    }


def _sex(observer: QualityObserver) -> dict[str, Any]:
    entries = [
        {
            "country": country,
            "resource": resource,
            "rows": seen.rows,
            "add_up_to_total": seen.equal,
            "less_than_total": seen.less,
            "more_than_total": seen.more,
            "one_unknown": seen.one_unknown,
            "both_unknown": seen.both_unknown,
            "total_unknown": seen.total_unknown,
            "share_of_persons_known": round(seen.persons_known / seen.persons, 4) if seen.persons else None,
        }
        for (country, resource), seen in sorted(observer.sexes.items())
    ]
    return {
        "about": "Males plus females against the total of each row. Less than the total means that the sex of some "
        "people is not known, which is usual. More than the total is a contradiction. The shares of persons weigh "
        "rows and rounds; they describe coverage and are not numbers of people.",
        "checked": sum(seen.rows for seen in observer.sexes.values()),
        "found": sum(seen.more for seen in observer.sexes.values()),
        "by_country": entries,
        "examples": observer.sex_examples,
    }


def _missing_levels(rounds: list[tuple[RoundKey, dict[int, Sum]]], levels: tuple[int, ...]) -> dict[str, Any]:
    seen: dict[OperationKey, Counter[int]] = defaultdict(Counter)
    totals: Counter[OperationKey] = Counter()
    for (country, operation, *_), sums in rounds:
        totals[country, operation] += 1
        seen[country, operation].update(sums.keys())
    entries = [
        {
            "country": country,
            "operation": operation,
            "rounds": totals[country, operation],
            **{f"rounds_at_admin{level}": at[level] for level in levels},
            "missing_levels": [level for level in levels if not at[level]],
        }
        for (country, operation), at in seen.items()
        if any(at[level] < totals[country, operation] for level in levels)
    ]
    return {
        "about": "Operations with rounds that some administrative level of this package does not have. Not every "
        "operation is published at every level; a round that is absent is unknown, not zero.",
        "checked": len(totals),
        "found": len(entries),
        "operations": entries,
    }


def _staleness(
    by_operation: Mapping[OperationKey, list[Round]],
    reference: str,
    statuses: Mapping[OperationKey, str | None],
) -> dict[str, Any]:
    entries = []
    for (country, operation), rounds in by_operation.items():
        status = statuses.get((country, operation))
        fresh = freshness(rounds, reference, status)
        entries.append(
            {
                "country": country,
                "operation": operation,
                "status": status,
                "newest_reporting_date": fresh.newest,
                "reporting_dates": len({each.reporting_date for each in rounds}),
                "usual_interval_days": fresh.interval_days,
                "age_days": fresh.age_days,
                "age_in_intervals": fresh.intervals,
                "verdict": fresh.verdict,
            }
        )
    return {
        "about": RULE,
        "checked": len(entries),
        "found": sum(entry["verdict"] == "stale" for entry in entries),
        "operations": entries,
    }
