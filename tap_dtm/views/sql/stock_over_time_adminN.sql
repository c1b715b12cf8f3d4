-- Each area of one level in each round that reports it, and in the first one that no longer does.
WITH rounds AS (  -- next to each round the one after it
  SELECT
    *,
    ROW_NUMBER() OVER ($oldest_first) AS place,
    LEAD(reporting_date) OVER ($oldest_first) AS next_date,
    LEAD(round_number) OVER ($oldest_first) AS next_number,
    LEAD(is_newest_round) OVER ($oldest_first) AS next_is_newest,
    LEAD(reporting_date, 2) OVER ($oldest_first) AS date_after_next
  FROM $level_rounds
),
keyed AS (
  SELECT *, $area_key(admin1) AS area1, $area_key(admin2) AS area2 FROM $rows
),
sums AS (  -- here and in all windows below the district comes first, because it differs most
  SELECT
    area2, $round, area1,
    MAX(admin0_name) AS admin0_name,
    $area_names,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps
  FROM keyed
  GROUP BY area2, $round, area1
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
  LEFT JOIN rounds ON $same_round(sums, rounds)
),
counted AS (
  SELECT *, COUNT(*) OVER (PARTITION BY area2, $series, area1) AS round_count FROM stock
),
shared AS (
  SELECT
    *,
    COUNT(*) OVER (PARTITION BY area2, $series, place) AS area1_count,
    MAX(round_count) OVER (PARTITION BY area2, $series, place) AS most_rounds
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
  WINDOW district AS (PARTITION BY area2, $series ORDER BY place)
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
  WINDOW area AS (PARTITION BY area2, $series, home ORDER BY place)
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
