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
  num_present_idp_ind
FROM (
-- The rows that the API serves, without those that it no longer publishes.
SELECT *, REGEXP_EXTRACT_ALL(COALESCE(CAST(NULL AS STRING), ''), '[^; ][^;]*') AS displacement_reasons
FROM `dtm`.idp_admin0
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
  num_present_idp_ind
FROM (
-- The rows that the API serves, without those that it no longer publishes.
SELECT *, REGEXP_EXTRACT_ALL(COALESCE(CAST(NULL AS STRING), ''), '[^; ][^;]*') AS displacement_reasons
FROM `dtm`.idp_admin1
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
  num_present_idp_ind
FROM (
-- The rows that the API serves, without those that it no longer publishes.
SELECT *, REGEXP_EXTRACT_ALL(COALESCE(CAST(NULL AS STRING), ''), '[^; ][^;]*') AS displacement_reasons
FROM `dtm`.idp_admin2
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
WITH sums AS (
  SELECT
    admin_level,
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    MAX(admin0_name) AS admin0_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    COUNT(*) AS row_count,
    MIN(admin_level) OVER (PARTITION BY admin0_pcode, operation, assessment_type, reporting_date, round_number) AS first_level
  FROM (
  SELECT 0 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, CAST(NULL AS STRING) AS admin1_pcode, CAST(NULL AS STRING) AS admin1_name, CAST(NULL AS STRING) AS admin2_pcode, CAST(NULL AS STRING) AS admin2_name, num_present_idp_ind, CAST(NULL AS STRING) AS displacement_reason, CAST(NULL AS BIGINT) AS number_males, CAST(NULL AS BIGINT) AS number_females, CAST(NULL AS STRING) AS idp_origin_admin1_pcode, CAST(NULL AS STRING) AS idp_origin_admin1_name
  FROM `dtm`.idp_admin0_current
  UNION ALL
  SELECT 1 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, CAST(NULL AS STRING) AS admin2_pcode, CAST(NULL AS STRING) AS admin2_name, num_present_idp_ind, CAST(NULL AS STRING) AS displacement_reason, CAST(NULL AS BIGINT) AS number_males, CAST(NULL AS BIGINT) AS number_females, CAST(NULL AS STRING) AS idp_origin_admin1_pcode, CAST(NULL AS STRING) AS idp_origin_admin1_name
  FROM `dtm`.idp_admin1_current
  UNION ALL
  SELECT 2 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, admin2_pcode, admin2_name, num_present_idp_ind, CAST(NULL AS STRING) AS displacement_reason, CAST(NULL AS BIGINT) AS number_males, CAST(NULL AS BIGINT) AS number_females, CAST(NULL AS STRING) AS idp_origin_admin1_pcode, CAST(NULL AS STRING) AS idp_origin_admin1_name
  FROM `dtm`.idp_admin2_current
) AS published
  GROUP BY admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number
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
  FROM sums
  WHERE admin_level = first_level
)
SELECT
  *,
  is_newest AND (reporting_date = newest_reporting_date OR (round_number IS NOT NULL AND number_date = newest_reporting_date AND DATE_DIFF(newest_reporting_date, reporting_date, DAY) <= 31)) AS is_newest_of_operation,
  DATE_DIFF(reporting_date, previous_reporting_date, DAY) AS days_since_previous,
  idps - previous_idps AS change,
  CAST(idps - previous_idps AS FLOAT64) / NULLIF(previous_idps, 0) AS change_share
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
  freshness
FROM (
-- The age of an operation, compared with the median of the days from one of its rounds to the next.
WITH gaps AS (  -- within one assessment type; two dates of one round are not two rounds
  SELECT admin0_pcode, operation, days_since_previous AS gap
  FROM `dtm`.operation_rounds
  WHERE days_since_previous > 0 AND COALESCE(round_number <> previous_round_number, TRUE)
),
ranked AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY admin0_pcode, operation ORDER BY gap) AS place,
    COUNT(*) OVER (PARTITION BY admin0_pcode, operation) AS gap_count
  FROM gaps
),
intervals AS (  -- the databases share no function for a median: it is the gap in the middle, or the mean of the two
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
    DATE_DIFF(CURRENT_DATE, MAX(reporting_date), DAY) AS age_days
  FROM `dtm`.operation_rounds
  GROUP BY admin0_pcode, operation
),
statuses AS (
  SELECT admin0_pcode, operation, operation_status FROM `dtm`.operations WHERE _sdc_deleted_at IS NULL
)
SELECT
  *,
  CAST(age_days AS FLOAT64) / NULLIF(interval_days, 0) AS age_in_intervals,
  CASE
    WHEN LOWER(operation_status) = 'inactive' THEN 'closed'
    WHEN interval_days IS NULL THEN 'single'
    WHEN age_days > interval_days + 92 THEN 'stale'
    ELSE 'current'
  END AS freshness
FROM ages
LEFT JOIN intervals USING (admin0_pcode, operation)
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
  overdue_days
FROM (
-- The operations that are stale.
SELECT *, age_days - interval_days - 92 AS overdue_days
FROM `dtm`.operation_freshness
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
  row_count,
  is_newest_of_operation,
  age_days,
  interval_days,
  age_in_intervals,
  freshness
FROM (
-- The newest round of each series at one level, by area.
WITH placed AS (
  SELECT *, CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END AS area1, CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END AS area2, RANK() OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date DESC, round_number DESC NULLS LAST) AS place FROM (
  SELECT 0 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, CAST(NULL AS STRING) AS admin1_pcode, CAST(NULL AS STRING) AS admin1_name, CAST(NULL AS STRING) AS admin2_pcode, CAST(NULL AS STRING) AS admin2_name, num_present_idp_ind, CAST(NULL AS STRING) AS displacement_reason, CAST(NULL AS BIGINT) AS number_males, CAST(NULL AS BIGINT) AS number_females, CAST(NULL AS STRING) AS idp_origin_admin1_pcode, CAST(NULL AS STRING) AS idp_origin_admin1_name
  FROM `dtm`.idp_admin0_current
) AS published
),
ranked AS (  -- the first place of an area is greater than 1 where an older round has the area, too
  SELECT *, MAX(place) OVER (PARTITION BY admin0_pcode, operation, assessment_type, area1, area2) AS first_place FROM placed
),
stock AS (
  SELECT
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    area1,
    area2,
    MAX(admin0_name) AS admin0_name,
    MAX(admin1_pcode) AS admin1_pcode,
    MAX(admin1_name) AS admin1_name,
    MAX(admin2_pcode) AS admin2_pcode,
    MAX(admin2_name) AS admin2_name,
    MAX(first_place) AS first_place,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    COUNT(*) AS row_count,
    CAST(SUM(number_males) AS BIGINT) AS males,
    CAST(SUM(number_females) AS BIGINT) AS females,
    CAST(SUM(COALESCE(number_males, 0) + COALESCE(number_females, 0)) AS BIGINT) AS sex_known,
    DATE_DIFF(CURRENT_DATE, reporting_date, DAY) AS age_days
  FROM ranked
  WHERE place = 1
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number, area1, area2
)
SELECT
  stock.*,
  CAST(sex_known AS FLOAT64) / NULLIF(idps, 0) AS sex_coverage,
  -- A district that is new under this province, and that an older round has under another one.
  COALESCE(area2 = admin2_pcode, FALSE) AND first_place = 1
    AND MAX(first_place) OVER (PARTITION BY admin0_pcode, operation, assessment_type, area2) > 1 AS is_misplaced,
  (reporting_date = newest_reporting_date OR (round_number IS NOT NULL AND number_date = newest_reporting_date AND DATE_DIFF(newest_reporting_date, reporting_date, DAY) <= 31)) AS is_newest_of_operation,
  interval_days,
  CAST(stock.age_days AS FLOAT64) / NULLIF(interval_days, 0) AS age_in_intervals,
  freshness
FROM stock
LEFT JOIN `dtm`.operation_freshness AS operations USING (admin0_pcode, operation)
LEFT JOIN (
  SELECT admin0_pcode, operation, round_number, MAX(reporting_date) AS number_date
  FROM `dtm`.operation_rounds
  GROUP BY admin0_pcode, operation, round_number
) AS number_dates USING (admin0_pcode, operation, round_number)
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
  row_count,
  is_newest_of_operation,
  age_days,
  interval_days,
  age_in_intervals,
  freshness
FROM (
-- The newest round of each series at one level, by area.
WITH placed AS (
  SELECT *, CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END AS area1, CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END AS area2, RANK() OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date DESC, round_number DESC NULLS LAST) AS place FROM (
  SELECT 1 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, CAST(NULL AS STRING) AS admin2_pcode, CAST(NULL AS STRING) AS admin2_name, num_present_idp_ind, CAST(NULL AS STRING) AS displacement_reason, CAST(NULL AS BIGINT) AS number_males, CAST(NULL AS BIGINT) AS number_females, CAST(NULL AS STRING) AS idp_origin_admin1_pcode, CAST(NULL AS STRING) AS idp_origin_admin1_name
  FROM `dtm`.idp_admin1_current
) AS published
),
ranked AS (  -- the first place of an area is greater than 1 where an older round has the area, too
  SELECT *, MAX(place) OVER (PARTITION BY admin0_pcode, operation, assessment_type, area1, area2) AS first_place FROM placed
),
stock AS (
  SELECT
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    area1,
    area2,
    MAX(admin0_name) AS admin0_name,
    MAX(admin1_pcode) AS admin1_pcode,
    MAX(admin1_name) AS admin1_name,
    MAX(admin2_pcode) AS admin2_pcode,
    MAX(admin2_name) AS admin2_name,
    MAX(first_place) AS first_place,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    COUNT(*) AS row_count,
    CAST(SUM(number_males) AS BIGINT) AS males,
    CAST(SUM(number_females) AS BIGINT) AS females,
    CAST(SUM(COALESCE(number_males, 0) + COALESCE(number_females, 0)) AS BIGINT) AS sex_known,
    DATE_DIFF(CURRENT_DATE, reporting_date, DAY) AS age_days
  FROM ranked
  WHERE place = 1
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number, area1, area2
)
SELECT
  stock.*,
  CAST(sex_known AS FLOAT64) / NULLIF(idps, 0) AS sex_coverage,
  -- A district that is new under this province, and that an older round has under another one.
  COALESCE(area2 = admin2_pcode, FALSE) AND first_place = 1
    AND MAX(first_place) OVER (PARTITION BY admin0_pcode, operation, assessment_type, area2) > 1 AS is_misplaced,
  (reporting_date = newest_reporting_date OR (round_number IS NOT NULL AND number_date = newest_reporting_date AND DATE_DIFF(newest_reporting_date, reporting_date, DAY) <= 31)) AS is_newest_of_operation,
  interval_days,
  CAST(stock.age_days AS FLOAT64) / NULLIF(interval_days, 0) AS age_in_intervals,
  freshness
FROM stock
LEFT JOIN `dtm`.operation_freshness AS operations USING (admin0_pcode, operation)
LEFT JOIN (
  SELECT admin0_pcode, operation, round_number, MAX(reporting_date) AS number_date
  FROM `dtm`.operation_rounds
  GROUP BY admin0_pcode, operation, round_number
) AS number_dates USING (admin0_pcode, operation, round_number)
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
  row_count,
  is_newest_of_operation,
  age_days,
  interval_days,
  age_in_intervals,
  freshness
FROM (
-- The newest round of each series at one level, by area.
WITH placed AS (
  SELECT *, CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END AS area1, CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END AS area2, RANK() OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date DESC, round_number DESC NULLS LAST) AS place FROM (
  SELECT 2 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, admin2_pcode, admin2_name, num_present_idp_ind, CAST(NULL AS STRING) AS displacement_reason, CAST(NULL AS BIGINT) AS number_males, CAST(NULL AS BIGINT) AS number_females, CAST(NULL AS STRING) AS idp_origin_admin1_pcode, CAST(NULL AS STRING) AS idp_origin_admin1_name
  FROM `dtm`.idp_admin2_current
) AS published
),
ranked AS (  -- the first place of an area is greater than 1 where an older round has the area, too
  SELECT *, MAX(place) OVER (PARTITION BY admin0_pcode, operation, assessment_type, area1, area2) AS first_place FROM placed
),
stock AS (
  SELECT
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    area1,
    area2,
    MAX(admin0_name) AS admin0_name,
    MAX(admin1_pcode) AS admin1_pcode,
    MAX(admin1_name) AS admin1_name,
    MAX(admin2_pcode) AS admin2_pcode,
    MAX(admin2_name) AS admin2_name,
    MAX(first_place) AS first_place,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    COUNT(*) AS row_count,
    CAST(SUM(number_males) AS BIGINT) AS males,
    CAST(SUM(number_females) AS BIGINT) AS females,
    CAST(SUM(COALESCE(number_males, 0) + COALESCE(number_females, 0)) AS BIGINT) AS sex_known,
    DATE_DIFF(CURRENT_DATE, reporting_date, DAY) AS age_days
  FROM ranked
  WHERE place = 1
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number, area1, area2
)
SELECT
  stock.*,
  CAST(sex_known AS FLOAT64) / NULLIF(idps, 0) AS sex_coverage,
  -- A district that is new under this province, and that an older round has under another one.
  COALESCE(area2 = admin2_pcode, FALSE) AND first_place = 1
    AND MAX(first_place) OVER (PARTITION BY admin0_pcode, operation, assessment_type, area2) > 1 AS is_misplaced,
  (reporting_date = newest_reporting_date OR (round_number IS NOT NULL AND number_date = newest_reporting_date AND DATE_DIFF(newest_reporting_date, reporting_date, DAY) <= 31)) AS is_newest_of_operation,
  interval_days,
  CAST(stock.age_days AS FLOAT64) / NULLIF(interval_days, 0) AS age_in_intervals,
  freshness
FROM stock
LEFT JOIN `dtm`.operation_freshness AS operations USING (admin0_pcode, operation)
LEFT JOIN (
  SELECT admin0_pcode, operation, round_number, MAX(reporting_date) AS number_date
  FROM `dtm`.operation_rounds
  GROUP BY admin0_pcode, operation, round_number
) AS number_dates USING (admin0_pcode, operation, round_number)
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
FROM `dtm`.operation_rounds
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
WITH stock AS (
  SELECT
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END AS area1,
    CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END AS area2,
    MAX(admin0_name) AS admin0_name,
    MAX(admin1_pcode) AS admin1_pcode,
    MAX(admin1_name) AS admin1_name,
    MAX(admin2_pcode) AS admin2_pcode,
    MAX(admin2_name) AS admin2_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps
  FROM (
  SELECT 1 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, CAST(NULL AS STRING) AS admin2_pcode, CAST(NULL AS STRING) AS admin2_name, num_present_idp_ind, CAST(NULL AS STRING) AS displacement_reason, CAST(NULL AS BIGINT) AS number_males, CAST(NULL AS BIGINT) AS number_females, CAST(NULL AS STRING) AS idp_origin_admin1_pcode, CAST(NULL AS STRING) AS idp_origin_admin1_name
  FROM `dtm`.idp_admin1_current
) AS published
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number, area1, area2
),
ranked AS (
  SELECT *, DENSE_RANK() OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS place FROM stock
),
placed AS (  -- next to each round the one after it
  SELECT
    *,
    MIN(reporting_date) OVER next_round AS next_date,
    MIN(round_number) OVER next_round AS next_number,
    MIN(reporting_date) OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY place RANGE BETWEEN 2 FOLLOWING AND 2 FOLLOWING)
      AS date_after_next
  FROM ranked
  WINDOW next_round AS (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY place RANGE BETWEEN 1 FOLLOWING AND 1 FOLLOWING)
),
counted AS (  -- all windows below begin with the series and the district, so that one sort serves them
  SELECT *, COUNT(*) OVER (PARTITION BY admin0_pcode, operation, assessment_type, area2, area1) AS round_count FROM placed
),
shared AS (
  SELECT
    *,
    COUNT(*) OVER (PARTITION BY admin0_pcode, operation, assessment_type, area2, place) AS area1_count,
    MAX(round_count) OVER (PARTITION BY admin0_pcode, operation, assessment_type, area2, place) AS most_rounds
  FROM counted
),
compared AS (  -- area1_around: the province that the rounds just before and after agree on, where each has one alone
  SELECT
    *,
    CASE
      WHEN area1_count = 1
        AND LAG(place) OVER district = place - 1 AND LAG(area1_count) OVER district = 1
        AND LEAD(place) OVER district = place + 1 AND LEAD(area1_count) OVER district = 1
        AND LAG(area1) OVER district = LEAD(area1) OVER district
        THEN LAG(area1) OVER district
    END AS area1_around
  FROM shared
  WINDOW district AS (PARTITION BY admin0_pcode, operation, assessment_type, area2 ORDER BY place)
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
  WINDOW area AS (PARTITION BY admin0_pcode, operation, assessment_type, area2, home ORDER BY place)
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
    CASE WHEN step = 0 THEN next_date ELSE date_after_next END AS valid_until
  FROM neighbours
  CROSS JOIN (SELECT 0 AS step UNION ALL SELECT 1 AS step) AS steps
  WHERE step = 0 OR (NOT is_misplaced AND next_date IS NOT NULL AND (place_after IS NULL OR place_after > place + 1))
)
SELECT
  areas.*,
  idps - previous_idps AS change,
  valid_until IS NULL AND (reporting_date = newest_reporting_date OR (round_number IS NOT NULL AND number_date = newest_reporting_date AND DATE_DIFF(newest_reporting_date, reporting_date, DAY) <= 31)) AS is_newest_of_operation
FROM areas
LEFT JOIN `dtm`.operation_freshness AS operations USING (admin0_pcode, operation)
LEFT JOIN (
  SELECT admin0_pcode, operation, round_number, MAX(reporting_date) AS number_date
  FROM `dtm`.operation_rounds
  GROUP BY admin0_pcode, operation, round_number
) AS number_dates USING (admin0_pcode, operation, round_number)
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
WITH stock AS (
  SELECT
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END AS area1,
    CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END AS area2,
    MAX(admin0_name) AS admin0_name,
    MAX(admin1_pcode) AS admin1_pcode,
    MAX(admin1_name) AS admin1_name,
    MAX(admin2_pcode) AS admin2_pcode,
    MAX(admin2_name) AS admin2_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps
  FROM (
  SELECT 2 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, admin2_pcode, admin2_name, num_present_idp_ind, CAST(NULL AS STRING) AS displacement_reason, CAST(NULL AS BIGINT) AS number_males, CAST(NULL AS BIGINT) AS number_females, CAST(NULL AS STRING) AS idp_origin_admin1_pcode, CAST(NULL AS STRING) AS idp_origin_admin1_name
  FROM `dtm`.idp_admin2_current
) AS published
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number, area1, area2
),
ranked AS (
  SELECT *, DENSE_RANK() OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS place FROM stock
),
placed AS (  -- next to each round the one after it
  SELECT
    *,
    MIN(reporting_date) OVER next_round AS next_date,
    MIN(round_number) OVER next_round AS next_number,
    MIN(reporting_date) OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY place RANGE BETWEEN 2 FOLLOWING AND 2 FOLLOWING)
      AS date_after_next
  FROM ranked
  WINDOW next_round AS (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY place RANGE BETWEEN 1 FOLLOWING AND 1 FOLLOWING)
),
counted AS (  -- all windows below begin with the series and the district, so that one sort serves them
  SELECT *, COUNT(*) OVER (PARTITION BY admin0_pcode, operation, assessment_type, area2, area1) AS round_count FROM placed
),
shared AS (
  SELECT
    *,
    COUNT(*) OVER (PARTITION BY admin0_pcode, operation, assessment_type, area2, place) AS area1_count,
    MAX(round_count) OVER (PARTITION BY admin0_pcode, operation, assessment_type, area2, place) AS most_rounds
  FROM counted
),
compared AS (  -- area1_around: the province that the rounds just before and after agree on, where each has one alone
  SELECT
    *,
    CASE
      WHEN area1_count = 1
        AND LAG(place) OVER district = place - 1 AND LAG(area1_count) OVER district = 1
        AND LEAD(place) OVER district = place + 1 AND LEAD(area1_count) OVER district = 1
        AND LAG(area1) OVER district = LEAD(area1) OVER district
        THEN LAG(area1) OVER district
    END AS area1_around
  FROM shared
  WINDOW district AS (PARTITION BY admin0_pcode, operation, assessment_type, area2 ORDER BY place)
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
  WINDOW area AS (PARTITION BY admin0_pcode, operation, assessment_type, area2, home ORDER BY place)
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
    CASE WHEN step = 0 THEN next_date ELSE date_after_next END AS valid_until
  FROM neighbours
  CROSS JOIN (SELECT 0 AS step UNION ALL SELECT 1 AS step) AS steps
  WHERE step = 0 OR (NOT is_misplaced AND next_date IS NOT NULL AND (place_after IS NULL OR place_after > place + 1))
)
SELECT
  areas.*,
  idps - previous_idps AS change,
  valid_until IS NULL AND (reporting_date = newest_reporting_date OR (round_number IS NOT NULL AND number_date = newest_reporting_date AND DATE_DIFF(newest_reporting_date, reporting_date, DAY) <= 31)) AS is_newest_of_operation
FROM areas
LEFT JOIN `dtm`.operation_freshness AS operations USING (admin0_pcode, operation)
LEFT JOIN (
  SELECT admin0_pcode, operation, round_number, MAX(reporting_date) AS number_date
  FROM `dtm`.operation_rounds
  GROUP BY admin0_pcode, operation, round_number
) AS number_dates USING (admin0_pcode, operation, round_number)
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
WITH sums AS (
  SELECT
    admin_level,
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    MAX(admin0_name) AS admin0_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    COUNT(*) - COUNT(num_present_idp_ind) AS rows_without_figure
  FROM (
  SELECT 0 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, CAST(NULL AS STRING) AS admin1_pcode, CAST(NULL AS STRING) AS admin1_name, CAST(NULL AS STRING) AS admin2_pcode, CAST(NULL AS STRING) AS admin2_name, num_present_idp_ind, CAST(NULL AS STRING) AS displacement_reason, CAST(NULL AS BIGINT) AS number_males, CAST(NULL AS BIGINT) AS number_females, CAST(NULL AS STRING) AS idp_origin_admin1_pcode, CAST(NULL AS STRING) AS idp_origin_admin1_name
  FROM `dtm`.idp_admin0_current
  UNION ALL
  SELECT 1 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, CAST(NULL AS STRING) AS admin2_pcode, CAST(NULL AS STRING) AS admin2_name, num_present_idp_ind, CAST(NULL AS STRING) AS displacement_reason, CAST(NULL AS BIGINT) AS number_males, CAST(NULL AS BIGINT) AS number_females, CAST(NULL AS STRING) AS idp_origin_admin1_pcode, CAST(NULL AS STRING) AS idp_origin_admin1_name
  FROM `dtm`.idp_admin1_current
  UNION ALL
  SELECT 2 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, admin2_pcode, admin2_name, num_present_idp_ind, CAST(NULL AS STRING) AS displacement_reason, CAST(NULL AS BIGINT) AS number_males, CAST(NULL AS BIGINT) AS number_females, CAST(NULL AS STRING) AS idp_origin_admin1_pcode, CAST(NULL AS STRING) AS idp_origin_admin1_name
  FROM `dtm`.idp_admin2_current
) AS published
  GROUP BY admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number
),
levels AS (
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
  FROM sums
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
