-- How late the rounds of an operation were, as far as a run first saw each of them at the level that every run asks for.
WITH lags AS (
  SELECT
    *,
    $days(reporting_date, CAST(valid_from AS DATE)) AS lag,
    $days(reporting_date, CAST(not_seen_at AS DATE)) AS lag_before
  FROM $schema.round_versions
  WHERE admin_level = $highest_level AND event = 'published' AND seen_by = 'index'
),
ranked AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY admin0_pcode, operation ORDER BY lag) AS place,
    ROW_NUMBER() OVER (PARTITION BY admin0_pcode, operation ORDER BY lag_before NULLS LAST) AS place_before,
    COUNT(lag) OVER (PARTITION BY admin0_pcode, operation) AS size,
    COUNT(lag_before) OVER (PARTITION BY admin0_pcode, operation) AS size_before
  FROM lags
)
SELECT
  admin0_pcode,
  operation,
  MAX(admin0_name) AS admin0_name,
  COUNT(*) AS round_count,
  COUNT(DISTINCT valid_from) AS look_count,
  $middle(lag, place, size) AS lag_days,
  $middle(lag_before, place_before, size_before) AS lag_days_at_least,
  MIN(lag) AS shortest_days,
  MAX(lag) AS longest_days
FROM ranked
GROUP BY admin0_pcode, operation
