-- The age of an operation, compared with the median of the days from one of its rounds to the next.
WITH gaps AS (  -- within one assessment type; two dates of one round are not two rounds
  SELECT
    *,
    CASE
      WHEN days_since_previous > 0 AND COALESCE(round_number <> previous_round_number, TRUE) THEN days_since_previous
    END AS gap
  FROM $schema.operation_rounds
),
ranked AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY admin0_pcode, operation ORDER BY gap NULLS LAST) AS place,
    COUNT(gap) OVER (PARTITION BY admin0_pcode, operation) AS gap_count
  FROM gaps
),
ages AS (
  SELECT
    admin0_pcode,
    operation,
    MAX(admin0_name) AS admin0_name,
    MIN(reporting_date) AS first_reporting_date,
    MAX(reporting_date) AS newest_reporting_date,
    COUNT(DISTINCT reporting_date) AS date_count,
    $days(MAX(reporting_date), $today) AS age_days,
    $middle(gap, place, gap_count) AS interval_days
  FROM ranked
  GROUP BY admin0_pcode, operation
),
statuses AS (
  SELECT admin0_pcode, operation, operation_status FROM $schema.operations WHERE _sdc_deleted_at IS NULL
)
SELECT
  *,
  $share(age_days, interval_days) AS age_in_intervals,
  CAST($publication_days AS BIGINT) AS publication_days,
  $is_lag_measured AS is_lag_measured,
  CASE
    WHEN LOWER(operation_status) = 'inactive' THEN 'closed'
    WHEN interval_days IS NULL THEN 'single'
    WHEN age_days > interval_days + $publication_days THEN 'stale'
    ELSE 'current'
  END AS freshness
FROM ages
LEFT JOIN statuses USING (admin0_pcode, operation)
$measured_lags