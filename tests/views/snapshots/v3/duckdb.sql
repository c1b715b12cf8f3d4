-- Generated from tap_dtm/views/sql/: python3 make.py generate

-- idp_admin0_current
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  row_number,
  reporting_date,
  round_number,
  assessment_type,
  year_reporting_date,
  month_reporting_date,
  num_present_idp_ind,
  displacement_reason,
  displacement_reasons,
  reason_class,
  number_males,
  number_females,
  idp_origin_admin1_pcode,
  idp_origin_admin1_name
FROM (
-- The rows that the API serves, without those that it no longer publishes.
SELECT *, REGEXP_EXTRACT_ALL(COALESCE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), ''), '[^; ][^;]*') AS displacement_reasons, CASE
    WHEN LOWER(displacement_reason) IN ('conflict', 'insecurity') THEN 'conflict'
    WHEN LOWER(displacement_reason) IN ('natural disaster') THEN 'disaster'
    WHEN LOWER(displacement_reason) IN ('no reason for displacement reported', 'not available', 'unknown') OR NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), '') IS NULL THEN 'not reported'
    WHEN (';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';') LIKE '%;conflict;%' OR (';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';') LIKE '%;insecurity;%' THEN CASE WHEN (';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';') LIKE '%;natural disaster;%' OR REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE((';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';'), ';conflict;', ''), ';insecurity;', ''), ';natural disaster;', ''), ';no reason for displacement reported;', ''), ';not available;', ''), ';unknown;', '') <> '' THEN 'mixed' ELSE 'conflict' END
    WHEN (';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';') LIKE '%;natural disaster;%' THEN CASE WHEN REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE((';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';'), ';conflict;', ''), ';insecurity;', ''), ';natural disaster;', ''), ';no reason for displacement reported;', ''), ';not available;', ''), ';unknown;', '') <> '' THEN 'mixed' ELSE 'disaster' END
    WHEN REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE((';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';'), ';conflict;', ''), ';insecurity;', ''), ';natural disaster;', ''), ';no reason for displacement reported;', ''), ';not available;', ''), ';unknown;', '') <> '' THEN 'other'
    ELSE 'not reported'
  END AS reason_class
FROM "dtm".idp_admin0
WHERE _sdc_deleted_at IS NULL
) AS answer;

-- idp_admin1_current
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  row_number,
  reporting_date,
  round_number,
  assessment_type,
  year_reporting_date,
  month_reporting_date,
  admin1_pcode,
  admin1_name,
  num_present_idp_ind,
  displacement_reason,
  displacement_reasons,
  reason_class,
  number_males,
  number_females,
  idp_origin_admin1_pcode,
  idp_origin_admin1_name
FROM (
-- The rows that the API serves, without those that it no longer publishes.
SELECT *, REGEXP_EXTRACT_ALL(COALESCE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), ''), '[^; ][^;]*') AS displacement_reasons, CASE
    WHEN LOWER(displacement_reason) IN ('conflict', 'insecurity') THEN 'conflict'
    WHEN LOWER(displacement_reason) IN ('natural disaster') THEN 'disaster'
    WHEN LOWER(displacement_reason) IN ('no reason for displacement reported', 'not available', 'unknown') OR NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), '') IS NULL THEN 'not reported'
    WHEN (';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';') LIKE '%;conflict;%' OR (';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';') LIKE '%;insecurity;%' THEN CASE WHEN (';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';') LIKE '%;natural disaster;%' OR REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE((';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';'), ';conflict;', ''), ';insecurity;', ''), ';natural disaster;', ''), ';no reason for displacement reported;', ''), ';not available;', ''), ';unknown;', '') <> '' THEN 'mixed' ELSE 'conflict' END
    WHEN (';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';') LIKE '%;natural disaster;%' THEN CASE WHEN REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE((';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';'), ';conflict;', ''), ';insecurity;', ''), ';natural disaster;', ''), ';no reason for displacement reported;', ''), ';not available;', ''), ';unknown;', '') <> '' THEN 'mixed' ELSE 'disaster' END
    WHEN REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE((';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';'), ';conflict;', ''), ';insecurity;', ''), ';natural disaster;', ''), ';no reason for displacement reported;', ''), ';not available;', ''), ';unknown;', '') <> '' THEN 'other'
    ELSE 'not reported'
  END AS reason_class
FROM "dtm".idp_admin1
WHERE _sdc_deleted_at IS NULL
) AS answer;

-- idp_admin2_current
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  row_number,
  reporting_date,
  round_number,
  assessment_type,
  year_reporting_date,
  month_reporting_date,
  admin1_pcode,
  admin1_name,
  admin2_pcode,
  admin2_name,
  num_present_idp_ind,
  displacement_reason,
  displacement_reasons,
  reason_class,
  number_males,
  number_females,
  idp_origin_admin1_pcode,
  idp_origin_admin1_name
FROM (
-- The rows that the API serves, without those that it no longer publishes.
SELECT *, REGEXP_EXTRACT_ALL(COALESCE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), ''), '[^; ][^;]*') AS displacement_reasons, CASE
    WHEN LOWER(displacement_reason) IN ('conflict', 'insecurity') THEN 'conflict'
    WHEN LOWER(displacement_reason) IN ('natural disaster') THEN 'disaster'
    WHEN LOWER(displacement_reason) IN ('no reason for displacement reported', 'not available', 'unknown') OR NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), '') IS NULL THEN 'not reported'
    WHEN (';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';') LIKE '%;conflict;%' OR (';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';') LIKE '%;insecurity;%' THEN CASE WHEN (';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';') LIKE '%;natural disaster;%' OR REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE((';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';'), ';conflict;', ''), ';insecurity;', ''), ';natural disaster;', ''), ';no reason for displacement reported;', ''), ';not available;', ''), ';unknown;', '') <> '' THEN 'mixed' ELSE 'conflict' END
    WHEN (';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';') LIKE '%;natural disaster;%' THEN CASE WHEN REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE((';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';'), ';conflict;', ''), ';insecurity;', ''), ';natural disaster;', ''), ';no reason for displacement reported;', ''), ';not available;', ''), ';unknown;', '') <> '' THEN 'mixed' ELSE 'disaster' END
    WHEN REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE((';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';'), ';conflict;', ''), ';insecurity;', ''), ';natural disaster;', ''), ';no reason for displacement reported;', ''), ';not available;', ''), ';unknown;', '') <> '' THEN 'other'
    ELSE 'not reported'
  END AS reason_class
FROM "dtm".idp_admin2
WHERE _sdc_deleted_at IS NULL
) AS answer;

-- operation_rounds
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  assessment_type,
  reporting_date,
  round_number,
  admin_level,
  idps,
  row_count,
  previous_reporting_date,
  previous_round_number,
  days_since_previous,
  previous_idps,
  change,
  change_share,
  is_newest,
  is_newest_of_operation
FROM (
-- Each round once, next to the round before it.
WITH levels AS (
  SELECT *, MIN(admin_level) OVER (PARTITION BY admin0_pcode, operation, assessment_type, reporting_date, round_number) AS first_level FROM (
  SELECT
    0 AS admin_level,
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    MAX(admin0_name) AS admin0_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    COUNT(*) AS row_count,
    COUNT(*) - COUNT(num_present_idp_ind) AS rows_without_figure
  FROM "dtm".idp_admin0_current
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
  UNION ALL
  SELECT
    1 AS admin_level,
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    MAX(admin0_name) AS admin0_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    COUNT(*) AS row_count,
    COUNT(*) - COUNT(num_present_idp_ind) AS rows_without_figure
  FROM "dtm".idp_admin1_current
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
  UNION ALL
  SELECT
    2 AS admin_level,
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    MAX(admin0_name) AS admin0_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    COUNT(*) AS row_count,
    COUNT(*) - COUNT(num_present_idp_ind) AS rows_without_figure
  FROM "dtm".idp_admin2_current
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
) AS level_sums
),
stock AS (
  SELECT
    *,
    RANK() OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date DESC, round_number DESC NULLS LAST) = 1 AS is_newest,
    LAG(reporting_date) OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS previous_reporting_date,
    LAG(round_number) OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS previous_round_number,
    LAG(idps) OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS previous_idps,
    MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation) AS newest_reporting_date,
    MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation, round_number) AS number_date
  FROM levels
  WHERE admin_level = first_level
)
SELECT
  *,
  is_newest AND (reporting_date = newest_reporting_date OR (round_number IS NOT NULL AND number_date = newest_reporting_date AND (newest_reporting_date - reporting_date) <= 31)) AS is_newest_of_operation,
  (reporting_date - previous_reporting_date) AS days_since_previous,
  idps - previous_idps AS change,
  CAST(idps - previous_idps AS DOUBLE) / NULLIF(previous_idps, 0) AS change_share
