"""The views of areas: the newest figures of each, and its figures from round to round.

An area is told apart by its code together with that of the area above it. A district that one round has under the wrong
first-level area is such an area, too: it is marked, and neither arrives nor vanishes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tap_dtm.views.warehouse import IDPS, NEWEST_FIRST, OLDEST_FIRST, ROUND, SERIES, area_keys, area_names

if TYPE_CHECKING:
    from tap_dtm.metadata.views import View
    from tap_dtm.views.warehouse import Warehouse

_DISTRICTS: Final = 2
"""The level whose areas have others above them."""


def latest_stock(warehouse: Warehouse, view: View) -> str:
    """The newest round of each series at a level, by area."""
    level = view.level or 0
    age = warehouse.dialect.days("reporting_date", "CURRENT_DATE")
    keys = "".join(f", {name}" for name in area_keys(level))
    return f"""
WITH placed AS (
  SELECT *{_derived(level)}, RANK() {NEWEST_FIRST} AS place FROM {warehouse.current(level)}
),
ranked AS (
  SELECT *, MAX(place) OVER (PARTITION BY {SERIES}{keys}) AS first_place FROM placed
),
stock AS (
  SELECT
    {ROUND}{keys}{_names(level)}, MAX(admin0_name) AS admin0_name, MAX(first_place) AS first_place,
    {IDPS}, COUNT(*) AS row_count{warehouse.sexes}
  FROM ranked
  WHERE place = 1
  GROUP BY {ROUND}{keys}
)
SELECT
  stock.*,{warehouse.coverage}{_is_misplaced_in_newest_round(level)}
  {warehouse.is_newest_round} AS is_newest_of_operation,
  {age} AS age_days,
  interval_days,
  {warehouse.share(age, "interval_days")} AS age_in_intervals,
  freshness
FROM stock
LEFT JOIN (
  SELECT admin0_pcode, operation, newest_reporting_date, interval_days, freshness
  FROM {warehouse.dialect.relation("operation_freshness")}
) AS operations USING (admin0_pcode, operation)
LEFT JOIN (
  {warehouse.dates_of_numbers}
) AS numbers USING (admin0_pcode, operation, round_number)"""


def stock_over_time_by_area(warehouse: Warehouse, view: View) -> str:
    """Each area in each round that reports it, and in the first one that no longer does."""
    level = view.level or 1
    area = ", ".join(area_keys(level))
    columns = ", ".join(f"admin{n}_{what}" for n in range(1, level + 1) for what in ("pcode", "name"))
    by_area = f"OVER (PARTITION BY {SERIES}, {area.replace('area1', 'home')} ORDER BY place)"
    return f"""
WITH placed AS (
  SELECT *{_derived(level)}, DENSE_RANK() {OLDEST_FIRST} AS place FROM {warehouse.current(level)}
),
stock AS (
  SELECT {ROUND}, place, {area}{_names(level)}, MAX(admin0_name) AS admin0_name, {IDPS}
  FROM placed
  GROUP BY {ROUND}, place, {area}
),
newest AS (
  SELECT admin0_pcode, operation, MAX(reporting_date) AS newest_reporting_date
  FROM {warehouse.dialect.relation("operation_rounds")}
  GROUP BY admin0_pcode, operation
),
numbers AS (
  {warehouse.dates_of_numbers}
),
rounds AS (
  SELECT
    {ROUND}, place, {warehouse.is_newest_round} AS is_newest_round,
    LEAD(reporting_date) OVER (PARTITION BY {SERIES} ORDER BY place) AS valid_until
  FROM (SELECT DISTINCT {ROUND}, place FROM stock) AS distinct_rounds
  LEFT JOIN newest USING (admin0_pcode, operation)
  LEFT JOIN numbers USING (admin0_pcode, operation, round_number)
),
{_at_home(level)},
neighbours AS (
  SELECT
    *,
    LAG(place) {by_area} AS place_before,
    LAG(idps) {by_area} AS idps_before,
    LEAD(place) {by_area} AS place_after
  FROM homes
),
areas AS (
  SELECT
    {SERIES}, place, {columns}, admin0_name, is_misplaced, idps,
    CASE WHEN place_before = place - 1 THEN idps_before END AS previous_idps,
    CASE
      WHEN is_misplaced THEN 'misplaced'
      WHEN place = 1 THEN 'first'
      WHEN place_before = place - 1 THEN 'stayed'
      ELSE 'appeared'
    END AS presence
  FROM neighbours
  UNION ALL  -- after its last round an area cannot vanish: the join below finds no further one
  SELECT {SERIES}, place + 1, {columns}, admin0_name, FALSE, CAST(NULL AS BIGINT), idps, 'vanished'
  FROM neighbours
  WHERE NOT is_misplaced AND (place_after IS NULL OR place_after > place + 1)
)
SELECT
  areas.*, rounds.reporting_date, rounds.round_number, rounds.valid_until, idps - previous_idps AS change,
  rounds.valid_until IS NULL AND rounds.is_newest_round AS is_newest_of_operation
FROM areas
JOIN rounds
  ON areas.admin0_pcode = rounds.admin0_pcode
  AND areas.operation = rounds.operation
  AND areas.assessment_type IS NOT DISTINCT FROM rounds.assessment_type
  AND areas.place = rounds.place"""


def _derived(level: int) -> str:
    return "".join(f", {expression} AS {name}" for name, expression in area_keys(level).items())


def _names(level: int) -> str:
    return area_names(*(f"admin{n}" for n in range(1, level + 1)))


def _is_misplaced_in_newest_round(level: int) -> str:
    """Return the column is_misplaced of the newest rounds, where first_place counts back to an area's first one."""
    if level < _DISTRICTS:
        return ""
    return f"""
  COALESCE(area2 = admin2_pcode, FALSE) AND first_place = 1
    AND MAX(first_place) OVER (PARTITION BY {SERIES}, area2) > 1 AS is_misplaced,"""


def _at_home(level: int) -> str:
    """Return the common table expression ``homes``: stock, with what tells apart the series of figures of an area.

    A misplaced district that its round has nowhere else goes on in the series of its own first-level area, its home.
    """
    if level < _DISTRICTS:
        return "homes AS (\n  SELECT *, area1 AS home, FALSE AS is_misplaced FROM stock\n)"
    of_round, of_district = f"PARTITION BY {ROUND}, area2", f"PARTITION BY {SERIES}, area2 ORDER BY place"
    return f"""counted AS (
  SELECT
    *,
    COUNT(*) OVER (PARTITION BY {SERIES}, area1, area2) AS round_count,
    COUNT(*) OVER ({of_round}) AS area1_count
  FROM stock
),
compared AS (
  SELECT
    *,
    MAX(round_count) OVER ({of_round}) AS most_rounds,
    CASE
      WHEN area1_count = 1
        AND LAG(place) OVER ({of_district}) = place - 1 AND LAG(area1_count) OVER ({of_district}) = 1
        AND LEAD(place) OVER ({of_district}) = place + 1 AND LEAD(area1_count) OVER ({of_district}) = 1
        AND LAG(area1) OVER ({of_district}) = LEAD(area1) OVER ({of_district})
        THEN LAG(area1) OVER ({of_district})
    END AS area1_around
  FROM counted
),
judged AS (
  SELECT
    *,
    COALESCE(area2 = admin2_pcode, FALSE) AND round_count = 1 AND (most_rounds > 1 OR area1_around IS NOT NULL)
      AS is_misplaced
  FROM compared
),
homes AS (
  SELECT *, CASE WHEN is_misplaced THEN COALESCE(area1_around, area1) ELSE area1 END AS home FROM judged
)"""
