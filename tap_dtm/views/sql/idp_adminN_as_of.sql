-- The rows that the API served at a time, as last seen then.
WITH counting AS (
  SELECT admin0_pcode, observed_at, MAX(observed_at) OVER (PARTITION BY admin0_pcode) AS looked_at
  FROM $schema.history_runs
  WHERE admin_level = $level AND counts_from <= $moment AND (counts_until IS NULL OR counts_until > $moment)
),
newest AS (  -- what the last of these runs that has any rows of a round says of it
  SELECT $round, MAX(observed_at) AS observed_at, MAX(looked_at) AS looked_at
  FROM $history
  JOIN counting USING (admin0_pcode, observed_at)
  GROUP BY $round
),
ranked AS (  -- a target that appends may have a row twice
  SELECT
    history.*,
    looked_at,
    ROW_NUMBER() OVER (
      PARTITION BY history.admin0_pcode, history.operation, row_number, history.observed_at ORDER BY looked_at
    ) AS place
  FROM $history AS history
  JOIN newest ON newest.observed_at = history.observed_at AND $same_round(history, newest)
)
SELECT *, $split($reason) AS displacement_reasons
FROM ranked
WHERE place = 1 AND NOT is_withdrawn
