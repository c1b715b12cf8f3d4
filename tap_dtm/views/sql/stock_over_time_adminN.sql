-- Each area of one level in each round that reports it, and in the first one that no longer does.
WITH placed AS (
  SELECT *, $area_key(admin1) AS area1, $area_key(admin2) AS area2, DENSE_RANK() OVER ($oldest_first) AS place FROM $rows
),
stock AS (
  SELECT
    $round,
    place,
    area1,
    area2,
    MAX(admin0_name) AS admin0_name,
    MAX(admin1_pcode) AS admin1_pcode,
    MAX(admin1_name) AS admin1_name,
    MAX(admin2_pcode) AS admin2_pcode,
    MAX(admin2_name) AS admin2_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps
  FROM placed
  GROUP BY $round, place, area1, area2
),
rounds AS (
  SELECT $round, place, $is_newest_round AS is_newest_round, LEAD(reporting_date) OVER ($oldest_first) AS valid_until
  FROM (SELECT DISTINCT $round, place FROM stock) AS distinct_rounds
  LEFT JOIN $schema.operation_freshness AS operations USING (admin0_pcode, operation)
  LEFT JOIN $number_dates USING (admin0_pcode, operation, round_number)
),
counted AS (
  SELECT
    *,
    COUNT(*) OVER (PARTITION BY $series, area1, area2) AS round_count,
    COUNT(*) OVER (PARTITION BY $round, area2) AS area1_count
  FROM stock
),
compared AS (  -- area1_around: the province that the rounds just before and after agree on, where each has one alone
  SELECT
    *,
    MAX(round_count) OVER (PARTITION BY $round, area2) AS most_rounds,
    CASE
      WHEN area1_count = 1
        AND LAG(place) OVER district = place - 1 AND LAG(area1_count) OVER district = 1
        AND LEAD(place) OVER district = place + 1 AND LEAD(area1_count) OVER district = 1
        AND LAG(area1) OVER district = LEAD(area1) OVER district
        THEN LAG(area1) OVER district
    END AS area1_around
  FROM counted
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
  WINDOW area AS (PARTITION BY $series, home, area2 ORDER BY place)
),
areas AS (
  SELECT
    $series, place, admin0_name, admin1_pcode, admin1_name, admin2_pcode, admin2_name, is_misplaced, idps,
    CASE WHEN place_before = place - 1 THEN idps_before END AS previous_idps,
    CASE
      WHEN is_misplaced THEN 'misplaced'
      WHEN place = 1 THEN 'first'
      WHEN place_before = place - 1 THEN 'stayed'
      ELSE 'appeared'
    END AS presence
  FROM neighbours
  UNION ALL  -- after its last round an area cannot vanish: the join below finds no further one
  SELECT
    $series, place + 1, admin0_name, admin1_pcode, admin1_name, admin2_pcode, admin2_name, FALSE, CAST(NULL AS BIGINT),
    idps, 'vanished'
  FROM neighbours
  WHERE NOT is_misplaced AND (place_after IS NULL OR place_after > place + 1)
)
SELECT
  areas.*,
  rounds.reporting_date,
  rounds.round_number,
  rounds.valid_until,
  idps - previous_idps AS change,
  rounds.valid_until IS NULL AND rounds.is_newest_round AS is_newest_of_operation
FROM areas
JOIN rounds
  ON areas.admin0_pcode = rounds.admin0_pcode
  AND areas.operation = rounds.operation
  AND areas.assessment_type IS NOT DISTINCT FROM rounds.assessment_type
  AND areas.place = rounds.place
