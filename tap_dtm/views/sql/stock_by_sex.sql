-- Each round by sex, with the share of people whose sex is known.
WITH sums AS (
  SELECT
    admin_level,
    $round,
    MAX(admin0_name) AS admin0_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    $sexes,
    $first_level AS first_level
  FROM $rows
  GROUP BY admin_level, $round
)
SELECT
  *,
  $is_newest AS is_newest,
  $share(sex_known, idps) AS sex_coverage,
  $share(females, sex_known) AS female_share
FROM sums
WHERE admin_level = first_level
