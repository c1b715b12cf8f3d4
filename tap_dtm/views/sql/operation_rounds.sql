-- Each round once, next to the round before it.
WITH levels AS (
  SELECT *, $first_level AS first_level FROM $level_sums($round)
),
stock AS (
  SELECT
    *,
    $is_newest AS is_newest,
    LAG(reporting_date) OVER ($oldest_first) AS previous_reporting_date,
    LAG(round_number) OVER ($oldest_first) AS previous_round_number,
    LAG(idps) OVER ($oldest_first) AS previous_idps,
    $newest_dates
  FROM levels
  WHERE admin_level = first_level
)
SELECT
  *,
  is_newest AND $is_newest_round AS is_newest_of_operation,
  $days(previous_reporting_date, reporting_date) AS days_since_previous,
  idps - previous_idps AS change,
  $share(idps - previous_idps, previous_idps) AS change_share
FROM stock
