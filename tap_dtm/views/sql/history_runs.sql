-- The runs of which the histories have all rows, and from when on a later run has replaced each.
{each_level}
SELECT $level AS admin_level, *
FROM (
  WITH looks AS (
    SELECT
      runs.*,
      COALESCE(found, 0) AS found,
      -- A run without rows says by what it follows whether it may have found less than the runs before it.
      COALESCE(cause, CASE WHEN follows IS NULL THEN 'reset' ELSE 'published' END) AS own_cause
    FROM (
      SELECT admin0_pcode, observed_at, MAX($follows) AS follows, MAX($added_rows) AS added_rows
      FROM $schema.runs
      WHERE $added_rows IS NOT NULL
      GROUP BY admin0_pcode, observed_at
    ) AS runs
    LEFT JOIN (
      SELECT admin0_pcode, observed_at, COUNT(*) AS found, MAX(cause) AS cause
      FROM (SELECT DISTINCT admin0_pcode, observed_at, operation, row_number, cause FROM $history) AS positions
      GROUP BY admin0_pcode, observed_at
    ) AS added USING (admin0_pcode, observed_at)
  ),
  followed AS (
    SELECT DISTINCT admin0_pcode, follows AS observed_at, TRUE AS is_followed FROM looks WHERE follows IS NOT NULL
  ),
  complete AS (
    SELECT looks.*, LAG(observed_at) OVER (PARTITION BY admin0_pcode ORDER BY observed_at) AS previous_observed_at
    FROM looks
    LEFT JOIN followed USING (admin0_pcode, observed_at)
    WHERE found = added_rows OR is_followed
  ),
  judged AS (
    SELECT *, COALESCE(follows = previous_observed_at, FALSE) AS follows_previous FROM complete
  ),
  breaks AS (
    SELECT admin0_pcode, observed_at, follows FROM judged WHERE NOT follows_previous
  ),
  replaced AS (
    SELECT judged.admin0_pcode, judged.observed_at, MIN(breaks.observed_at) AS replaced_at
    FROM judged
    JOIN breaks
      ON breaks.admin0_pcode = judged.admin0_pcode
      AND breaks.observed_at > judged.observed_at
      AND (breaks.follows IS NULL OR breaks.follows < judged.observed_at)
    GROUP BY judged.admin0_pcode, judged.observed_at
  ),
  undone AS (  -- where what a run replaced is not all of DTM's doing, neither is the difference to it
    SELECT breaks.admin0_pcode, breaks.observed_at, MAX(own_cause) AS undone_cause
    FROM breaks
    JOIN judged
      ON judged.admin0_pcode = breaks.admin0_pcode
      AND judged.observed_at < breaks.observed_at
      AND (breaks.follows IS NULL OR judged.observed_at > breaks.follows)
      AND own_cause <> 'published'
    GROUP BY breaks.admin0_pcode, breaks.observed_at
  )
  SELECT
    admin0_pcode,
    observed_at,
    CASE WHEN own_cause = 'published' THEN COALESCE(undone_cause, own_cause) ELSE own_cause END AS cause,
    previous_observed_at,
    follows_previous,
    replaced_at
  FROM judged
  LEFT JOIN replaced USING (admin0_pcode, observed_at)
  LEFT JOIN undone USING (admin0_pcode, observed_at)
) AS level_runs
{end}
