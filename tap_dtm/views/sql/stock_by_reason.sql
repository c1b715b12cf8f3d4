-- Each round by reason of displacement. Spellings that differ in nothing but case, blanks and separators are one reason.
WITH spellings AS (  -- few, so that few texts are folded
  {each_level}
  SELECT
    $level AS admin_level,
    $round,
    displacement_reason,
    MAX(admin0_name) AS admin0_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps
  FROM $rows
  GROUP BY $round, displacement_reason
  {end}
),
spelled AS (
  SELECT *, $reason AS reason FROM spellings
),
sums AS (
  SELECT
    admin_level,
    $round,
    reason,
    MAX(admin0_name) AS admin0_name,
    MIN(displacement_reason) AS displacement_reason,
    CAST(SUM(idps) AS BIGINT) AS idps,
    $first_level AS first_level
  FROM spelled
  GROUP BY admin_level, $round, reason
),
stock AS (
  SELECT *, $is_newest AS is_newest, $round_idps AS round_idps FROM sums WHERE admin_level = first_level
)
SELECT
  *,
  $split(reason) AS displacement_reasons,
  $reason_class AS reason_class,
  $share(idps, round_idps) AS share
FROM stock