FROM stock
) AS answer;

-- operation_freshness
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  operation_status,
  first_reporting_date,
  newest_reporting_date,
  date_count,
  interval_days,
  age_days,
  age_in_intervals,
  publication_days,
  is_lag_measured,
  freshness
FROM (
-- The age of an operation, compared with the median of the days from one of its rounds to the next.
WITH gaps AS (  -- within one assessment type; two dates of one round are not two rounds
  SELECT
    *,
    CASE
      WHEN days_since_previous > 0 AND COALESCE(round_number <> previous_round_number, TRUE) THEN days_since_previous
    END AS gap
  FROM "dtm".operation_rounds
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
    (CURRENT_DATE - MAX(reporting_date)) AS age_days,
    CAST(FLOOR(AVG(CASE WHEN place * 2 IN (gap_count, gap_count + 1, gap_count + 2) THEN gap END) + 0.5) AS BIGINT) AS interval_days
  FROM ranked
  GROUP BY admin0_pcode, operation
),
statuses AS (
  SELECT admin0_pcode, operation, operation_status FROM "dtm".operations WHERE _sdc_deleted_at IS NULL
)
SELECT
  *,
  CAST(age_days AS DOUBLE) / NULLIF(interval_days, 0) AS age_in_intervals,
  CAST(92 AS BIGINT) AS publication_days,
  FALSE AS is_lag_measured,
  CASE
    WHEN LOWER(operation_status) = 'inactive' THEN 'closed'
    WHEN interval_days IS NULL THEN 'single'
    WHEN age_days > interval_days + 92 THEN 'stale'
    ELSE 'current'
  END AS freshness
FROM ages
LEFT JOIN statuses USING (admin0_pcode, operation)
) AS answer;

-- stale_operations
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  operation_status,
  newest_reporting_date,
  interval_days,
  age_days,
  age_in_intervals,
  publication_days,
  overdue_days
FROM (
-- The operations that are stale.
SELECT *, age_days - interval_days - publication_days AS overdue_days
FROM "dtm".operation_freshness
WHERE freshness = 'stale'
) AS answer;

-- latest_stock_admin0
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  assessment_type,
  reporting_date,
  round_number,
  idps,
  males,
  females,
  sex_known,
  sex_coverage,
  row_count,
  is_newest_of_operation,
  age_days,
  interval_days,
  age_in_intervals,
  freshness
FROM (
-- The newest round of each series at one level, by area.
WITH rounds AS (
  SELECT *, RANK() OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date DESC, round_number DESC NULLS LAST) = 1 AS is_newest FROM (
  SELECT admin0_pcode, operation, assessment_type, reporting_date, round_number, (reporting_date = newest_reporting_date OR (round_number IS NOT NULL AND number_date = newest_reporting_date AND (newest_reporting_date - reporting_date) <= 31)) AS is_newest_round
  FROM (
    SELECT *, MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation) AS newest_reporting_date,
    MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation, round_number) AS number_date
    FROM (
      SELECT admin0_pcode, operation, assessment_type, reporting_date, round_number, MAX(CASE WHEN admin_level = 0 THEN 1 ELSE 0 END) AS is_here
      FROM (SELECT 0 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin0_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
        UNION ALL SELECT 1 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin1_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
        UNION ALL SELECT 2 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin2_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number) AS published
      GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
    ) AS distinct_rounds
  ) AS dated
  WHERE is_here = 1
) AS level_rounds
),
current_rows AS (
  SELECT published.*, rounds.is_newest_round
  FROM (
  SELECT 0 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, CAST(NULL AS VARCHAR) AS admin1_pcode, CAST(NULL AS VARCHAR) AS admin1_name, CAST(NULL AS VARCHAR) AS admin2_pcode, CAST(NULL AS VARCHAR) AS admin2_name, num_present_idp_ind, displacement_reason, number_males, number_females, idp_origin_admin1_pcode, idp_origin_admin1_name
  FROM "dtm".idp_admin0_current
) AS published
  JOIN rounds ON published.admin0_pcode = rounds.admin0_pcode AND published.operation = rounds.operation AND published.reporting_date = rounds.reporting_date AND COALESCE(published.assessment_type, '') = COALESCE(rounds.assessment_type, '') AND (published.assessment_type IS NULL) = (rounds.assessment_type IS NULL) AND COALESCE(published.round_number, 0) = COALESCE(rounds.round_number, 0) AND (published.round_number IS NULL) = (rounds.round_number IS NULL)
  WHERE is_newest
),
areas AS (  -- of all rounds, to find those of older rounds
  SELECT admin0_pcode, operation, assessment_type, admin1_pcode, admin1_name, admin2_pcode, admin2_name, COUNT(*) AS rows_of_all_rounds
  FROM (
  SELECT 0 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, CAST(NULL AS VARCHAR) AS admin1_pcode, CAST(NULL AS VARCHAR) AS admin1_name, CAST(NULL AS VARCHAR) AS admin2_pcode, CAST(NULL AS VARCHAR) AS admin2_name, num_present_idp_ind, displacement_reason, number_males, number_females, idp_origin_admin1_pcode, idp_origin_admin1_name
  FROM "dtm".idp_admin0_current
) AS published
  GROUP BY admin0_pcode, operation, assessment_type, admin1_pcode, admin1_name, admin2_pcode, admin2_name
),
found AS (
  SELECT
    admin0_pcode, operation, assessment_type, reporting_date, round_number, (CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END) AS area1, (CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END) AS area2,
    CASE WHEN is_newest_round THEN 1 ELSE 0 END AS is_last,
    admin0_name, admin1_pcode, admin1_name, admin2_pcode, admin2_name,
    num_present_idp_ind, number_males, number_females, 1 AS row_count, 0 AS rows_of_all_rounds
  FROM current_rows
  UNION ALL
  SELECT
    admin0_pcode, operation, assessment_type, NULL, NULL, (CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END) AS area1, (CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END) AS area2,
    NULL,
    NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, 0, rows_of_all_rounds
  FROM areas
),
sums AS (
  SELECT
    admin0_pcode, operation, assessment_type,
    area1,
    area2,
    MAX(reporting_date) AS reporting_date,
    MAX(round_number) AS round_number,
    MAX(is_last) AS is_last,
    MAX(admin0_name) AS admin0_name,
    MAX(admin1_pcode) AS admin1_pcode,
    MAX(admin1_name) AS admin1_name,
    MAX(admin2_pcode) AS admin2_pcode,
    MAX(admin2_name) AS admin2_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    CAST(SUM(row_count) AS BIGINT) AS row_count,
    SUM(rows_of_all_rounds) - SUM(row_count) AS older_rows,
    CAST(SUM(number_males) AS BIGINT) AS males,
    CAST(SUM(number_females) AS BIGINT) AS females,
    CAST(SUM(COALESCE(number_males, 0) + COALESCE(number_females, 0)) AS BIGINT) AS sex_known
  FROM found
  GROUP BY admin0_pcode, operation, assessment_type, area1, area2
),
stock AS (
  SELECT *, (CURRENT_DATE - reporting_date) AS age_days FROM sums WHERE row_count > 0
)
SELECT
  stock.*,
  CAST(sex_known AS DOUBLE) / NULLIF(idps, 0) AS sex_coverage,
  -- A district that is new in this province, and that an older round has in another one.
  COALESCE(area2 = admin2_pcode, FALSE) AND older_rows = 0
    AND MAX(older_rows) OVER (PARTITION BY admin0_pcode, operation, assessment_type, area2) > 0 AS is_misplaced,
  is_last = 1 AS is_newest_of_operation,
  interval_days,
  CAST(stock.age_days AS DOUBLE) / NULLIF(interval_days, 0) AS age_in_intervals,
  freshness
