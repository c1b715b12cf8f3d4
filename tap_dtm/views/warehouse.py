"""Where the views stand, and the expressions that several of them share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.model import ROUND_SPAN_DAYS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tap_dtm.metadata import Resource
    from tap_dtm.views.dialects import Dialect

SERIES: Final = "admin0_pcode, operation, assessment_type"
ROUND: Final = f"{SERIES}, reporting_date, round_number"
# Databases differ in where they sort null: here, a round without a number comes before all others of its date.
_NUMBER: Final = "COALESCE(round_number, -1)"
NEWEST_FIRST: Final = f"OVER (PARTITION BY {SERIES} ORDER BY reporting_date DESC, {_NUMBER} DESC)"
OLDEST_FIRST: Final = f"OVER (PARTITION BY {SERIES} ORDER BY reporting_date, {_NUMBER})"
IDPS: Final = "CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps"
SEXES: Final = """, CAST(SUM(number_males) AS BIGINT) AS males, CAST(SUM(number_females) AS BIGINT) AS females,
    CAST(SUM(COALESCE(number_males, 0) + COALESCE(number_females, 0)) AS BIGINT) AS sex_known"""


@dataclass(frozen=True)
class Warehouse:
    """Where the views are to stand.

    Attributes:
        dialect: The database.
        api_version: The version of the API that its tables come from.
        levels: The administrative levels that it holds, in order.
    """

    dialect: Dialect
    api_version: str
    levels: Collection[int]

    def current(self, level: int) -> str:
        """Return the view of the rows of a level that are not deleted."""
        return self.dialect.relation(f"idp_admin{level}_current")

    @property
    def tables(self) -> list[Resource]:
        """The tables of these levels, and the lists."""
        tables = load_catalogue().resources.values()
        return [table for table in tables if table.level is None or table.level in self.levels]

    @property
    def has_sex_and_reason(self) -> bool:
        """Whether the API version has them, and the origin."""
        return self.api_version != "v2"

    @property
    def sexes(self) -> str:
        """The figures by sex, where the API version has them."""
        return SEXES if self.has_sex_and_reason else ""

    @property
    def coverage(self) -> str:
        """The column sex_coverage, where the API version has sexes."""
        return f"\n  {self.share('sex_known', 'idps')} AS sex_coverage," if self.has_sex_and_reason else ""

    @property
    def is_newest_round(self) -> str:
        """A condition that no round of the operation is later, of any type, but the same one dated again.

        It needs newest_reporting_date, of the operation, and number_date, of ``dates_of_numbers``.
        """
        days = self.dialect.days("reporting_date", "newest_reporting_date")
        again = f"number_date = newest_reporting_date AND {days} <= {ROUND_SPAN_DAYS}"
        return f"(reporting_date = newest_reporting_date OR COALESCE({again}, FALSE))"

    @property
    def dates_of_numbers(self) -> str:
        """A query of the newest date of each round number of an operation, over all types and levels."""
        return f"""SELECT admin0_pcode, operation, round_number, MAX(reporting_date) AS number_date
  FROM {self.dialect.relation("operation_rounds")}
  GROUP BY admin0_pcode, operation, round_number"""

    def share(self, part: str, whole: str) -> str:
        """Return an expression for a share, null where the whole is 0."""
        return f"{self.dialect.float(part)} / NULLIF({whole}, 0)"

    def sums(self, levels: Collection[int], keys: Mapping[str, str] | None = None, figures: str = "") -> str:
        """Return a query of the figures of each round at each of these levels.

        Args:
            levels: Administrative levels.
            keys: What parts a round: expressions by name.
            figures: More figures than people and rows, each with a comma before it.
        """
        derived = "".join(f", {expression} AS {name}" for name, expression in (keys or {}).items())
        parts = "".join(f", {name}" for name in keys or {})
        return "\n  UNION ALL\n".join(
            f"""  SELECT
    {level} AS admin_level, {ROUND}{parts}, MAX(admin0_name) AS admin0_name, {IDPS}, COUNT(*) AS row_count{figures}
  FROM (SELECT *{derived} FROM {self.current(level)}) AS published
  GROUP BY {ROUND}{parts}"""
            for level in levels
        )

    def stock(self, levels: Collection[int], keys: Mapping[str, str] | None = None, figures: str = "") -> str:
        """Return the common table expression ``stock``: ``sums``, each round from the first level that has it."""
        return f"""sums AS (
{self.sums(levels, keys, figures)}
),
compared AS (
  SELECT *, MIN(admin_level) OVER (PARTITION BY {ROUND}) AS first_level FROM sums
),
stock AS (
  SELECT *, RANK() {NEWEST_FIRST} = 1 AS is_newest FROM compared WHERE admin_level = first_level
)"""


def is_unknown(code: str) -> str:
    """Return a condition that a code is null, empty or a text that the API publishes in place of any value."""
    placeholders = sorted({text for field in load_catalogue().fields.values() for text in field.missing_values})
    quoted = ", ".join(f"'{text}'" for text in ("", *placeholders))
    return f"COALESCE({code}, '') IN ({quoted})"


def area_keys(level: int) -> dict[str, str]:
    """Return what tells the areas of a level apart: an expression for each level down to it."""
    return {f"area{n}": area_key(f"admin{n}") for n in range(1, level + 1)}


def area_key(area: str) -> str:
    """Return an expression for the code of an area, or for its name where the code is a placeholder."""
    return f"CASE WHEN {is_unknown(f'{area}_pcode')} THEN '?' || {area}_name ELSE {area}_pcode END"


def area_names(*areas: str) -> str:
    """Return the code and the one name of each area, to be selected from the rows of one key."""
    return "".join(f", MAX({area}_{what}) AS {area}_{what}" for area in areas for what in ("pcode", "name"))
