-- The newest round of each series at one level, by area.
WITH rounds AS (
  SELECT *, $is_newest AS is_newest FROM $level_rounds
),
current_rows AS (
  SELECT published.*, rounds.is_newest_round
  FROM $rows
  JOIN rounds ON $same_round(published, rounds)
  WHERE is_newest
),
areas AS (  -- of all rounds, to find those of older rounds
  SELECT $series, admin1_pcode, admin1_name, admin2_pcode, admin2_name, COUNT(*) AS rows_of_all_rounds
  FROM $rows
  GROUP BY $series, admin1_pcode, admin1_name, admin2_pcode, admin2_name
),
found AS (
  SELECT
    $round, $area_key(admin1) AS area1, $area_key(admin2) AS area2,
    CASE WHEN is_newest_round THEN 1 ELSE 0 END AS is_last,
    admin0_name, admin1_pcode, admin1_name, admin2_pcode, admin2_name,
    num_present_idp_ind, number_males, number_females, 1 AS row_count, 0 AS rows_of_all_rounds
  FROM current_rows
  UNION ALL
  SELECT
    $series, NULL, NULL, $area_key(admin1) AS area1, $area_key(admin2) AS area2,
    NULL,
    NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, 0, rows_of_all_rounds
  FROM areas
),
sums AS (
  SELECT
    $series,
    area1,
    area2,
    MAX(reporting_date) AS reporting_date,
    MAX(round_number) AS round_number,
    MAX(is_last) AS is_last,
    MAX(admin0_name) AS admin0_name,
    $area_names,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    CAST(SUM(row_count) AS BIGINT) AS row_count,
    SUM(rows_of_all_rounds) - SUM(row_count) AS older_rows,
    $sexes
  FROM found
  GROUP BY $series, area1, area2
),
stock AS (
  SELECT *, $days(reporting_date, $today) AS age_days FROM sums WHERE row_count > 0
)
SELECT
  stock.*,
  $share(sex_known, idps) AS sex_coverage,
  -- A district that is new in this province, and that an older round has in another one.
  COALESCE(area2 = admin2_pcode, FALSE) AND older_rows = 0
    AND MAX(older_rows) OVER (PARTITION BY $series, area2) > 0 AS is_misplaced,
  is_last = 1 AS is_newest_of_operation,
  interval_days,
  $share(stock.age_days, interval_days) AS age_in_intervals,
  freshness
FROM stock
LEFT JOIN $schema.operation_freshness AS operations USING (admin0_pcode, operation)
