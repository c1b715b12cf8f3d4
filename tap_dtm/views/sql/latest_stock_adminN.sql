-- The newest round of each series at one level, by area.
WITH rounds AS (
  SELECT *, $is_newest AS is_newest FROM $level_rounds
),
newest AS (
  SELECT * FROM rounds WHERE is_newest
),
spellings AS (  -- of all older rounds together, whose dates are null here, only the areas matter
  SELECT
    published.admin0_pcode,
    published.operation,
    published.assessment_type,
    newest.reporting_date,
    newest.round_number,
    newest.is_newest_round,
    published.admin0_name,
    published.admin1_pcode,
    published.admin1_name,
    published.admin2_pcode,
    published.admin2_name,
    SUM(published.num_present_idp_ind) AS num_present_idp_ind,
    COUNT(*) AS row_count,
    SUM(published.number_males) AS number_males,
    SUM(published.number_females) AS number_females
  FROM $rows
  LEFT JOIN newest ON $same_round(published, newest)
  GROUP BY
    published.admin0_pcode, published.operation, published.assessment_type, newest.reporting_date, newest.round_number,
    newest.is_newest_round, published.admin0_name, published.admin1_pcode, published.admin1_name,
    published.admin2_pcode, published.admin2_name
),
placed AS (
  SELECT *, $area_key(admin1) AS area1, $area_key(admin2) AS area2, CASE WHEN reporting_date IS NULL THEN 1 ELSE 0 END AS is_older
  FROM spellings
),
compared AS (
  SELECT *, MAX(is_older) OVER (PARTITION BY $series, area1, area2) AS has_older FROM placed
),
stock AS (
  SELECT
    $round,
    area1,
    area2,
    is_newest_round,
    MAX(admin0_name) AS admin0_name,
    MAX(admin1_pcode) AS admin1_pcode,
    MAX(admin1_name) AS admin1_name,
    MAX(admin2_pcode) AS admin2_pcode,
    MAX(admin2_name) AS admin2_name,
    MAX(has_older) AS has_older,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    SUM(row_count) AS row_count,
    $sexes,
    $days(reporting_date, $today) AS age_days
  FROM compared
  WHERE is_older = 0
  GROUP BY $round, is_newest_round, area1, area2
)
SELECT
  stock.*,
  $share(sex_known, idps) AS sex_coverage,
  -- A district that is new under this province, and that an older round has under another one.
  COALESCE(area2 = admin2_pcode, FALSE) AND has_older = 0
    AND MAX(has_older) OVER (PARTITION BY $series, area2) = 1 AS is_misplaced,
  is_newest_round AS is_newest_of_operation,
  interval_days,
  $share(stock.age_days, interval_days) AS age_in_intervals,
  freshness
FROM stock
LEFT JOIN $schema.operation_freshness AS operations USING (admin0_pcode, operation)
