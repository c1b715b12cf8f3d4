"""The pattern of a country's P-codes, and the codes that do not follow it."""

from __future__ import annotations

import re
from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from frictionless_dtm.quality.database import Database, Row

_MAJORITY: Final = 0.5


def shape(code: str) -> str:
    """Return the pattern of a code: A for a letter, 9 for a digit, and all other characters."""
    return re.sub(r"[^\W\d_]", "A", re.sub(r"\d", "9", code))


class Pattern(NamedTuple):
    """What most codes of a country look like: a prefix of letters, and the shape of the rest."""

    prefix: str
    rest: str

    def fits(self, code: str) -> bool:
        """Return whether a code follows the pattern."""
        return code.startswith(self.prefix) and shape(code[len(self.prefix) :]) == self.rest


def pattern_of(codes: Collection[str]) -> Pattern | None:
    """Return the pattern of more than half of these codes, if there is one.

    It includes the letters at their beginning if most codes have the same letters, which is the prefix of the country.
    """
    usual, count = _by_number(map(shape, codes))[0]
    if count <= _MAJORITY * len(codes):
        return None
    letters = (re.sub(r"[\W\d_].*", "", code, flags=re.DOTALL) for code in codes if shape(code) == usual)
    prefix, count = _by_number(letters)[0]
    if count <= _MAJORITY * len(codes):
        prefix = ""
    return Pattern(prefix, usual[len(prefix) :])


def _by_number(values: Iterable[str]) -> list[tuple[str, int]]:
    """Return the values with their numbers, the most common first; equally common ones by the alphabet."""
    return sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))


def pcodes(database: Database, limit: int) -> dict[str, Any]:
    """Return the section of the report about codes, with so many examples at most."""
    rows = f"WITH codes (country, operation, field, code, name, place) AS ({' UNION ALL '.join(_parts(database))})"
    codes = database.rows(rows + _BY_CODE)
    patterns: list[Row] = []
    breaking: list[Row] = []
    for (country, field), group in groupby(codes, key=lambda each: (each["country"], each["field"])):
        of_column = {each["code"]: each for each in group}
        pattern = pattern_of(of_column)
        expected = "".join(pattern) if pattern else None
        shapes = dict(_by_number(map(shape, of_column))[:limit])
        patterns.append(
            {"country": country, "field": field, "pattern": expected, "codes": len(of_column), "shapes": shapes}
        )
        if pattern:
            breaking += [each | {"expected": expected} for code, each in of_column.items() if not pattern.fits(code)]
    return {
        "about": "The pattern of most codes of a country in one column, and the codes that do not follow it. A pattern "
        "has the letters that most codes begin with, then A for a letter and 9 for a digit. A country without a "
        "majority has no pattern. Codes of origin have a pattern of their own, because people may come from another "
        "country.",
        "checked": len(codes),
        "found": len(breaking),
        "patterns": patterns,
        "examples": breaking[:limit],
        "placeholders": database.rows(rows + _PLACEHOLDERS),
    }


_BY_CODE: Final = """
    SELECT
      country, field, code, NULL AS expected, ARG_MIN(name, place) AS name, ARG_MIN(operation, place) AS operation,
      COUNT(*) AS rows
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
    yield "SELECT '', '', '', '', '', ROW(0, 0) WHERE FALSE"  # some packages have no codes below the country
    for table in database.tables:
        for area in ("admin1", "admin2", "idp_origin_admin1"):
            if table.has(f"{area}_pcode", f"{area}_name"):
                yield (
                    f"SELECT admin0_pcode, operation, '{area}_pcode', {area}_pcode, {area}_name, "
                    f"ROW({table.level}, rowid) FROM {table.relation}"
                )
