"""What each view selects: SQL that Postgres, BigQuery and DuckDB read alike, but for a few expressions of the dialect.

Every view keeps country, operation and assessment type apart, and never adds one round to another. Columns come out
under the names of their declarations in ``views.yaml``; the script puts them in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.model import PUBLICATION_LAG_DAYS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from tap_dtm.metadata import Resource
    from tap_dtm.metadata.views import View
    from tap_dtm.views.dialects import Dialect

SERIES: Final = "admin0_pcode, operation, assessment_type"
ROUND: Final = f"{SERIES}, reporting_date, round_number"
_NEWEST_FIRST: Final = f"OVER (PARTITION BY {SERIES} ORDER BY reporting_date DESC, round_number DESC)"
_OLDEST_FIRST: Final = f"OVER (PARTITION BY {SERIES} ORDER BY reporting_date, round_number)"
_IDPS: Final = "CAST(SUM(num_present_idp_ind) AS BIGINT)"
_SEX_KNOWN: Final = "CAST(SUM(COALESCE(number_males, 0) + COALESCE(number_females, 0)) AS BIGINT)"


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
    def level_sums(self) -> str:
        """A query of the figures of each round at each level."""
        return "\n  UNION ALL\n".join(
            f"""  SELECT
    {level} AS admin_level, {ROUND}, MAX(admin0_name) AS admin0_name, {_IDPS} AS idps, COUNT(*) AS row_count
  FROM {self.current(level)}
  GROUP BY {ROUND}"""
            for level in self.levels
        )

    def share(self, part: str, whole: str) -> str:
        """Return an expression for a share, null where the whole is 0."""
        return f"{self.dialect.float(part)} / NULLIF({whole}, 0)"


def current(warehouse: Warehouse, view: View) -> str:
    """All columns of the base table but the bookkeeping, where the row is not deleted."""
    dialect = warehouse.dialect
    reasons = f", {dialect.listed(dialect.folded('displacement_reason'))} AS displacement_reasons"
    return f"""
SELECT *{reasons if warehouse.has_sex_and_reason else ""}
FROM {dialect.relation(f"idp_admin{view.level}")}
WHERE _sdc_deleted_at IS NULL"""


def operation_rounds(warehouse: Warehouse, _: View) -> str:
    """Each round once, from the highest level that has it, beside the one before."""
    return f"""
WITH sums AS (
{warehouse.level_sums}
),
ranked AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY {ROUND} ORDER BY admin_level) AS place FROM sums
),
compared AS (
  SELECT
    *,
    LAG(reporting_date) {_OLDEST_FIRST} AS previous_reporting_date,
    LAG(round_number) {_OLDEST_FIRST} AS previous_round_number,
    LAG(idps) {_OLDEST_FIRST} AS previous_idps,
    ROW_NUMBER() {_NEWEST_FIRST} = 1 AS is_newest,
    reporting_date = MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation) AS is_newest_of_operation
  FROM ranked
  WHERE place = 1
)
SELECT
  *,
  {warehouse.dialect.days("previous_reporting_date", "reporting_date")} AS days_since_previous,
  idps - previous_idps AS change,
  {warehouse.share("idps - previous_idps", "previous_idps")} AS change_share
FROM compared"""


def operation_freshness(warehouse: Warehouse, _: View) -> str:
    """The age of an operation beside the median of the days between its dates."""
    dialect = warehouse.dialect
    earlier = "LAG(reporting_date) OVER (PARTITION BY admin0_pcode, operation ORDER BY reporting_date)"
    return f"""
