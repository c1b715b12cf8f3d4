-- Each round by reason of displacement. Spellings that differ only in case, blanks and separators are one reason.
WITH spelled AS (  -- from sums by spelling, so that few texts are folded
  SELECT *, $reason AS reason FROM $level_sums($round, displacement_reason)
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