FROM stock
LEFT JOIN "dtm".operation_freshness AS operations USING (admin0_pcode, operation)
) AS answer;

-- latest_stock_admin1
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  assessment_type,
  reporting_date,
  round_number,
  admin1_pcode,
  admin1_name,
  idps,
  males,
  females,
  sex_known,
  sex_coverage,
  row_count,
  is_newest_of_operation,
  age_days,
  interval_days,
  age_in_intervals,
  freshness
FROM (
-- The newest round of each series at one level, by area.
WITH rounds AS (
  SELECT *, RANK() OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date DESC, round_number DESC NULLS LAST) = 1 AS is_newest FROM (
  SELECT admin0_pcode, operation, assessment_type, reporting_date, round_number, (reporting_date = newest_reporting_date OR (round_number IS NOT NULL AND number_date = newest_reporting_date AND (newest_reporting_date - reporting_date) <= 31)) AS is_newest_round
  FROM (
    SELECT *, MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation) AS newest_reporting_date,
    MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation, round_number) AS number_date
    FROM (
      SELECT admin0_pcode, operation, assessment_type, reporting_date, round_number, MAX(CASE WHEN admin_level = 1 THEN 1 ELSE 0 END) AS is_here
      FROM (SELECT 0 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin0_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
        UNION ALL SELECT 1 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin1_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
        UNION ALL SELECT 2 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin2_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number) AS published
      GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
    ) AS distinct_rounds
  ) AS dated
  WHERE is_here = 1
) AS level_rounds
),
current_rows AS (
  SELECT published.*, rounds.is_newest_round
  FROM (
  SELECT 1 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, CAST(NULL AS VARCHAR) AS admin2_pcode, CAST(NULL AS VARCHAR) AS admin2_name, num_present_idp_ind, displacement_reason, number_males, number_females, idp_origin_admin1_pcode, idp_origin_admin1_name
  FROM "dtm".idp_admin1_current
) AS published
  JOIN rounds ON published.admin0_pcode = rounds.admin0_pcode AND published.operation = rounds.operation AND published.reporting_date = rounds.reporting_date AND COALESCE(published.assessment_type, '') = COALESCE(rounds.assessment_type, '') AND (published.assessment_type IS NULL) = (rounds.assessment_type IS NULL) AND COALESCE(published.round_number, 0) = COALESCE(rounds.round_number, 0) AND (published.round_number IS NULL) = (rounds.round_number IS NULL)
  WHERE is_newest
),
areas AS (  -- of all rounds, to find those of older rounds
  SELECT admin0_pcode, operation, assessment_type, admin1_pcode, admin1_name, admin2_pcode, admin2_name, COUNT(*) AS rows_of_all_rounds
  FROM (
  SELECT 1 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, CAST(NULL AS VARCHAR) AS admin2_pcode, CAST(NULL AS VARCHAR) AS admin2_name, num_present_idp_ind, displacement_reason, number_males, number_females, idp_origin_admin1_pcode, idp_origin_admin1_name
  FROM "dtm".idp_admin1_current
) AS published
  GROUP BY admin0_pcode, operation, assessment_type, admin1_pcode, admin1_name, admin2_pcode, admin2_name
),
found AS (
  SELECT
    admin0_pcode, operation, assessment_type, reporting_date, round_number, (CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END) AS area1, (CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END) AS area2,
    CASE WHEN is_newest_round THEN 1 ELSE 0 END AS is_last,
    admin0_name, admin1_pcode, admin1_name, admin2_pcode, admin2_name,
    num_present_idp_ind, number_males, number_females, 1 AS row_count, 0 AS rows_of_all_rounds
  FROM current_rows
  UNION ALL
  SELECT
    admin0_pcode, operation, assessment_type, NULL, NULL, (CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END) AS area1, (CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END) AS area2,
    NULL,
    NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, 0, rows_of_all_rounds
  FROM areas
),
sums AS (
  SELECT
    admin0_pcode, operation, assessment_type,
    area1,
    area2,
    MAX(reporting_date) AS reporting_date,
    MAX(round_number) AS round_number,
    MAX(is_last) AS is_last,
    MAX(admin0_name) AS admin0_name,
    MAX(admin1_pcode) AS admin1_pcode,
    MAX(admin1_name) AS admin1_name,
    MAX(admin2_pcode) AS admin2_pcode,
    MAX(admin2_name) AS admin2_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    CAST(SUM(row_count) AS BIGINT) AS row_count,
    SUM(rows_of_all_rounds) - SUM(row_count) AS older_rows,
    CAST(SUM(number_males) AS BIGINT) AS males,
    CAST(SUM(number_females) AS BIGINT) AS females,
    CAST(SUM(COALESCE(number_males, 0) + COALESCE(number_females, 0)) AS BIGINT) AS sex_known
  FROM found
  GROUP BY admin0_pcode, operation, assessment_type, area1, area2
),
stock AS (
  SELECT *, (CURRENT_DATE - reporting_date) AS age_days FROM sums WHERE row_count > 0
)
SELECT
  stock.*,
  CAST(sex_known AS DOUBLE) / NULLIF(idps, 0) AS sex_coverage,
  -- A district that is new in this province, and that an older round has in another one.
  COALESCE(area2 = admin2_pcode, FALSE) AND older_rows = 0
    AND MAX(older_rows) OVER (PARTITION BY admin0_pcode, operation, assessment_type, area2) > 0 AS is_misplaced,
  is_last = 1 AS is_newest_of_operation,
  interval_days,
  CAST(stock.age_days AS DOUBLE) / NULLIF(interval_days, 0) AS age_in_intervals,
  freshness
FROM stock
LEFT JOIN "dtm".operation_freshness AS operations USING (admin0_pcode, operation)
) AS answer;

-- latest_stock_admin2
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  assessment_type,
  reporting_date,
  round_number,
  admin1_pcode,
  admin1_name,
  admin2_pcode,
  admin2_name,
  is_misplaced,
  idps,
  males,
  females,
  sex_known,
  sex_coverage,
  row_count,
  is_newest_of_operation,
  age_days,
  interval_days,
  age_in_intervals,
  freshness