WITH dates AS (
  SELECT DISTINCT admin0_pcode, operation, reporting_date FROM {dialect.relation("operation_rounds")}
),
gaps AS (
  SELECT admin0_pcode, operation, {dialect.days(earlier, "reporting_date")} AS gap FROM dates
),
ranked AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY admin0_pcode, operation ORDER BY gap) AS place,
    COUNT(*) OVER (PARTITION BY admin0_pcode, operation) AS gap_count
  FROM gaps
  WHERE gap IS NOT NULL
),
intervals AS (  -- the median: the one in the middle, or the mean of the two
  SELECT admin0_pcode, operation, CAST(FLOOR(AVG(gap) + 0.5) AS BIGINT) AS interval_days
  FROM ranked
  WHERE place * 2 IN (gap_count, gap_count + 1, gap_count + 2)
  GROUP BY admin0_pcode, operation
),
ages AS (
  SELECT
    admin0_pcode,
    operation,
    MAX(admin0_name) AS admin0_name,
    MIN(reporting_date) AS first_reporting_date,
    MAX(reporting_date) AS newest_reporting_date,
    COUNT(DISTINCT reporting_date) AS date_count,
    GREATEST({dialect.days("MAX(reporting_date)", "CURRENT_DATE")}, 0) AS age_days
  FROM {dialect.relation("operation_rounds")}
  GROUP BY admin0_pcode, operation
),
statuses AS (
  SELECT admin0_pcode, operation, operation_status FROM {dialect.relation("operations")} WHERE _sdc_deleted_at IS NULL
)
SELECT
  *,
  {warehouse.share("age_days", "interval_days")} AS age_in_intervals,
  CASE
    WHEN LOWER(operation_status) = 'inactive' THEN 'closed'
    WHEN interval_days IS NULL THEN 'single'
    WHEN age_days > interval_days + {PUBLICATION_LAG_DAYS} THEN 'stale'
    ELSE 'current'
  END AS freshness
FROM ages
LEFT JOIN intervals USING (admin0_pcode, operation)
LEFT JOIN statuses USING (admin0_pcode, operation)"""


def stale_operations(warehouse: Warehouse, _: View) -> str:
    """Those of the operations that are stale."""
    return f"""
SELECT *, age_days - interval_days - {PUBLICATION_LAG_DAYS} AS overdue_days
FROM {warehouse.dialect.relation("operation_freshness")}
WHERE freshness = 'stale'"""


def latest_stock(warehouse: Warehouse, view: View) -> str:
    """The newest round of each series at a level, by area."""
    level = view.level or 0
    areas = _areas(range(1, level + 1))
    age = f"GREATEST({warehouse.dialect.days('reporting_date', 'CURRENT_DATE')}, 0)"
    return f"""
WITH ranked AS (
  SELECT *, RANK() {_NEWEST_FIRST} AS place FROM {warehouse.current(level)}
),
stock AS (
  SELECT
    {ROUND}{areas}, MAX(admin0_name) AS admin0_name, {_IDPS} AS idps, {_sexes(warehouse)}COUNT(*) AS row_count
  FROM ranked
  WHERE place = 1
  GROUP BY {ROUND}{areas}
)
SELECT
  stock.*,{_coverage(warehouse)}
  reporting_date = newest_reporting_date AS is_newest_of_operation,
  {age} AS age_days,
  interval_days,
  {warehouse.share(age, "interval_days")} AS age_in_intervals,
  freshness
FROM stock
LEFT JOIN (
  SELECT admin0_pcode, operation, newest_reporting_date, interval_days, freshness
  FROM {warehouse.dialect.relation("operation_freshness")}
) AS operations USING (admin0_pcode, operation)"""


def stock_by_reason(warehouse: Warehouse, _: View) -> str:
    """Each round by reason, spelled alike."""
    return f"""
