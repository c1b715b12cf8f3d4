-- Each round once, next to the round before it.
WITH sums AS (
  {each_level}
  SELECT
    $level AS admin_level,
    $round,
    MAX(admin0_name) AS admin0_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    COUNT(*) AS row_count
  FROM $rows
  GROUP BY $round
  {end}
),
levels AS (
  SELECT *, $first_level AS first_level FROM sums
),
stock AS (
  SELECT
    *,
    $is_newest AS is_newest,
    LAG(reporting_date) OVER ($oldest_first) AS previous_reporting_date,
    LAG(round_number) OVER ($oldest_first) AS previous_round_number,
    LAG(idps) OVER ($oldest_first) AS previous_idps,
    MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation) AS newest_reporting_date,
    MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation, round_number) AS number_date
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