FROM (
-- The newest round of each series at one level, by area.
WITH rounds AS (
  SELECT *, RANK() OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date DESC, round_number DESC NULLS LAST) = 1 AS is_newest FROM (
  SELECT admin0_pcode, operation, assessment_type, reporting_date, round_number, (reporting_date = newest_reporting_date OR (round_number IS NOT NULL AND number_date = newest_reporting_date AND (newest_reporting_date - reporting_date) <= 31)) AS is_newest_round
  FROM (
    SELECT *, MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation) AS newest_reporting_date,
    MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation, round_number) AS number_date
    FROM (
      SELECT admin0_pcode, operation, assessment_type, reporting_date, round_number, MAX(CASE WHEN admin_level = 2 THEN 1 ELSE 0 END) AS is_here
      FROM (SELECT 0 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin0_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
        UNION ALL SELECT 1 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin1_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
        UNION ALL SELECT 2 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin2_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number) AS published
      GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
    ) AS distinct_rounds
  ) AS dated
  WHERE is_here = 1
) AS level_rounds
),
current_rows AS (
  SELECT published.*, rounds.is_newest_round
  FROM (
  SELECT 2 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, admin2_pcode, admin2_name, num_present_idp_ind, displacement_reason, number_males, number_females, idp_origin_admin1_pcode, idp_origin_admin1_name
  FROM "dtm".idp_admin2_current
) AS published
  JOIN rounds ON published.admin0_pcode = rounds.admin0_pcode AND published.operation = rounds.operation AND published.reporting_date = rounds.reporting_date AND COALESCE(published.assessment_type, '') = COALESCE(rounds.assessment_type, '') AND (published.assessment_type IS NULL) = (rounds.assessment_type IS NULL) AND COALESCE(published.round_number, 0) = COALESCE(rounds.round_number, 0) AND (published.round_number IS NULL) = (rounds.round_number IS NULL)
  WHERE is_newest
),
areas AS (  -- of all rounds, to find those of older rounds
  SELECT admin0_pcode, operation, assessment_type, admin1_pcode, admin1_name, admin2_pcode, admin2_name, COUNT(*) AS rows_of_all_rounds
  FROM (
  SELECT 2 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, admin2_pcode, admin2_name, num_present_idp_ind, displacement_reason, number_males, number_females, idp_origin_admin1_pcode, idp_origin_admin1_name
  FROM "dtm".idp_admin2_current
) AS published
  GROUP BY admin0_pcode, operation, assessment_type, admin1_pcode, admin1_name, admin2_pcode, admin2_name
),
found AS (
  SELECT
    admin0_pcode, operation, assessment_type, reporting_date, round_number, (CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END) AS area1, (CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END) AS area2,
    CASE WHEN is_newest_round THEN 1 ELSE 0 END AS is_last,
    admin0_name, admin1_pcode, admin1_name, admin2_pcode, admin2_name,
    num_present_idp_ind, number_males, number_females, 1 AS row_count, 0 AS rows_of_all_rounds
  FROM current_rows
  UNION ALL
  SELECT
    admin0_pcode, operation, assessment_type, NULL, NULL, (CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END) AS area1, (CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END) AS area2,
    NULL,
    NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, 0, rows_of_all_rounds
  FROM areas
),
sums AS (
  SELECT
    admin0_pcode, operation, assessment_type,
    area1,
    area2,
    MAX(reporting_date) AS reporting_date,
    MAX(round_number) AS round_number,
    MAX(is_last) AS is_last,
    MAX(admin0_name) AS admin0_name,
    MAX(admin1_pcode) AS admin1_pcode,
    MAX(admin1_name) AS admin1_name,
    MAX(admin2_pcode) AS admin2_pcode,
    MAX(admin2_name) AS admin2_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    CAST(SUM(row_count) AS BIGINT) AS row_count,
    SUM(rows_of_all_rounds) - SUM(row_count) AS older_rows,
    CAST(SUM(number_males) AS BIGINT) AS males,
    CAST(SUM(number_females) AS BIGINT) AS females,
    CAST(SUM(COALESCE(number_males, 0) + COALESCE(number_females, 0)) AS BIGINT) AS sex_known
  FROM found
  GROUP BY admin0_pcode, operation, assessment_type, area1, area2
),
stock AS (
  SELECT *, (CURRENT_DATE - reporting_date) AS age_days FROM sums WHERE row_count > 0
)
SELECT
  stock.*,
  CAST(sex_known AS DOUBLE) / NULLIF(idps, 0) AS sex_coverage,
  -- A district that is new in this province, and that an older round has in another one.
  COALESCE(area2 = admin2_pcode, FALSE) AND older_rows = 0
    AND MAX(older_rows) OVER (PARTITION BY admin0_pcode, operation, assessment_type, area2) > 0 AS is_misplaced,
  is_last = 1 AS is_newest_of_operation,
  interval_days,
  CAST(stock.age_days AS DOUBLE) / NULLIF(interval_days, 0) AS age_in_intervals,
  freshness
FROM stock
LEFT JOIN "dtm".operation_freshness AS operations USING (admin0_pcode, operation)
) AS answer;

-- headline_stock_admin0
SELECT
  admin0_pcode,
  admin0_name,
  num_present_idp_ind,
  operation,
  assessment_type,
  round_number,
  reporting_date,
  age_days,
  chosen_by,
  alternatives,
  is_contested,
  freshness
FROM (
-- One figure per country: the newest of one operation and one assessment type, and the rule that chose them.
WITH rounds AS (  -- those that have a figure
  SELECT
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    admin0_name,
    idps,
    RANK() OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date DESC, round_number DESC NULLS LAST) = 1 AS is_newest,
    MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation) AS newest_reporting_date,
    MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation, round_number) AS number_date
  FROM "dtm".operation_rounds
  WHERE idps IS NOT NULL
),
newest AS (
  SELECT *, (reporting_date = newest_reporting_date OR (round_number IS NOT NULL AND number_date = newest_reporting_date AND (newest_reporting_date - reporting_date) <= 31)) AS is_newest_round FROM rounds WHERE is_newest
),
operations AS (
  SELECT admin0_pcode, operation, COALESCE(interval_days + publication_days, 365) AS current_days
  FROM "dtm".operation_freshness
  WHERE freshness <> 'closed'
),
preferences AS (
  SELECT admin0_pcode, NFC_NORMALIZE(operation) AS preferred_operation, MAX(assessment_type) AS preferred_type
  FROM "dtm".preferred_operations
  GROUP BY admin0_pcode, NFC_NORMALIZE(operation)
),
types AS (  -- type_place 1: the type that represents its operation
  SELECT
    newest.*,
    CASE WHEN preferred_operation IS NULL THEN 0 ELSE 1 END AS is_preferred,
    CASE
      WHEN (CURRENT_DATE - CASE WHEN is_newest_round THEN newest_reporting_date ELSE reporting_date END) > current_days
        THEN 0
      ELSE 1
    END AS is_current,
    COUNT(CASE WHEN is_newest_round THEN 1 END) OVER (PARTITION BY newest.admin0_pcode, newest.operation)
      AS type_count,
    ROW_NUMBER() OVER (
      PARTITION BY newest.admin0_pcode, newest.operation
      ORDER BY
        CASE WHEN assessment_type = preferred_type THEN 0 WHEN is_newest_round THEN 1 ELSE 2 END,
        CASE assessment_type WHEN 'BA' THEN 1 WHEN 'SA' THEN 2 WHEN 'ETT' THEN 3 ELSE 4 END,
        assessment_type NULLS LAST
    ) AS type_place
  FROM newest
  JOIN operations ON newest.admin0_pcode = operations.admin0_pcode AND newest.operation = operations.operation
  LEFT JOIN preferences
    ON newest.admin0_pcode = preferences.admin0_pcode AND NFC_NORMALIZE(newest.operation) = preferred_operation
),
ranked AS (
  SELECT
    *,
    ROW_NUMBER() OVER (
      PARTITION BY admin0_pcode
      ORDER BY is_preferred DESC, is_current DESC, reporting_date DESC, idps DESC, operation
    ) AS place,
    COUNT(*) OVER (PARTITION BY admin0_pcode, is_preferred, is_current) AS candidates,
    COUNT(*) OVER (PARTITION BY admin0_pcode, is_preferred, is_current, reporting_date) AS same_date,
    COUNT(*) OVER (PARTITION BY admin0_pcode, is_preferred, is_current, reporting_date, idps) AS same_figure,
    COUNT(CASE WHEN is_current = 1 THEN 1 END) OVER (PARTITION BY admin0_pcode) - is_current AS alternatives,
    MIN(CASE WHEN is_current = 1 THEN idps END) OVER (PARTITION BY admin0_pcode) AS smallest,
    MAX(CASE WHEN is_current = 1 THEN idps END) OVER (PARTITION BY admin0_pcode) AS largest
  FROM types
  WHERE type_place = 1
)
SELECT
  *,
  idps AS num_present_idp_ind,
  (CURRENT_DATE - reporting_date) AS age_days,
  CASE
    WHEN is_preferred = 1 THEN 'preferred'
    WHEN same_figure > 1 THEN 'name'
    WHEN same_date > 1 THEN 'largest figure'
    WHEN candidates > 1 THEN 'newest date'
    WHEN type_count > 1 THEN 'assessment type'
    ELSE 'only'
  END AS chosen_by,
  COALESCE((largest - idps) * 10 > idps OR (idps - smallest) * 10 > idps, FALSE) AS is_contested,
  CASE WHEN is_current = 1 THEN 'current' ELSE 'stale' END AS freshness
