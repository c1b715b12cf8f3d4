"""What each view selects: SQL that Postgres, BigQuery and DuckDB read alike, but for a few expressions of the dialect.

Every view keeps country, operation and assessment type apart, and never adds one round to another. Columns come out
under the names of their declarations in ``views.yaml``; the script puts them in order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tap_dtm.metadata.model import PUBLICATION_LAG_DAYS
from tap_dtm.views.areas import latest_stock, stock_over_time_by_area
from tap_dtm.views.warehouse import (
    OLDEST_FIRST,
    ROUND,
    SEXES,
    area_key,
    area_names,
    is_unknown,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_dtm.metadata.views import View
    from tap_dtm.views.warehouse import Warehouse


def current(warehouse: Warehouse, view: View) -> str:
    """All columns of the base table but the bookkeeping, where the row is not deleted."""
    dialect = warehouse.dialect
    reasons = f", {dialect.listed(dialect.folded('displacement_reason'))} AS displacement_reasons"
    return f"""
SELECT *{reasons if warehouse.has_sex_and_reason else ""}
FROM {dialect.relation(f"idp_admin{view.level}")}
WHERE _sdc_deleted_at IS NULL"""


def operation_rounds(warehouse: Warehouse, _: View) -> str:
    """Each round once, from the first level that has it, beside the one before."""
    return f"""
WITH {warehouse.stock(warehouse.levels)},
beside AS (
  SELECT
    *,
    LAG(reporting_date) {OLDEST_FIRST} AS previous_reporting_date,
    LAG(round_number) {OLDEST_FIRST} AS previous_round_number,
    LAG(idps) {OLDEST_FIRST} AS previous_idps,
    MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation) AS newest_reporting_date,
    CASE WHEN round_number IS NOT NULL
      THEN MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation, round_number) END AS number_date
  FROM stock
)
SELECT
  *,
  is_newest AND {warehouse.is_newest_round} AS is_newest_of_operation,
  {warehouse.dialect.days("previous_reporting_date", "reporting_date")} AS days_since_previous,
  idps - previous_idps AS change,
  {warehouse.share("idps - previous_idps", "previous_idps")} AS change_share
FROM beside"""


def operation_freshness(warehouse: Warehouse, _: View) -> str:
    """The age of an operation beside the median of the days from one of its rounds to the next."""
    dialect = warehouse.dialect
    return f"""
WITH gaps AS (  -- within one assessment type; two dates of one round are no two rounds
  SELECT admin0_pcode, operation, days_since_previous AS gap
  FROM {dialect.relation("operation_rounds")}
  WHERE days_since_previous > 0 AND COALESCE(round_number <> previous_round_number, TRUE)
),
ranked AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY admin0_pcode, operation ORDER BY gap) AS place,
    COUNT(*) OVER (PARTITION BY admin0_pcode, operation) AS gap_count
  FROM gaps
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
    {dialect.days("MAX(reporting_date)", "CURRENT_DATE")} AS age_days
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


def stock_by_reason(warehouse: Warehouse, _: View) -> str:
    """Each round by reason, spelled alike."""
    dialect = warehouse.dialect
    spelled = ", MIN(displacement_reason) AS displacement_reason"
    return f"""
WITH {warehouse.stock(warehouse.levels, {"reason": dialect.folded("displacement_reason")}, spelled)},
{_with_round_total("stock")}
SELECT *, {dialect.listed("reason")} AS displacement_reasons, {warehouse.share("idps", "round_idps")} AS share
FROM totals"""


def stock_by_sex(warehouse: Warehouse, _: View) -> str:
    """Each round by sex, with the share of people whose sex is known."""
    return f"""
WITH {warehouse.stock(warehouse.levels, figures=SEXES)}
SELECT
  *,{warehouse.coverage}
  {warehouse.share("females", "sex_known")} AS female_share
FROM stock"""


def origin_to_host(warehouse: Warehouse, _: View) -> str:
    """Each round by area of origin and area of stay, both of the first level."""
    levels = [level for level in warehouse.levels if level]
    keys = {"origin": area_key("idp_origin_admin1"), "host": area_key("admin1")}
    return f"""
WITH {warehouse.stock(levels, keys, area_names("idp_origin_admin1", "admin1"))},
{_with_round_total("stock")},
known AS (
  SELECT *, NOT {is_unknown("idp_origin_admin1_pcode")} AS is_origin_known FROM totals
)
SELECT
  *,
  {warehouse.share("idps", "round_idps")} AS share,
  CASE WHEN is_origin_known AND NOT {is_unknown("admin1_pcode")} THEN idp_origin_admin1_pcode = admin1_pcode END
    AS is_same_area
FROM known"""


def stock_over_time(warehouse: Warehouse, _: View) -> str:
    """Each round with the date on which the next one replaces it."""
    return f"""
SELECT *, LEAD(reporting_date) {OLDEST_FIRST} AS valid_until
FROM {warehouse.dialect.relation("operation_rounds")}"""


def reconciliation(warehouse: Warehouse, _: View) -> str:
    """The sums of the levels of each round side by side."""
    sums = ",\n    ".join(f"MAX(CASE WHEN admin_level = {n} THEN idps END) AS idps_admin{n}" for n in (0, 1, 2))
    return f"""
WITH sums AS (
{warehouse.sums(warehouse.levels, figures=", COUNT(num_present_idp_ind) AS figure_count")}
),
levels AS (
  SELECT
    {ROUND},
    MAX(admin0_name) AS admin0_name,
    COUNT(*) AS level_count,
    MIN(idps) AS smallest,
    MAX(idps) AS largest,
    SUM(row_count - figure_count) AS rows_without_figure,
    {sums}
  FROM sums
  GROUP BY {ROUND}
)
SELECT
  *,
  CASE
    WHEN rows_without_figure > 0 THEN 'figure_missing'
    WHEN smallest <> largest THEN 'different'
    WHEN level_count < {len(warehouse.levels)} THEN 'level_missing'
    ELSE 'equal'
  END AS verdict
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


def _with_round_total(name: str) -> str:
    return f"""totals AS (
  SELECT *, CAST(SUM(idps) OVER (PARTITION BY {ROUND}) AS BIGINT) AS round_idps FROM {name}
)"""
