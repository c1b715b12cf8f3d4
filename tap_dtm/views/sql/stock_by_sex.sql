-- Each round by sex, with the share of people whose sex is known.
WITH sums AS (
  {each_level}
  SELECT
    $level AS admin_level,
    $round,
    MAX(admin0_name) AS admin0_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    $sexes
  FROM $rows
  GROUP BY $round
  {end}
),
levels AS (
  SELECT *, $first_level AS first_level FROM sums
)
SELECT
  *,
  $is_newest AS is_newest,
  $share(sex_known, idps) AS sex_coverage,
  $share(females, sex_known) AS female_share
FROM levels
WHERE admin_level = first_level