WITH folded AS (
  SELECT *, RANK() {_NEWEST_FIRST} = 1 AS is_newest, {warehouse.dialect.folded("displacement_reason")} AS reason
  FROM {warehouse.current(min(warehouse.levels))}
),
stock AS (
  SELECT
    {ROUND}, reason, is_newest, MAX(admin0_name) AS admin0_name,
    MIN(displacement_reason) AS displacement_reason, {_IDPS} AS idps
  FROM folded
  GROUP BY {ROUND}, reason, is_newest
),
{_with_round_total("stock")}
SELECT *, {warehouse.dialect.listed("reason")} AS displacement_reasons, {warehouse.share("idps", "round_idps")} AS share
FROM totals"""


def stock_by_sex(warehouse: Warehouse, _: View) -> str:
    """Each round by sex, with the share of people whose sex is known."""
    return f"""
WITH stock AS (
  SELECT {ROUND}, MAX(admin0_name) AS admin0_name, {_IDPS} AS idps, {_sexes(warehouse)}COUNT(*) AS row_count
  FROM {warehouse.current(min(warehouse.levels))}
  GROUP BY {ROUND}
)
SELECT
  *,{_coverage(warehouse)}
  {warehouse.share("females", "sex_known")} AS female_share,
  ROW_NUMBER() {_NEWEST_FIRST} = 1 AS is_newest
FROM stock"""


def origin_to_host(warehouse: Warehouse, _: View) -> str:
    """Each round by area of origin and area of stay, both of the first level."""
    origin, host = "idp_origin_admin1_pcode, idp_origin_admin1_name", "admin1_pcode, admin1_name"
    return f"""
WITH ranked AS (
  SELECT *, RANK() {_NEWEST_FIRST} = 1 AS is_newest
  FROM {warehouse.current(min(level for level in warehouse.levels if level))}
),
stock AS (
  SELECT {ROUND}, {origin}, {host}, is_newest, MAX(admin0_name) AS admin0_name, {_IDPS} AS idps
  FROM ranked
  GROUP BY {ROUND}, {origin}, {host}, is_newest
),
{_with_round_total("stock")},
known AS (
  SELECT *, NOT {_is_unknown("idp_origin_admin1_pcode")} AS is_origin_known FROM totals
)
SELECT
  *,
  {warehouse.share("idps", "round_idps")} AS share,
  CASE WHEN is_origin_known AND NOT {_is_unknown("admin1_pcode")} THEN idp_origin_admin1_pcode = admin1_pcode END
    AS is_same_area
FROM known"""


def stock_over_time(warehouse: Warehouse, _: View) -> str:
    """Each round with the date on which the next one replaces it."""
    return f"""
SELECT *, LEAD(reporting_date) {_OLDEST_FIRST} AS valid_until
FROM {warehouse.dialect.relation("operation_rounds")}"""


def stock_over_time_by_area(warehouse: Warehouse, view: View) -> str:
    """Each area in each round that reports it, and in the first one that no longer does."""
    level = view.level or 1
    columns = _areas(range(1, level + 1))
    names = "".join(f", MAX({name}) AS {name}" for name in ("admin0_name", *columns.lstrip(", ").split(", ")))
    code, name = f"admin{level}_pcode", f"admin{level}_name"
    parent = "COALESCE(admin1_pcode, '') || '/' || " if level > 1 else ""
    by_area = f"OVER (PARTITION BY {SERIES}, area ORDER BY place)"
    return f"""
