-- The rows that the API served at a time, as last seen then.
WITH counting AS (
  SELECT admin0_pcode, observed_at, MAX(observed_at) OVER (PARTITION BY admin0_pcode) AS looked_at
  FROM $schema.history_runs
  WHERE admin_level = $level AND counts_from <= $moment AND (counts_until IS NULL OR counts_until > $moment)
),
ranked AS (
  SELECT
    history.*,
    looked_at,
    ROW_NUMBER() OVER (
      PARTITION BY history.admin0_pcode, operation, row_number ORDER BY history.observed_at DESC
    ) AS place
  FROM $history AS history
  JOIN counting ON counting.admin0_pcode = history.admin0_pcode AND counting.observed_at = history.observed_at
)
SELECT *, $split($reason) AS displacement_reasons
FROM ranked
WHERE place = 1 AND NOT is_withdrawn
