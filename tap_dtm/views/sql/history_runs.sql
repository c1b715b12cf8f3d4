-- The runs of which the histories have all rows, and when these count: while the last such run continues from them.
{each_level}
SELECT $level AS admin_level, *
FROM (
  WITH RECURSIVE looks AS (
    SELECT
      *,
      COALESCE(found, 0) = added_rows AS is_whole,
      COALESCE(found_cause, CASE WHEN follows IS NULL THEN 'reset' ELSE 'published' END) AS own_cause
    FROM (
      SELECT admin0_pcode, observed_at, MAX($follows) AS follows, MAX($added_rows) AS added_rows
      FROM $schema.runs
      WHERE $added_rows IS NOT NULL
      GROUP BY admin0_pcode, observed_at
    ) AS runs
    LEFT JOIN (
      SELECT admin0_pcode, observed_at, COUNT(*) AS found, MAX(cause) AS found_cause
      FROM (SELECT DISTINCT admin0_pcode, observed_at, operation, row_number, cause FROM $history) AS positions
      GROUP BY admin0_pcode, observed_at
    ) AS added USING (admin0_pcode, observed_at)
  ),
  followed AS (
    SELECT DISTINCT admin0_pcode, follows AS observed_at, TRUE AS is_followed FROM looks WHERE follows IS NOT NULL
  ),
  complete AS (
    SELECT
      admin0_pcode,
      observed_at,
      follows,
      COALESCE(own_cause, 'reset') AS own_cause,
      LAG(observed_at) OVER (PARTITION BY admin0_pcode ORDER BY observed_at) AS previous_observed_at
    FROM looks
    FULL JOIN followed USING (admin0_pcode, observed_at)
    WHERE is_whole OR is_followed
  ),
  numbered AS (  -- an era ends where a run does not continue from the run before it
    SELECT
      *,
      SUM(CASE WHEN follows = previous_observed_at THEN 0 ELSE 1 END) OVER (
        PARTITION BY admin0_pcode ORDER BY observed_at
      ) AS era
    FROM complete
  ),
  eras AS (
    SELECT
      admin0_pcode,
      era,
      follows,
      observed_at AS begins_at,
      LEAD(observed_at) OVER (PARTITION BY admin0_pcode ORDER BY observed_at) AS ends_at
    FROM numbered
    WHERE follows IS NULL OR previous_observed_at IS NULL OR follows <> previous_observed_at
  ),
  lineage AS (  -- each era with those that it continues, up to the run that it continues from
    SELECT admin0_pcode, era, era AS older_era, CAST(NULL AS TIMESTAMP) AS last_at FROM eras
    UNION ALL
    SELECT lineage.admin0_pcode, lineage.era, numbered.era AS older_era, numbered.observed_at AS last_at
    FROM lineage
    JOIN eras ON eras.admin0_pcode = lineage.admin0_pcode AND eras.era = lineage.older_era
    JOIN numbered ON numbered.admin0_pcode = eras.admin0_pcode AND numbered.observed_at = eras.follows
  ),
  counting AS (
    SELECT numbered.*, begins_at, ends_at
    FROM lineage
    JOIN numbered
      ON numbered.admin0_pcode = lineage.admin0_pcode
      AND numbered.era = older_era
      AND (last_at IS NULL OR numbered.observed_at <= last_at)
    JOIN eras ON eras.admin0_pcode = lineage.admin0_pcode AND eras.era = lineage.era
  ),
  undone AS (  -- where what begins or ceases to count with an era is not all of DTM's doing, neither is the difference
    SELECT admin0_pcode, begins_at AS observed_at, MAX(own_cause) AS undone_cause
    FROM (
      SELECT admin0_pcode, begins_at, observed_at, own_cause
      FROM (
        SELECT admin0_pcode, begins_at, observed_at, own_cause FROM counting WHERE observed_at < begins_at
        UNION ALL
        SELECT admin0_pcode, ends_at AS begins_at, observed_at, own_cause FROM counting WHERE ends_at IS NOT NULL
      ) AS both_sides
      GROUP BY admin0_pcode, begins_at, observed_at, own_cause
      HAVING COUNT(*) = 1 AND own_cause <> 'published'
    ) AS on_one_side
    GROUP BY admin0_pcode, begins_at
  )
  SELECT
    admin0_pcode,
    observed_at,
    CASE WHEN own_cause = 'published' THEN COALESCE(undone_cause, own_cause) ELSE own_cause END AS cause,
    previous_observed_at,
    GREATEST(observed_at, begins_at) AS counts_from,
    ends_at AS counts_until
  FROM counting
  LEFT JOIN undone USING (admin0_pcode, observed_at)
) AS level_runs
{end}