FROM ranked
WHERE place = 1
) AS answer;

-- headline_stock_admin1
SELECT
  admin0_pcode,
  admin0_name,
  admin1_pcode,
  admin1_name,
  num_present_idp_ind,
  operation,
  assessment_type,
  round_number,
  reporting_date,
  age_days,
  chosen_by,
  alternatives,
  is_contested,
  freshness
FROM (
-- The areas of one level in the round that each country's headline is from.
WITH current_rows AS (
  SELECT
    published.admin1_pcode,
    published.admin1_name,
    published.admin2_pcode,
    published.admin2_name,
    published.num_present_idp_ind AS idps,
    headline.*
  FROM (
  SELECT 1 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, CAST(NULL AS VARCHAR) AS admin2_pcode, CAST(NULL AS VARCHAR) AS admin2_name, num_present_idp_ind, displacement_reason, number_males, number_females, idp_origin_admin1_pcode, idp_origin_admin1_name
  FROM "dtm".idp_admin1_current
) AS published
  JOIN "dtm".headline_stock_admin0 AS headline ON published.admin0_pcode = headline.admin0_pcode AND published.operation = headline.operation AND published.reporting_date = headline.reporting_date AND COALESCE(published.assessment_type, '') = COALESCE(headline.assessment_type, '') AND (published.assessment_type IS NULL) = (headline.assessment_type IS NULL) AND COALESCE(published.round_number, 0) = COALESCE(headline.round_number, 0) AND (published.round_number IS NULL) = (headline.round_number IS NULL)
)
SELECT
  admin0_pcode, operation, assessment_type, reporting_date, round_number,
  admin0_name,
  age_days,
  chosen_by,
  alternatives,
  is_contested,
  freshness,
  MAX(admin1_pcode) AS admin1_pcode,
    MAX(admin1_name) AS admin1_name,
    MAX(admin2_pcode) AS admin2_pcode,
    MAX(admin2_name) AS admin2_name,
  CAST(SUM(idps) AS BIGINT) AS num_present_idp_ind
FROM current_rows
GROUP BY
  admin0_pcode, operation, assessment_type, reporting_date, round_number, admin0_name, age_days, chosen_by, alternatives, is_contested, freshness,
  (CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END), (CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END)
HAVING SUM(idps) IS NOT NULL
) AS answer;

-- headline_stock_admin2
SELECT
  admin0_pcode,
  admin0_name,
  admin1_pcode,
  admin1_name,
  admin2_pcode,
  admin2_name,
  num_present_idp_ind,
  operation,
  assessment_type,
  round_number,
  reporting_date,
  age_days,
  chosen_by,
  alternatives,
  is_contested,
  freshness
FROM (
-- The areas of one level in the round that each country's headline is from.
WITH current_rows AS (
  SELECT
    published.admin1_pcode,
    published.admin1_name,
    published.admin2_pcode,
    published.admin2_name,
    published.num_present_idp_ind AS idps,
    headline.*
  FROM (
  SELECT 2 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, admin2_pcode, admin2_name, num_present_idp_ind, displacement_reason, number_males, number_females, idp_origin_admin1_pcode, idp_origin_admin1_name
  FROM "dtm".idp_admin2_current
) AS published
  JOIN "dtm".headline_stock_admin0 AS headline ON published.admin0_pcode = headline.admin0_pcode AND published.operation = headline.operation AND published.reporting_date = headline.reporting_date AND COALESCE(published.assessment_type, '') = COALESCE(headline.assessment_type, '') AND (published.assessment_type IS NULL) = (headline.assessment_type IS NULL) AND COALESCE(published.round_number, 0) = COALESCE(headline.round_number, 0) AND (published.round_number IS NULL) = (headline.round_number IS NULL)
)
SELECT
  admin0_pcode, operation, assessment_type, reporting_date, round_number,
  admin0_name,
  age_days,
  chosen_by,
  alternatives,
  is_contested,
  freshness,
  MAX(admin1_pcode) AS admin1_pcode,
    MAX(admin1_name) AS admin1_name,
    MAX(admin2_pcode) AS admin2_pcode,
    MAX(admin2_name) AS admin2_name,
  CAST(SUM(idps) AS BIGINT) AS num_present_idp_ind
FROM current_rows
GROUP BY
  admin0_pcode, operation, assessment_type, reporting_date, round_number, admin0_name, age_days, chosen_by, alternatives, is_contested, freshness,
  (CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END), (CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END)
HAVING SUM(idps) IS NOT NULL
) AS answer;

-- stock_by_reason
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  assessment_type,
  reporting_date,
  round_number,
  admin_level,
  reason,
  displacement_reason,
  displacement_reasons,
  reason_class,
  idps,
  round_idps,
  share,
  is_newest
FROM (
-- Each round by reason of displacement. Spellings that differ only in case, blanks and separators are one reason.
WITH spelled AS (  -- from sums by spelling, so that few texts are folded
  SELECT *, NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), '') AS reason FROM (
  SELECT
    0 AS admin_level,
    admin0_pcode, operation, assessment_type, reporting_date, round_number, displacement_reason,
    MAX(admin0_name) AS admin0_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    COUNT(*) AS row_count,
    COUNT(*) - COUNT(num_present_idp_ind) AS rows_without_figure
  FROM "dtm".idp_admin0_current
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number, displacement_reason
  UNION ALL
  SELECT
    1 AS admin_level,
    admin0_pcode, operation, assessment_type, reporting_date, round_number, displacement_reason,
    MAX(admin0_name) AS admin0_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    COUNT(*) AS row_count,
    COUNT(*) - COUNT(num_present_idp_ind) AS rows_without_figure
  FROM "dtm".idp_admin1_current
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number, displacement_reason
  UNION ALL
  SELECT
    2 AS admin_level,
    admin0_pcode, operation, assessment_type, reporting_date, round_number, displacement_reason,
    MAX(admin0_name) AS admin0_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    COUNT(*) AS row_count,
    COUNT(*) - COUNT(num_present_idp_ind) AS rows_without_figure
  FROM "dtm".idp_admin2_current
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number, displacement_reason
) AS level_sums
),
sums AS (
  SELECT
    admin_level,
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    reason,
    MAX(admin0_name) AS admin0_name,
    MIN(displacement_reason) AS displacement_reason,
    CAST(SUM(idps) AS BIGINT) AS idps,
    MIN(admin_level) OVER (PARTITION BY admin0_pcode, operation, assessment_type, reporting_date, round_number) AS first_level
  FROM spelled
  GROUP BY admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number, reason
),
stock AS (
  SELECT *, RANK() OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date DESC, round_number DESC NULLS LAST) = 1 AS is_newest, CAST(SUM(idps) OVER (PARTITION BY admin0_pcode, operation, assessment_type, reporting_date, round_number) AS BIGINT) AS round_idps FROM sums WHERE admin_level = first_level
)
SELECT
  *,
  REGEXP_EXTRACT_ALL(COALESCE(reason, ''), '[^; ][^;]*') AS displacement_reasons,
  CASE
    WHEN LOWER(displacement_reason) IN ('conflict', 'insecurity') THEN 'conflict'
    WHEN LOWER(displacement_reason) IN ('natural disaster') THEN 'disaster'
    WHEN LOWER(displacement_reason) IN ('no reason for displacement reported', 'not available', 'unknown') OR NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), '') IS NULL THEN 'not reported'
    WHEN (';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';') LIKE '%;conflict;%' OR (';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';') LIKE '%;insecurity;%' THEN CASE WHEN (';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';') LIKE '%;natural disaster;%' OR REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE((';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';'), ';conflict;', ''), ';insecurity;', ''), ';natural disaster;', ''), ';no reason for displacement reported;', ''), ';not available;', ''), ';unknown;', '') <> '' THEN 'mixed' ELSE 'conflict' END
    WHEN (';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';') LIKE '%;natural disaster;%' THEN CASE WHEN REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE((';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';'), ';conflict;', ''), ';insecurity;', ''), ';natural disaster;', ''), ';no reason for displacement reported;', ''), ';not available;', ''), ';unknown;', '') <> '' THEN 'mixed' ELSE 'disaster' END
    WHEN REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE((';' || REPLACE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), '; ', ';;') || ';'), ';conflict;', ''), ';insecurity;', ''), ';natural disaster;', ''), ';no reason for displacement reported;', ''), ';not available;', ''), ';unknown;', '') <> '' THEN 'other'
    ELSE 'not reported'
  END AS reason_class,
  CAST(idps AS DOUBLE) / NULLIF(round_idps, 0) AS share
