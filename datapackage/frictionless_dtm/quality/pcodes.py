"""The pattern of a country's P-codes, and the codes that do not follow it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from frictionless_dtm.quality.database import Database, Row

_MAJORITY: Final = 0.5


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


def pcodes(database: Database, limit: int) -> dict[str, Any]:
    """Return the section of the report about codes, with so many examples at most."""
    rows = _ROWS.format(rows=" UNION ALL ".join(_parts(database)) or _NO_ROWS)
    codes: dict[tuple[str, str], dict[str, Row]] = defaultdict(dict)
    for each in database.rows(rows + _BY_CODE):
        codes[each["country"], each["field"]][each["code"]] = each
    patterns: list[Row] = []
    breaking: list[Row] = []
    for (country, field), of_column in codes.items():
        pattern = pattern_of(of_column)
        shapes = Counter(map(shape, of_column))
        patterns.append(
            {
                "country": country,
                "field": field,
                "pattern": pattern and str(pattern),
                "codes": len(of_column),
                "shapes": dict(sorted(shapes.items(), key=lambda item: (-item[1], item[0]))[:limit]),
            }
        )
        breaking += [
            {key: each[key] for key in ("country", "field", "code")} | {"expected": str(pattern)} | each
            for code, each in of_column.items()
            if pattern and not pattern.fits(code)
        ]
    return {
        "about": "The pattern of most codes of a country in one column, and the codes that do not follow it: the "
        "letters that most codes begin with as they are, then A for a letter and 9 for a digit. A country without a "
        "majority has no pattern. Codes of origin are judged by themselves, since people may come from elsewhere.",
        "checked": sum(map(len, codes.values())),
        "found": len(breaking),
        "patterns": patterns,
        "examples": breaking[:limit],
        "placeholders": database.rows(rows + _PLACEHOLDERS),
    }


_ROWS: Final = "WITH codes (country, operation, field, code, name, place) AS ({rows})"
_NO_ROWS: Final = "SELECT '', '', '', '', '', 0 WHERE FALSE"
_BY_CODE: Final = """
    SELECT country, field, code, ARG_MIN(name, place) AS name, ARG_MIN(operation, place) AS operation, COUNT(*) AS rows
    FROM codes
    WHERE NOT $is_unknown(code)
    GROUP BY country, field, code
    ORDER BY country, field, code"""
_PLACEHOLDERS: Final = """
    SELECT country, operation, field, NULLIF(code, '') AS value, COUNT(*) AS rows
    FROM codes
    WHERE $is_unknown(code)
    GROUP BY ALL
    ORDER BY country, operation, field, value NULLS FIRST"""


def _parts(database: Database) -> Iterator[str]:
    """Yield the queries for the codes of each table, each with its place in the package."""
    for table in database.tables:
        for area in ("admin1", "admin2", "idp_origin_admin1"):
            if table.has(f"{area}_pcode", f"{area}_name"):
                yield (
                    f"SELECT admin0_pcode, operation, '{area}_pcode', {area}_pcode, {area}_name, "
                    f"ROW({table.level}, rowid) FROM {table.relation}"
                )