WITH placed AS (
  SELECT
    *,
    DENSE_RANK() {_OLDEST_FIRST} AS place,
    CASE WHEN {_is_unknown(code)} THEN {parent}COALESCE({name}, '') ELSE {code} END AS area
  FROM {warehouse.current(level)}
),
stock AS (
  SELECT {ROUND}, place, area{names}, {_IDPS} AS idps FROM placed GROUP BY {ROUND}, place, area
),
rounds AS (
  SELECT *, LEAD(reporting_date) OVER (PARTITION BY {SERIES} ORDER BY place) AS valid_until
  FROM (SELECT DISTINCT {ROUND}, place FROM stock) AS distinct_rounds
),
neighbours AS (
  SELECT
    *,
    LAG(place) {by_area} AS place_before,
    LAG(idps) {by_area} AS idps_before,
    LEAD(place) {by_area} AS place_after
  FROM stock
),
areas AS (
  SELECT
    {SERIES}, place{columns}, admin0_name, idps,
    CASE WHEN place_before = place - 1 THEN idps_before END AS previous_idps,
    CASE WHEN place = 1 THEN 'first' WHEN place_before = place - 1 THEN 'stayed' ELSE 'appeared' END AS presence
  FROM neighbours
  UNION ALL  -- after its last round an area cannot vanish: the join below finds no further one
  SELECT {SERIES}, place + 1{columns}, admin0_name, CAST(NULL AS BIGINT), idps, 'vanished'
  FROM neighbours
  WHERE place_after IS NULL OR place_after > place + 1
)
SELECT areas.*, rounds.reporting_date, rounds.round_number, rounds.valid_until, idps - previous_idps AS change
FROM areas
JOIN rounds
  ON areas.admin0_pcode = rounds.admin0_pcode
  AND areas.operation = rounds.operation
  AND COALESCE(areas.assessment_type, '') = COALESCE(rounds.assessment_type, '')
  AND areas.place = rounds.place"""


def reconciliation(warehouse: Warehouse, _: View) -> str:
    """The sums of the levels of each round side by side."""
    sums = ",\n    ".join(f"MAX(CASE WHEN admin_level = {n} THEN idps END) AS idps_admin{n}" for n in (0, 1, 2))
    missing = " OR ".join(f"idps_admin{level} IS NULL" for level in warehouse.levels)
    return f"""
WITH sums AS (
{warehouse.level_sums}
),
levels AS (
  SELECT
    {ROUND},
    MAX(admin0_name) AS admin0_name,
    MIN(idps) AS smallest,
    MAX(idps) AS largest,
    {sums}
  FROM sums
  GROUP BY {ROUND}
)
SELECT
  *, CASE WHEN smallest <> largest THEN 'different' WHEN {missing} THEN 'level_missing' ELSE 'equal' END AS verdict
FROM levels"""


DEFINITIONS: Final[dict[str, Callable[[Warehouse, View], str]]] = {
    "idp_admin{level}_current": current,
    "operation_rounds": operation_rounds,
    "operation_freshness": operation_freshness,
    "stale_operations": stale_operations,
    "latest_stock_admin{level}": latest_stock,
    "stock_by_reason": stock_by_reason,
    "stock_by_sex": stock_by_sex,
    "origin_to_host": origin_to_host,
    "stock_over_time": stock_over_time,
    "stock_over_time_admin{level}": stock_over_time_by_area,
    "reconciliation": reconciliation,
}
"""The query of each kind of view, by its name in ``views.yaml``."""


def _areas(levels: range) -> str:
    return "".join(f", admin{level}_pcode, admin{level}_name" for level in levels)


def _sexes(warehouse: Warehouse) -> str:
    if not warehouse.has_sex_and_reason:
        return ""
    return f"""CAST(SUM(number_males) AS BIGINT) AS males, CAST(SUM(number_females) AS BIGINT) AS females,
    {_SEX_KNOWN} AS sex_known, """


def _coverage(warehouse: Warehouse) -> str:
    return f"\n  {warehouse.share('sex_known', 'idps')} AS sex_coverage," if warehouse.has_sex_and_reason else ""


def _with_round_total(name: str) -> str:
    return f"""totals AS (
  SELECT *, CAST(SUM(idps) OVER (PARTITION BY {ROUND}) AS BIGINT) AS round_idps FROM {name}
)"""


def _is_unknown(code: str) -> str:
    """Return a condition that a code is null or one of the texts that the API publishes in place of any value."""
    placeholders = sorted({text for field in load_catalogue().fields.values() for text in field.missing_values})
    quoted = ", ".join(f"'{text}'" for text in placeholders)
    return f"({code} IS NULL OR {code} IN ({quoted}))"
