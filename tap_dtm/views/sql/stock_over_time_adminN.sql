-- Each area of one level in each round that reports it, and in the first one that no longer does.
WITH stock AS (
  SELECT
    $round,
    $area_key(admin1) AS area1,
    $area_key(admin2) AS area2,
    MAX(admin0_name) AS admin0_name,
    MAX(admin1_pcode) AS admin1_pcode,
    MAX(admin1_name) AS admin1_name,
    MAX(admin2_pcode) AS admin2_pcode,
    MAX(admin2_name) AS admin2_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps
  FROM $rows
  GROUP BY $round, area1, area2
),
ranked AS (
  SELECT *, DENSE_RANK() OVER ($oldest_first) AS place FROM stock
),
placed AS (  -- next to each round the one after it
  SELECT
    *,
    MIN(reporting_date) OVER next_round AS next_date,
    MIN(round_number) OVER next_round AS next_number,
    MIN(reporting_date) OVER (PARTITION BY $series ORDER BY place RANGE BETWEEN 2 FOLLOWING AND 2 FOLLOWING)
      AS date_after_next
  FROM ranked
  WINDOW next_round AS (PARTITION BY $series ORDER BY place RANGE BETWEEN 1 FOLLOWING AND 1 FOLLOWING)
),
counted AS (  -- all windows below begin with the series and the district, so that one sort serves them
  SELECT *, COUNT(*) OVER (PARTITION BY $series, area2, area1) AS round_count FROM placed
),
shared AS (
  SELECT
    *,
    COUNT(*) OVER (PARTITION BY $series, area2, place) AS area1_count,
    MAX(round_count) OVER (PARTITION BY $series, area2, place) AS most_rounds
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
  WINDOW district AS (PARTITION BY $series, area2 ORDER BY place)
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
  WINDOW area AS (PARTITION BY $series, area2, home ORDER BY place)
),
areas AS (  -- step 1: the round after, which does not have the area
  SELECT
    $series, place + step AS place, admin0_name, admin1_pcode, admin1_name, admin2_pcode, admin2_name,
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
  valid_until IS NULL AND $is_newest_round AS is_newest_of_operation
FROM areas
LEFT JOIN $schema.operation_freshness AS operations USING (admin0_pcode, operation)
LEFT JOIN $number_dates USING (admin0_pcode, operation, round_number)