FROM stock
) AS answer;

-- stock_by_sex
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  assessment_type,
  reporting_date,
  round_number,
  admin_level,
  idps,
  males,
  females,
  sex_known,
  sex_coverage,
  female_share,
  is_newest
FROM (
-- Each round by sex, with the share of people whose sex is known.
WITH sums AS (
  SELECT
    0 AS admin_level,
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    MAX(admin0_name) AS admin0_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    CAST(SUM(number_males) AS BIGINT) AS males,
    CAST(SUM(number_females) AS BIGINT) AS females,
    CAST(SUM(COALESCE(number_males, 0) + COALESCE(number_females, 0)) AS BIGINT) AS sex_known
  FROM (
  SELECT 0 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, CAST(NULL AS VARCHAR) AS admin1_pcode, CAST(NULL AS VARCHAR) AS admin1_name, CAST(NULL AS VARCHAR) AS admin2_pcode, CAST(NULL AS VARCHAR) AS admin2_name, num_present_idp_ind, displacement_reason, number_males, number_females, idp_origin_admin1_pcode, idp_origin_admin1_name
  FROM "dtm".idp_admin0_current
) AS published
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
  UNION ALL
  SELECT
    1 AS admin_level,
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    MAX(admin0_name) AS admin0_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    CAST(SUM(number_males) AS BIGINT) AS males,
    CAST(SUM(number_females) AS BIGINT) AS females,
    CAST(SUM(COALESCE(number_males, 0) + COALESCE(number_females, 0)) AS BIGINT) AS sex_known
  FROM (
  SELECT 1 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, CAST(NULL AS VARCHAR) AS admin2_pcode, CAST(NULL AS VARCHAR) AS admin2_name, num_present_idp_ind, displacement_reason, number_males, number_females, idp_origin_admin1_pcode, idp_origin_admin1_name
  FROM "dtm".idp_admin1_current
) AS published
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
  UNION ALL
  SELECT
    2 AS admin_level,
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    MAX(admin0_name) AS admin0_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    CAST(SUM(number_males) AS BIGINT) AS males,
    CAST(SUM(number_females) AS BIGINT) AS females,
    CAST(SUM(COALESCE(number_males, 0) + COALESCE(number_females, 0)) AS BIGINT) AS sex_known
  FROM (
  SELECT 2 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, admin2_pcode, admin2_name, num_present_idp_ind, displacement_reason, number_males, number_females, idp_origin_admin1_pcode, idp_origin_admin1_name
  FROM "dtm".idp_admin2_current
) AS published
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
),
levels AS (
  SELECT *, MIN(admin_level) OVER (PARTITION BY admin0_pcode, operation, assessment_type, reporting_date, round_number) AS first_level FROM sums
)
SELECT
  *,
  RANK() OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date DESC, round_number DESC NULLS LAST) = 1 AS is_newest,
  CAST(sex_known AS DOUBLE) / NULLIF(idps, 0) AS sex_coverage,
  CAST(females AS DOUBLE) / NULLIF(sex_known, 0) AS female_share
FROM levels
WHERE admin_level = first_level
) AS answer;

-- origin_to_host
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  assessment_type,
  reporting_date,
  round_number,
  admin_level,
  idp_origin_admin1_pcode,
  idp_origin_admin1_name,
  admin1_pcode,
  admin1_name,
  idps,
  round_idps,
  share,
  is_origin_known,
  is_same_area,
  is_newest
FROM (
-- Each round by area of origin and area of stay, both of the first level.
WITH spellings AS (
  SELECT
    0 AS admin_level,
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    idp_origin_admin1_pcode,
    idp_origin_admin1_name,
    admin1_pcode,
    admin1_name,
    MAX(admin0_name) AS admin0_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps
  FROM (
  SELECT 0 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, CAST(NULL AS VARCHAR) AS admin1_pcode, CAST(NULL AS VARCHAR) AS admin1_name, CAST(NULL AS VARCHAR) AS admin2_pcode, CAST(NULL AS VARCHAR) AS admin2_name, num_present_idp_ind, displacement_reason, number_males, number_females, idp_origin_admin1_pcode, idp_origin_admin1_name
  FROM "dtm".idp_admin0_current
) AS published
  WHERE admin_level > 0
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number, idp_origin_admin1_pcode, idp_origin_admin1_name, admin1_pcode, admin1_name
  UNION ALL
  SELECT
    1 AS admin_level,
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    idp_origin_admin1_pcode,
    idp_origin_admin1_name,
    admin1_pcode,
    admin1_name,
    MAX(admin0_name) AS admin0_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps
  FROM (
  SELECT 1 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, CAST(NULL AS VARCHAR) AS admin2_pcode, CAST(NULL AS VARCHAR) AS admin2_name, num_present_idp_ind, displacement_reason, number_males, number_females, idp_origin_admin1_pcode, idp_origin_admin1_name
  FROM "dtm".idp_admin1_current
) AS published
  WHERE admin_level > 0
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number, idp_origin_admin1_pcode, idp_origin_admin1_name, admin1_pcode, admin1_name
  UNION ALL
  SELECT
    2 AS admin_level,
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    idp_origin_admin1_pcode,
    idp_origin_admin1_name,
    admin1_pcode,
    admin1_name,
    MAX(admin0_name) AS admin0_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps
  FROM (
  SELECT 2 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, admin2_pcode, admin2_name, num_present_idp_ind, displacement_reason, number_males, number_females, idp_origin_admin1_pcode, idp_origin_admin1_name
  FROM "dtm".idp_admin2_current
) AS published
  WHERE admin_level > 0
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number, idp_origin_admin1_pcode, idp_origin_admin1_name, admin1_pcode, admin1_name
),
placed AS (
  SELECT *, (CASE WHEN COALESCE(idp_origin_admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || idp_origin_admin1_name ELSE idp_origin_admin1_pcode END) AS origin, (CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END) AS host, MIN(admin_level) OVER (PARTITION BY admin0_pcode, operation, assessment_type, reporting_date, round_number) AS first_level
  FROM spellings
),
sums AS (
  SELECT
    admin_level,
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    origin,
    host,
    MAX(admin0_name) AS admin0_name,
    MAX(idp_origin_admin1_pcode) AS idp_origin_admin1_pcode,
    MAX(idp_origin_admin1_name) AS idp_origin_admin1_name,
    MAX(admin1_pcode) AS admin1_pcode,
    MAX(admin1_name) AS admin1_name,
    CAST(SUM(idps) AS BIGINT) AS idps
  FROM placed
  WHERE admin_level = first_level
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number, admin_level, origin, host
),
stock AS (
  SELECT
    *,
    RANK() OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date DESC, round_number DESC NULLS LAST) = 1 AS is_newest,
    CAST(SUM(idps) OVER (PARTITION BY admin0_pcode, operation, assessment_type, reporting_date, round_number) AS BIGINT) AS round_idps,
    NOT COALESCE(idp_origin_admin1_pcode, '') IN ('', 'Not available', 'Unknown') AS is_origin_known
  FROM sums
)
SELECT
  *,
  CAST(idps AS DOUBLE) / NULLIF(round_idps, 0) AS share,
  CASE WHEN is_origin_known AND NOT COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN idp_origin_admin1_pcode = admin1_pcode END
    AS is_same_area
FROM stock
) AS answer;

