-- The newest round of each series at one level, by area.
WITH placed AS (
  SELECT *, $area_key(admin1) AS area1, $area_key(admin2) AS area2, RANK() OVER ($newest_first) AS place FROM $rows
),
ranked AS (  -- the first place of an area is greater than 1 where an older round has the area, too
  SELECT *, MAX(place) OVER (PARTITION BY $series, area1, area2) AS first_place FROM placed
),
stock AS (
  SELECT
    $round,
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
    $sexes,
    $days(reporting_date, $today) AS age_days
  FROM ranked
  WHERE place = 1
  GROUP BY $round, area1, area2
)
SELECT
  stock.*,
  $share(sex_known, idps) AS sex_coverage,
  -- A district that is new under this province, and that an older round has under another one.
  COALESCE(area2 = admin2_pcode, FALSE) AND first_place = 1
    AND MAX(first_place) OVER (PARTITION BY $series, area2) > 1 AS is_misplaced,
  $is_newest_round AS is_newest_of_operation,
  interval_days,
  $share(stock.age_days, interval_days) AS age_in_intervals,
  freshness
FROM stock
LEFT JOIN $schema.operation_freshness AS operations USING (admin0_pcode, operation)
LEFT JOIN $number_dates USING (admin0_pcode, operation, round_number)
