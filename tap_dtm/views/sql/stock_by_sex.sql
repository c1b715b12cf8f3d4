-- Each round by sex, with the share of people whose sex is known.
WITH levels AS (
  SELECT *, $first_level AS first_level FROM $level_sums($round)
)
SELECT
  *,
  $is_newest AS is_newest,
  $share(sex_known, idps) AS sex_coverage,
  $share(females, sex_known) AS female_share
FROM levels
WHERE admin_level = first_level