-- stock_over_time
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  assessment_type,
  reporting_date,
  valid_until,
  round_number,
  idps,
  previous_idps,
  change
FROM (
-- Each round with the date on which the next one replaces it.
SELECT *, LEAD(reporting_date) OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS valid_until
FROM "dtm".operation_rounds
) AS answer;

-- stock_over_time_admin1
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  assessment_type,
  reporting_date,
  valid_until,
  round_number,
  admin1_pcode,
  admin1_name,
  presence,
  idps,
  previous_idps,
  change,
  is_newest_of_operation
FROM (
-- Each area of one level in each round that reports it, and in the first one that no longer does.
WITH rounds AS (  -- next to each round the one after it
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS place,
    LEAD(reporting_date) OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS next_date,
    LEAD(round_number) OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS next_number,
    LEAD(is_newest_round) OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS next_is_newest,
    LEAD(reporting_date, 2) OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS date_after_next
  FROM (
  SELECT admin0_pcode, operation, assessment_type, reporting_date, round_number, (reporting_date = newest_reporting_date OR (round_number IS NOT NULL AND number_date = newest_reporting_date AND (newest_reporting_date - reporting_date) <= 31)) AS is_newest_round
  FROM (
    SELECT *, MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation) AS newest_reporting_date,
    MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation, round_number) AS number_date
    FROM (
      SELECT admin0_pcode, operation, assessment_type, reporting_date, round_number, MAX(CASE WHEN admin_level = 1 THEN 1 ELSE 0 END) AS is_here
      FROM (SELECT 0 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin0_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
        UNION ALL SELECT 1 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin1_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
        UNION ALL SELECT 2 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin2_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number) AS published
      GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
    ) AS distinct_rounds
  ) AS dated
  WHERE is_here = 1
) AS level_rounds
),
keyed AS (
  SELECT *, (CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END) AS area1, (CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END) AS area2 FROM (
  SELECT 1 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, CAST(NULL AS VARCHAR) AS admin2_pcode, CAST(NULL AS VARCHAR) AS admin2_name, num_present_idp_ind, displacement_reason, number_males, number_females, idp_origin_admin1_pcode, idp_origin_admin1_name
  FROM "dtm".idp_admin1_current
) AS published
),
sums AS (  -- here and in all windows below the district comes first, because it differs most
  SELECT
    area2, admin0_pcode, operation, assessment_type, reporting_date, round_number, area1,
    MAX(admin0_name) AS admin0_name,
    MAX(admin1_pcode) AS admin1_pcode,
    MAX(admin1_name) AS admin1_name,
    MAX(admin2_pcode) AS admin2_pcode,
    MAX(admin2_name) AS admin2_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps
  FROM keyed
  GROUP BY area2, admin0_pcode, operation, assessment_type, reporting_date, round_number, area1
),
stock AS (
  SELECT
    sums.*,
    rounds.place,
    rounds.is_newest_round,
    rounds.next_date,
    rounds.next_number,
    rounds.next_is_newest,
    rounds.date_after_next
  FROM sums
  LEFT JOIN rounds ON sums.admin0_pcode = rounds.admin0_pcode AND sums.operation = rounds.operation AND sums.reporting_date = rounds.reporting_date AND COALESCE(sums.assessment_type, '') = COALESCE(rounds.assessment_type, '') AND (sums.assessment_type IS NULL) = (rounds.assessment_type IS NULL) AND COALESCE(sums.round_number, 0) = COALESCE(rounds.round_number, 0) AND (sums.round_number IS NULL) = (rounds.round_number IS NULL)
),
counted AS (
  SELECT *, COUNT(*) OVER (PARTITION BY area2, admin0_pcode, operation, assessment_type, area1) AS round_count FROM stock
),
shared AS (
  SELECT
    *,
    COUNT(*) OVER (PARTITION BY area2, admin0_pcode, operation, assessment_type, place) AS area1_count,
    MAX(round_count) OVER (PARTITION BY area2, admin0_pcode, operation, assessment_type, place) AS most_rounds
  FROM counted
),
alone AS (
  SELECT *, CASE WHEN area1_count = 1 THEN area1 END AS only_area1 FROM shared
),
compared AS (  -- area1_around: the province that the rounds just before and after agree on, where each has one alone
  SELECT
    *,
    CASE
      WHEN area1_count = 1
        AND LAG(place) OVER district = place - 1
        AND LEAD(place) OVER district = place + 1
        AND LAG(only_area1) OVER district = LEAD(only_area1) OVER district
        THEN LAG(only_area1) OVER district
    END AS area1_around
  FROM alone
  WINDOW district AS (PARTITION BY area2, admin0_pcode, operation, assessment_type ORDER BY place)
),
judged AS (
  SELECT
    *,
    COALESCE(area2 = admin2_pcode, FALSE) AND round_count = 1 AND (most_rounds > 1 OR area1_around IS NOT NULL)
      AS is_misplaced
  FROM compared
),
homes AS (  -- a misplaced district that its round has nowhere else continues the series of its own province
  SELECT *, CASE WHEN is_misplaced THEN COALESCE(area1_around, area1) ELSE area1 END AS home FROM judged
),
neighbours AS (
  SELECT
    *,
    LAG(place) OVER area AS place_before,
    LAG(idps) OVER area AS idps_before,
    LEAD(place) OVER area AS place_after
  FROM homes
  WINDOW area AS (PARTITION BY area2, admin0_pcode, operation, assessment_type, home ORDER BY place)
),
areas AS (  -- step 1: the round after, which does not have the area
  SELECT
    admin0_pcode, operation, assessment_type, place + step AS place, admin0_name, admin1_pcode, admin1_name, admin2_pcode, admin2_name,
    step = 0 AND is_misplaced AS is_misplaced,
    CASE WHEN step = 0 THEN idps END AS idps,
    CASE WHEN step = 1 THEN idps WHEN place_before = place - 1 THEN idps_before END AS previous_idps,
    CASE
      WHEN step = 1 THEN 'vanished'
      WHEN is_misplaced THEN 'misplaced'
      WHEN place = 1 THEN 'first'
      WHEN place_before = place - 1 THEN 'stayed'
      ELSE 'appeared'
    END AS presence,
    CASE WHEN step = 0 THEN reporting_date ELSE next_date END AS reporting_date,
    CASE WHEN step = 0 THEN round_number ELSE next_number END AS round_number,
    CASE WHEN step = 0 THEN next_date ELSE date_after_next END AS valid_until,
    CASE WHEN step = 0 THEN is_newest_round ELSE next_is_newest END AS is_newest_round
  FROM neighbours
  CROSS JOIN (SELECT 0 AS step UNION ALL SELECT 1 AS step) AS steps
  WHERE step = 0 OR (NOT is_misplaced AND next_date IS NOT NULL AND (place_after IS NULL OR place_after > place + 1))
)
SELECT
  *,
  idps - previous_idps AS change,
  valid_until IS NULL AND is_newest_round AS is_newest_of_operation
FROM areas
) AS answer;

-- stock_over_time_admin2
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  assessment_type,
  reporting_date,
  valid_until,
  round_number,
  admin1_pcode,
  admin1_name,
  admin2_pcode,
  admin2_name,
  is_misplaced,
  presence,
  idps,
  previous_idps,
  change,
  is_newest_of_operation
