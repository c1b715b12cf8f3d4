-- The sums of the levels of each round side by side.
WITH levels AS (
  SELECT
    $round,
    MAX(admin0_name) AS admin0_name,
    COUNT(*) AS level_count,
    MIN(idps) AS smallest,
    MAX(idps) AS largest,
    SUM(rows_without_figure) AS rows_without_figure,
    MAX(CASE WHEN admin_level = 0 THEN idps END) AS idps_admin0,
    MAX(CASE WHEN admin_level = 1 THEN idps END) AS idps_admin1,
    MAX(CASE WHEN admin_level = 2 THEN idps END) AS idps_admin2
  FROM $level_sums($round)
  GROUP BY $round
)
SELECT
  *,
  CASE
    WHEN rows_without_figure > 0 THEN 'figure_missing'
    WHEN smallest <> largest THEN 'different'
    WHEN level_count < $level_count THEN 'level_missing'
    ELSE 'equal'
  END AS verdict
FROM levels