FROM (
-- Each area of one level in each round that reports it, and in the first one that no longer does.
WITH rounds AS (  -- next to each round the one after it
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS place,
    LEAD(reporting_date) OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS next_date,
    LEAD(round_number) OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS next_number,
    LEAD(is_newest_round) OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS next_is_newest,
    LEAD(reporting_date, 2) OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS date_after_next
  FROM (
  SELECT admin0_pcode, operation, assessment_type, reporting_date, round_number, (reporting_date = newest_reporting_date OR (round_number IS NOT NULL AND number_date = newest_reporting_date AND (newest_reporting_date - reporting_date) <= 31)) AS is_newest_round
  FROM (
    SELECT *, MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation) AS newest_reporting_date,
    MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation, round_number) AS number_date
    FROM (
      SELECT admin0_pcode, operation, assessment_type, reporting_date, round_number, MAX(CASE WHEN admin_level = 2 THEN 1 ELSE 0 END) AS is_here
      FROM (SELECT 0 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin0_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
        UNION ALL SELECT 1 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin1_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
        UNION ALL SELECT 2 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin2_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number) AS published
      GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
    ) AS distinct_rounds
  ) AS dated
  WHERE is_here = 1
) AS level_rounds
),
keyed AS (
  SELECT *, (CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END) AS area1, (CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END) AS area2 FROM (
  SELECT 2 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, admin2_pcode, admin2_name, num_present_idp_ind, displacement_reason, number_males, number_females, idp_origin_admin1_pcode, idp_origin_admin1_name
  FROM "dtm".idp_admin2_current
) AS published
),
sums AS (  -- here and in all windows below the district comes first, because it differs most
  SELECT
    area2, admin0_pcode, operation, assessment_type, reporting_date, round_number, area1,
    MAX(admin0_name) AS admin0_name,
    MAX(admin1_pcode) AS admin1_pcode,
    MAX(admin1_name) AS admin1_name,
    MAX(admin2_pcode) AS admin2_pcode,
    MAX(admin2_name) AS admin2_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps
  FROM keyed
  GROUP BY area2, admin0_pcode, operation, assessment_type, reporting_date, round_number, area1
),
stock AS (
  SELECT
    sums.*,
    rounds.place,
    rounds.is_newest_round,
    rounds.next_date,
    rounds.next_number,
    rounds.next_is_newest,
    rounds.date_after_next
  FROM sums
  LEFT JOIN rounds ON sums.admin0_pcode = rounds.admin0_pcode AND sums.operation = rounds.operation AND sums.reporting_date = rounds.reporting_date AND COALESCE(sums.assessment_type, '') = COALESCE(rounds.assessment_type, '') AND (sums.assessment_type IS NULL) = (rounds.assessment_type IS NULL) AND COALESCE(sums.round_number, 0) = COALESCE(rounds.round_number, 0) AND (sums.round_number IS NULL) = (rounds.round_number IS NULL)
),
counted AS (
  SELECT *, COUNT(*) OVER (PARTITION BY area2, admin0_pcode, operation, assessment_type, area1) AS round_count FROM stock
),
shared AS (
  SELECT
    *,
    COUNT(*) OVER (PARTITION BY area2, admin0_pcode, operation, assessment_type, place) AS area1_count,
    MAX(round_count) OVER (PARTITION BY area2, admin0_pcode, operation, assessment_type, place) AS most_rounds
  FROM counted
),
alone AS (
  SELECT *, CASE WHEN area1_count = 1 THEN area1 END AS only_area1 FROM shared
),
compared AS (  -- area1_around: the province that the rounds just before and after agree on, where each has one alone
  SELECT
    *,
    CASE
      WHEN area1_count = 1
        AND LAG(place) OVER district = place - 1
        AND LEAD(place) OVER district = place + 1
        AND LAG(only_area1) OVER district = LEAD(only_area1) OVER district
        THEN LAG(only_area1) OVER district
    END AS area1_around
  FROM alone
  WINDOW district AS (PARTITION BY area2, admin0_pcode, operation, assessment_type ORDER BY place)
),
judged AS (
  SELECT
    *,
    COALESCE(area2 = admin2_pcode, FALSE) AND round_count = 1 AND (most_rounds > 1 OR area1_around IS NOT NULL)
      AS is_misplaced
  FROM compared
),
homes AS (  -- a misplaced district that its round has nowhere else continues the series of its own province
  SELECT *, CASE WHEN is_misplaced THEN COALESCE(area1_around, area1) ELSE area1 END AS home FROM judged
),
neighbours AS (
  SELECT
    *,
    LAG(place) OVER area AS place_before,
    LAG(idps) OVER area AS idps_before,
    LEAD(place) OVER area AS place_after
  FROM homes
  WINDOW area AS (PARTITION BY area2, admin0_pcode, operation, assessment_type, home ORDER BY place)
),
areas AS (  -- step 1: the round after, which does not have the area
  SELECT
    admin0_pcode, operation, assessment_type, place + step AS place, admin0_name, admin1_pcode, admin1_name, admin2_pcode, admin2_name,
    step = 0 AND is_misplaced AS is_misplaced,
    CASE WHEN step = 0 THEN idps END AS idps,
    CASE WHEN step = 1 THEN idps WHEN place_before = place - 1 THEN idps_before END AS previous_idps,
    CASE
      WHEN step = 1 THEN 'vanished'
      WHEN is_misplaced THEN 'misplaced'
      WHEN place = 1 THEN 'first'
      WHEN place_before = place - 1 THEN 'stayed'
      ELSE 'appeared'
    END AS presence,
    CASE WHEN step = 0 THEN reporting_date ELSE next_date END AS reporting_date,
    CASE WHEN step = 0 THEN round_number ELSE next_number END AS round_number,
    CASE WHEN step = 0 THEN next_date ELSE date_after_next END AS valid_until,
    CASE WHEN step = 0 THEN is_newest_round ELSE next_is_newest END AS is_newest_round
  FROM neighbours
  CROSS JOIN (SELECT 0 AS step UNION ALL SELECT 1 AS step) AS steps
  WHERE step = 0 OR (NOT is_misplaced AND next_date IS NOT NULL AND (place_after IS NULL OR place_after > place + 1))
)
SELECT
  *,
  idps - previous_idps AS change,
  valid_until IS NULL AND is_newest_round AS is_newest_of_operation
FROM areas
) AS answer;

-- reconciliation
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  assessment_type,
  reporting_date,
  round_number,
  idps_admin0,
  idps_admin1,
  idps_admin2,
  verdict
FROM (
-- The sums of the levels of each round side by side.
WITH levels AS (
  SELECT
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    MAX(admin0_name) AS admin0_name,
    COUNT(*) AS level_count,
    MIN(idps) AS smallest,
    MAX(idps) AS largest,
    SUM(rows_without_figure) AS rows_without_figure,
    MAX(CASE WHEN admin_level = 0 THEN idps END) AS idps_admin0,
    MAX(CASE WHEN admin_level = 1 THEN idps END) AS idps_admin1,
    MAX(CASE WHEN admin_level = 2 THEN idps END) AS idps_admin2
  FROM (
  SELECT
    0 AS admin_level,
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    MAX(admin0_name) AS admin0_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    COUNT(*) AS row_count,
    COUNT(*) - COUNT(num_present_idp_ind) AS rows_without_figure
  FROM "dtm".idp_admin0_current
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
  UNION ALL
  SELECT
    1 AS admin_level,
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    MAX(admin0_name) AS admin0_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    COUNT(*) AS row_count,
    COUNT(*) - COUNT(num_present_idp_ind) AS rows_without_figure
  FROM "dtm".idp_admin1_current
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
  UNION ALL
  SELECT
    2 AS admin_level,
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    MAX(admin0_name) AS admin0_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    COUNT(*) AS row_count,
    COUNT(*) - COUNT(num_present_idp_ind) AS rows_without_figure
  FROM "dtm".idp_admin2_current
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
) AS level_sums
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
)
SELECT
  *,
  CASE
    WHEN rows_without_figure > 0 THEN 'figure_missing'
    WHEN smallest <> largest THEN 'different'
    WHEN level_count < 3 THEN 'level_missing'
    ELSE 'equal'
  END AS verdict
FROM levels
) AS answer;
