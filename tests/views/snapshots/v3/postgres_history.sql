-- Generated from tap_dtm/views/sql/: python3 make.py generate

-- history_runs
SELECT
  admin0_pcode,
  admin_level,
  observed_at,
  cause,
  previous_observed_at,
  counts_from,
  counts_until
FROM (
-- The runs of which the histories have all rows, and when these count: while the last such run continues from them.
SELECT 0 AS admin_level, *
FROM (
  WITH RECURSIVE looks AS (
    SELECT
      *,
      COALESCE(found, 0) = added_rows AS is_whole,
      COALESCE(found_cause, CASE WHEN follows IS NULL THEN 'reset' ELSE 'published' END) AS own_cause
    FROM (
      SELECT admin0_pcode, observed_at, MAX(admin0_follows) AS follows, MAX(admin0_rows) AS added_rows
      FROM "dtm".runs
      WHERE admin0_rows IS NOT NULL
      GROUP BY admin0_pcode, observed_at
    ) AS runs
    LEFT JOIN (
      SELECT admin0_pcode, observed_at, COUNT(*) AS found, MAX(cause) AS found_cause
      FROM (SELECT DISTINCT admin0_pcode, observed_at, operation, row_number, cause FROM "dtm".idp_admin0_history) AS positions
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
UNION ALL
SELECT 1 AS admin_level, *
FROM (
  WITH RECURSIVE looks AS (
    SELECT
      *,
      COALESCE(found, 0) = added_rows AS is_whole,
      COALESCE(found_cause, CASE WHEN follows IS NULL THEN 'reset' ELSE 'published' END) AS own_cause
    FROM (
      SELECT admin0_pcode, observed_at, MAX(admin1_follows) AS follows, MAX(admin1_rows) AS added_rows
      FROM "dtm".runs
      WHERE admin1_rows IS NOT NULL
      GROUP BY admin0_pcode, observed_at
    ) AS runs
    LEFT JOIN (
      SELECT admin0_pcode, observed_at, COUNT(*) AS found, MAX(cause) AS found_cause
      FROM (SELECT DISTINCT admin0_pcode, observed_at, operation, row_number, cause FROM "dtm".idp_admin1_history) AS positions
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
UNION ALL
SELECT 2 AS admin_level, *
FROM (
  WITH RECURSIVE looks AS (
    SELECT
      *,
      COALESCE(found, 0) = added_rows AS is_whole,
      COALESCE(found_cause, CASE WHEN follows IS NULL THEN 'reset' ELSE 'published' END) AS own_cause
    FROM (
      SELECT admin0_pcode, observed_at, MAX(admin2_follows) AS follows, MAX(admin2_rows) AS added_rows
      FROM "dtm".runs
      WHERE admin2_rows IS NOT NULL
      GROUP BY admin0_pcode, observed_at
    ) AS runs
    LEFT JOIN (
      SELECT admin0_pcode, observed_at, COUNT(*) AS found, MAX(cause) AS found_cause
      FROM (SELECT DISTINCT admin0_pcode, observed_at, operation, row_number, cause FROM "dtm".idp_admin2_history) AS positions
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
) AS answer;

-- idp_admin0_as_of
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  row_number,
  reporting_date,
  round_number,
  assessment_type,
  year_reporting_date,
  month_reporting_date,
  num_present_idp_ind,
  displacement_reason,
  displacement_reasons,
  number_males,
  number_females,
  idp_origin_admin1_pcode,
  idp_origin_admin1_name,
  observed_at,
  looked_at
FROM (
-- The rows that the API served at a time, as last seen then.
WITH counting AS (
  SELECT admin0_pcode, observed_at, MAX(observed_at) OVER (PARTITION BY admin0_pcode) AS looked_at
  FROM "dtm".history_runs
  WHERE admin_level = 0 AND counts_from <= moment AND (counts_until IS NULL OR counts_until > moment)
),
newest AS (  -- what the last of these runs that has any rows of a round says of it
  SELECT admin0_pcode, operation, assessment_type, reporting_date, round_number, MAX(observed_at) AS observed_at, MAX(looked_at) AS looked_at
  FROM "dtm".idp_admin0_history
  JOIN counting USING (admin0_pcode, observed_at)
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
),
ranked AS (  -- a target that appends may have a row twice
  SELECT
    history.*,
    looked_at,
    ROW_NUMBER() OVER (
      PARTITION BY history.admin0_pcode, history.operation, row_number, history.observed_at ORDER BY looked_at
    ) AS place
  FROM "dtm".idp_admin0_history AS history
  JOIN newest ON newest.observed_at = history.observed_at AND history.admin0_pcode = newest.admin0_pcode AND history.operation = newest.operation AND history.reporting_date = newest.reporting_date AND COALESCE(history.assessment_type, '') = COALESCE(newest.assessment_type, '') AND (history.assessment_type IS NULL) = (newest.assessment_type IS NULL) AND COALESCE(history.round_number, 0) = COALESCE(newest.round_number, 0) AND (history.round_number IS NULL) = (newest.round_number IS NULL)
)
SELECT *, STRING_TO_ARRAY(COALESCE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), ''), '; ') AS displacement_reasons
FROM ranked
WHERE place = 1 AND NOT is_withdrawn
) AS answer;

-- idp_admin1_as_of
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  row_number,
  reporting_date,
  round_number,
  assessment_type,
  year_reporting_date,
  month_reporting_date,
  admin1_pcode,
  admin1_name,
  num_present_idp_ind,
  displacement_reason,
  displacement_reasons,
  number_males,
  number_females,
  idp_origin_admin1_pcode,
  idp_origin_admin1_name,
  observed_at,
  looked_at
FROM (
-- The rows that the API served at a time, as last seen then.
WITH counting AS (
  SELECT admin0_pcode, observed_at, MAX(observed_at) OVER (PARTITION BY admin0_pcode) AS looked_at
  FROM "dtm".history_runs
  WHERE admin_level = 1 AND counts_from <= moment AND (counts_until IS NULL OR counts_until > moment)
),
newest AS (  -- what the last of these runs that has any rows of a round says of it
  SELECT admin0_pcode, operation, assessment_type, reporting_date, round_number, MAX(observed_at) AS observed_at, MAX(looked_at) AS looked_at
  FROM "dtm".idp_admin1_history
  JOIN counting USING (admin0_pcode, observed_at)
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
),
ranked AS (  -- a target that appends may have a row twice
  SELECT
    history.*,
    looked_at,
    ROW_NUMBER() OVER (
      PARTITION BY history.admin0_pcode, history.operation, row_number, history.observed_at ORDER BY looked_at
    ) AS place
  FROM "dtm".idp_admin1_history AS history
  JOIN newest ON newest.observed_at = history.observed_at AND history.admin0_pcode = newest.admin0_pcode AND history.operation = newest.operation AND history.reporting_date = newest.reporting_date AND COALESCE(history.assessment_type, '') = COALESCE(newest.assessment_type, '') AND (history.assessment_type IS NULL) = (newest.assessment_type IS NULL) AND COALESCE(history.round_number, 0) = COALESCE(newest.round_number, 0) AND (history.round_number IS NULL) = (newest.round_number IS NULL)
)
SELECT *, STRING_TO_ARRAY(COALESCE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), ''), '; ') AS displacement_reasons
FROM ranked
WHERE place = 1 AND NOT is_withdrawn
) AS answer;

-- idp_admin2_as_of
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  row_number,
  reporting_date,
  round_number,
  assessment_type,
  year_reporting_date,
  month_reporting_date,
  admin1_pcode,
  admin1_name,
  admin2_pcode,
  admin2_name,
  num_present_idp_ind,
  displacement_reason,
  displacement_reasons,
  number_males,
  number_females,
  idp_origin_admin1_pcode,
  idp_origin_admin1_name,
  observed_at,
  looked_at
FROM (
-- The rows that the API served at a time, as last seen then.
WITH counting AS (
  SELECT admin0_pcode, observed_at, MAX(observed_at) OVER (PARTITION BY admin0_pcode) AS looked_at
  FROM "dtm".history_runs
  WHERE admin_level = 2 AND counts_from <= moment AND (counts_until IS NULL OR counts_until > moment)
),
newest AS (  -- what the last of these runs that has any rows of a round says of it
  SELECT admin0_pcode, operation, assessment_type, reporting_date, round_number, MAX(observed_at) AS observed_at, MAX(looked_at) AS looked_at
  FROM "dtm".idp_admin2_history
  JOIN counting USING (admin0_pcode, observed_at)
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
),
ranked AS (  -- a target that appends may have a row twice
  SELECT
    history.*,
    looked_at,
    ROW_NUMBER() OVER (
      PARTITION BY history.admin0_pcode, history.operation, row_number, history.observed_at ORDER BY looked_at
    ) AS place
  FROM "dtm".idp_admin2_history AS history
  JOIN newest ON newest.observed_at = history.observed_at AND history.admin0_pcode = newest.admin0_pcode AND history.operation = newest.operation AND history.reporting_date = newest.reporting_date AND COALESCE(history.assessment_type, '') = COALESCE(newest.assessment_type, '') AND (history.assessment_type IS NULL) = (newest.assessment_type IS NULL) AND COALESCE(history.round_number, 0) = COALESCE(newest.round_number, 0) AND (history.round_number IS NULL) = (newest.round_number IS NULL)
)
SELECT *, STRING_TO_ARRAY(COALESCE(NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason, '[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; ', 'g'), '^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', '', 'g')), ''), ''), '; ') AS displacement_reasons
FROM ranked
WHERE place = 1 AND NOT is_withdrawn
) AS answer;

-- round_versions
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  assessment_type,
  reporting_date,
  round_number,
  admin_level,
  event,
  valid_from,
  valid_until,
  not_seen_at,
  seen_by,
  idps,
  row_count,
  previous_reporting_date,
  previous_idps,
  changed_areas
FROM (
-- Each round in every state in which it was seen, from what began and ceased to count at the same time.
SELECT 0 AS admin_level, *
FROM (
  WITH runs AS (
    SELECT * FROM "dtm".history_runs WHERE admin_level = 0
  ),
  breaks AS (  -- the runs that did not continue from the run before them
    SELECT runs.admin0_pcode, runs.observed_at, cause, previous_observed_at
    FROM runs
    JOIN (
      SELECT DISTINCT admin0_pcode, counts_until AS observed_at FROM runs WHERE counts_until IS NOT NULL
    ) AS ends ON ends.admin0_pcode = runs.admin0_pcode AND ends.observed_at = runs.observed_at
    WHERE counts_from = runs.observed_at
  ),
  contents AS (  -- what a run says of a round, area by area; a target that appends may have a row twice
    SELECT
      admin0_pcode, operation, assessment_type, reporting_date, round_number,
      observed_at,
      area,
      MAX(admin0_name) AS country,
      MAX(seen_by) AS seen_by,
      MAX(CASE WHEN is_withdrawn THEN 1 ELSE 0 END) AS is_gone,
      COUNT(*) AS row_count,
      COUNT(num_present_idp_ind) AS figures,
      COALESCE(SUM(num_present_idp_ind), 0) AS idps,
      SUM(content) AS content
    FROM (
      SELECT DISTINCT
        admin0_pcode, operation, assessment_type, reporting_date, round_number, observed_at, row_number, admin0_name, seen_by, is_withdrawn, num_present_idp_ind,
        '' AS area,
        HASHTEXTEXTENDED(COALESCE('=' || CAST(admin0_pcode AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(admin0_name AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(operation AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(reporting_date AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(round_number AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(assessment_type AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(year_reporting_date AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(month_reporting_date AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(num_present_idp_ind AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(displacement_reason AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(number_males AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(number_females AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(idp_origin_admin1_pcode AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(idp_origin_admin1_name AS TEXT), ''), 0) AS content
      FROM "dtm".idp_admin0_history
    ) AS distinct_rows
    GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number, observed_at, area
  ),
  sightings AS (  -- numbered, as a join with what a round was next would take Postgres a thousand times as long
    SELECT *, DENSE_RANK() OVER (PARTITION BY admin0_pcode, operation, assessment_type, reporting_date, round_number, counts_until ORDER BY observed_at) AS place
    FROM contents
    JOIN runs USING (admin0_pcode, observed_at)
  ),
  spans AS (
    SELECT
      *,
      counts_from AS began_at,
      COALESCE(MAX(counts_from) OVER next, counts_until) AS ceased_at,
      MAX(observed_at) OVER next AS next_at,
      MAX(seen_by) OVER next AS next_seen_by,
      MAX(cause) OVER next AS next_cause,
      MAX(previous_observed_at) OVER next AS next_previous_at
    FROM sightings
    WINDOW next AS (PARTITION BY admin0_pcode, operation, assessment_type, reporting_date, round_number, counts_until ORDER BY place RANGE BETWEEN 1 FOLLOWING AND 1 FOLLOWING)
  ),
  deltas AS (  -- what ceases to count, and an equal area that begins to, are no change
    SELECT
      admin0_pcode, operation, assessment_type, reporting_date, round_number,
      area,
      CASE WHEN step > 0 THEN began_at ELSE ceased_at END AS valid_from,
      MAX(CASE WHEN step > 0 AND began_at = observed_at THEN seen_by WHEN step < 0 AND ceased_at = next_at THEN next_seen_by END) AS seen_by,
      MAX(CASE WHEN step > 0 AND began_at = observed_at THEN cause WHEN step < 0 AND ceased_at = next_at THEN next_cause END) AS run_cause,
      MAX(CASE WHEN step > 0 AND began_at = observed_at THEN previous_observed_at WHEN step < 0 AND ceased_at = next_at THEN next_previous_at END) AS run_before,
      MAX(country) AS country,
      SUM(step * row_count) AS added_rows,
      SUM(step * figures) AS added_figures,
      SUM(step * idps) AS added_idps
    FROM spans
    CROSS JOIN (SELECT 1 AS step UNION ALL SELECT -1 AS step) AS steps
    WHERE is_gone = 0 AND (ceased_at IS NULL OR ceased_at > began_at) AND (step > 0 OR ceased_at IS NOT NULL)
    GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number, area, valid_from
    HAVING SUM(step * row_count) <> 0 OR SUM(step * content) <> 0
  ),
  changes AS (
    SELECT
      admin0_pcode, operation, assessment_type, reporting_date, round_number,
      valid_from,
      MAX(seen_by) AS seen_by,
      MAX(run_cause) AS run_cause,
      MAX(run_before) AS run_before,
      MAX(country) AS country,
      STRING_TO_ARRAY(COALESCE(CAST(NULL AS TEXT), ''), '; ') AS changed_areas,
      CAST(SUM(added_rows) AS BIGINT) AS added_rows,
      CAST(SUM(added_figures) AS BIGINT) AS added_figures,
      CAST(SUM(added_idps) AS BIGINT) AS added_idps
    FROM deltas
    GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number, valid_from
  ),
  states AS (
    SELECT
      *,
      MAX(country) OVER (PARTITION BY admin0_pcode) AS admin0_name,
      ROW_NUMBER() OVER past AS number,
      CAST(SUM(added_rows) OVER past AS BIGINT) AS row_count,
      CAST(SUM(added_figures) OVER past AS BIGINT) AS figures,
      CAST(SUM(added_idps) OVER past AS BIGINT) AS total,
      LEAD(valid_from) OVER past AS valid_until
    FROM changes
    WINDOW past AS (PARTITION BY admin0_pcode, operation, assessment_type, reporting_date, round_number ORDER BY valid_from)
  ),
  compared AS (
    SELECT
      *,
      CASE WHEN figures > 0 THEN total END AS idps,
      CASE WHEN figures - added_figures > 0 THEN total - added_idps END AS idps_before,
      CASE WHEN row_count = added_rows THEN 1 ELSE 0 END AS has_come,
      CASE WHEN row_count = 0 THEN 1 ELSE 0 END AS has_gone
    FROM states
  ),
  caused AS (
    SELECT
      compared.*,
      COALESCE(run_cause, breaks.cause) AS cause,
      COALESCE(run_before, previous_observed_at) AS not_seen_at
    FROM compared
    LEFT JOIN breaks ON breaks.admin0_pcode = compared.admin0_pcode AND breaks.observed_at = valid_from
  ),
  paired AS (  -- with the round of the same number that went when this one came
    SELECT
      *,
      round_number IS NOT NULL
        AND SUM(has_come) OVER same_number = 1
        AND SUM(has_gone) OVER same_number = 1
        AND has_come + has_gone = 1 AS is_redated,
      MAX(CASE WHEN has_gone = 1 THEN reporting_date END) OVER same_number AS date_before,
      MAX(CASE WHEN has_gone = 1 THEN idps_before END) OVER same_number AS redated_idps
    FROM caused
    WINDOW same_number AS (PARTITION BY admin0_pcode, operation, assessment_type, round_number, valid_from)
  )
  SELECT
    *,
    CASE
      WHEN cause <> 'published' THEN cause
      WHEN is_redated THEN 're-dated'
      WHEN has_gone = 1 THEN 'withdrawn'
      WHEN has_come = 0 THEN 'corrected'
      WHEN number = 1 THEN 'published'
      ELSE 'back'
    END AS event,
    CASE WHEN is_redated THEN date_before END AS previous_reporting_date,
    CASE WHEN is_redated THEN redated_idps ELSE idps_before END AS previous_idps
  FROM paired
  WHERE NOT (is_redated AND has_gone = 1 AND cause = 'published')
) AS level_versions
UNION ALL
SELECT 1 AS admin_level, *
FROM (
  WITH runs AS (
    SELECT * FROM "dtm".history_runs WHERE admin_level = 1
  ),
  breaks AS (  -- the runs that did not continue from the run before them
    SELECT runs.admin0_pcode, runs.observed_at, cause, previous_observed_at
    FROM runs
    JOIN (
      SELECT DISTINCT admin0_pcode, counts_until AS observed_at FROM runs WHERE counts_until IS NOT NULL
    ) AS ends ON ends.admin0_pcode = runs.admin0_pcode AND ends.observed_at = runs.observed_at
    WHERE counts_from = runs.observed_at
  ),
  contents AS (  -- what a run says of a round, area by area; a target that appends may have a row twice
    SELECT
      admin0_pcode, operation, assessment_type, reporting_date, round_number,
      observed_at,
      area,
      MAX(admin0_name) AS country,
      MAX(seen_by) AS seen_by,
      MAX(CASE WHEN is_withdrawn THEN 1 ELSE 0 END) AS is_gone,
      COUNT(*) AS row_count,
      COUNT(num_present_idp_ind) AS figures,
      COALESCE(SUM(num_present_idp_ind), 0) AS idps,
      SUM(content) AS content
    FROM (
      SELECT DISTINCT
        admin0_pcode, operation, assessment_type, reporting_date, round_number, observed_at, row_number, admin0_name, seen_by, is_withdrawn, num_present_idp_ind,
        CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN COALESCE(admin1_name, '') ELSE admin1_pcode END AS area,
        HASHTEXTEXTENDED(COALESCE('=' || CAST(admin0_pcode AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(admin0_name AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(operation AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(reporting_date AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(round_number AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(assessment_type AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(year_reporting_date AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(month_reporting_date AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(admin1_pcode AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(admin1_name AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(num_present_idp_ind AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(displacement_reason AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(number_males AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(number_females AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(idp_origin_admin1_pcode AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(idp_origin_admin1_name AS TEXT), ''), 0) AS content
      FROM "dtm".idp_admin1_history
    ) AS distinct_rows
    GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number, observed_at, area
  ),
  sightings AS (  -- numbered, as a join with what a round was next would take Postgres a thousand times as long
    SELECT *, DENSE_RANK() OVER (PARTITION BY admin0_pcode, operation, assessment_type, reporting_date, round_number, counts_until ORDER BY observed_at) AS place
    FROM contents
    JOIN runs USING (admin0_pcode, observed_at)
  ),
  spans AS (
    SELECT
      *,
      counts_from AS began_at,
      COALESCE(MAX(counts_from) OVER next, counts_until) AS ceased_at,
      MAX(observed_at) OVER next AS next_at,
      MAX(seen_by) OVER next AS next_seen_by,
      MAX(cause) OVER next AS next_cause,
      MAX(previous_observed_at) OVER next AS next_previous_at
    FROM sightings
    WINDOW next AS (PARTITION BY admin0_pcode, operation, assessment_type, reporting_date, round_number, counts_until ORDER BY place RANGE BETWEEN 1 FOLLOWING AND 1 FOLLOWING)
  ),
  deltas AS (  -- what ceases to count, and an equal area that begins to, are no change
    SELECT
      admin0_pcode, operation, assessment_type, reporting_date, round_number,
      area,
      CASE WHEN step > 0 THEN began_at ELSE ceased_at END AS valid_from,
      MAX(CASE WHEN step > 0 AND began_at = observed_at THEN seen_by WHEN step < 0 AND ceased_at = next_at THEN next_seen_by END) AS seen_by,
      MAX(CASE WHEN step > 0 AND began_at = observed_at THEN cause WHEN step < 0 AND ceased_at = next_at THEN next_cause END) AS run_cause,
      MAX(CASE WHEN step > 0 AND began_at = observed_at THEN previous_observed_at WHEN step < 0 AND ceased_at = next_at THEN next_previous_at END) AS run_before,
      MAX(country) AS country,
      SUM(step * row_count) AS added_rows,
      SUM(step * figures) AS added_figures,
      SUM(step * idps) AS added_idps
    FROM spans
    CROSS JOIN (SELECT 1 AS step UNION ALL SELECT -1 AS step) AS steps
    WHERE is_gone = 0 AND (ceased_at IS NULL OR ceased_at > began_at) AND (step > 0 OR ceased_at IS NOT NULL)
    GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number, area, valid_from
    HAVING SUM(step * row_count) <> 0 OR SUM(step * content) <> 0
  ),
  changes AS (
    SELECT
      admin0_pcode, operation, assessment_type, reporting_date, round_number,
      valid_from,
      MAX(seen_by) AS seen_by,
      MAX(run_cause) AS run_cause,
      MAX(run_before) AS run_before,
      MAX(country) AS country,
      ARRAY_AGG(CAST(area AS TEXT) ORDER BY area) AS changed_areas,
      CAST(SUM(added_rows) AS BIGINT) AS added_rows,
      CAST(SUM(added_figures) AS BIGINT) AS added_figures,
      CAST(SUM(added_idps) AS BIGINT) AS added_idps
    FROM deltas
    GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number, valid_from
  ),
  states AS (
    SELECT
      *,
      MAX(country) OVER (PARTITION BY admin0_pcode) AS admin0_name,
      ROW_NUMBER() OVER past AS number,
      CAST(SUM(added_rows) OVER past AS BIGINT) AS row_count,
      CAST(SUM(added_figures) OVER past AS BIGINT) AS figures,
      CAST(SUM(added_idps) OVER past AS BIGINT) AS total,
      LEAD(valid_from) OVER past AS valid_until
    FROM changes
    WINDOW past AS (PARTITION BY admin0_pcode, operation, assessment_type, reporting_date, round_number ORDER BY valid_from)
  ),
  compared AS (
    SELECT
      *,
      CASE WHEN figures > 0 THEN total END AS idps,
      CASE WHEN figures - added_figures > 0 THEN total - added_idps END AS idps_before,
      CASE WHEN row_count = added_rows THEN 1 ELSE 0 END AS has_come,
      CASE WHEN row_count = 0 THEN 1 ELSE 0 END AS has_gone
    FROM states
  ),
  caused AS (
    SELECT
      compared.*,
      COALESCE(run_cause, breaks.cause) AS cause,
      COALESCE(run_before, previous_observed_at) AS not_seen_at
    FROM compared
    LEFT JOIN breaks ON breaks.admin0_pcode = compared.admin0_pcode AND breaks.observed_at = valid_from
  ),
  paired AS (  -- with the round of the same number that went when this one came
    SELECT
      *,
      round_number IS NOT NULL
        AND SUM(has_come) OVER same_number = 1
        AND SUM(has_gone) OVER same_number = 1
        AND has_come + has_gone = 1 AS is_redated,
      MAX(CASE WHEN has_gone = 1 THEN reporting_date END) OVER same_number AS date_before,
      MAX(CASE WHEN has_gone = 1 THEN idps_before END) OVER same_number AS redated_idps
    FROM caused
    WINDOW same_number AS (PARTITION BY admin0_pcode, operation, assessment_type, round_number, valid_from)
  )
  SELECT
    *,
    CASE
      WHEN cause <> 'published' THEN cause
      WHEN is_redated THEN 're-dated'
      WHEN has_gone = 1 THEN 'withdrawn'
      WHEN has_come = 0 THEN 'corrected'
      WHEN number = 1 THEN 'published'
      ELSE 'back'
    END AS event,
    CASE WHEN is_redated THEN date_before END AS previous_reporting_date,
    CASE WHEN is_redated THEN redated_idps ELSE idps_before END AS previous_idps
  FROM paired
  WHERE NOT (is_redated AND has_gone = 1 AND cause = 'published')
) AS level_versions
UNION ALL
SELECT 2 AS admin_level, *
FROM (
  WITH runs AS (
    SELECT * FROM "dtm".history_runs WHERE admin_level = 2
  ),
  breaks AS (  -- the runs that did not continue from the run before them
    SELECT runs.admin0_pcode, runs.observed_at, cause, previous_observed_at
    FROM runs
    JOIN (
      SELECT DISTINCT admin0_pcode, counts_until AS observed_at FROM runs WHERE counts_until IS NOT NULL
    ) AS ends ON ends.admin0_pcode = runs.admin0_pcode AND ends.observed_at = runs.observed_at
    WHERE counts_from = runs.observed_at
  ),
  contents AS (  -- what a run says of a round, area by area; a target that appends may have a row twice
    SELECT
      admin0_pcode, operation, assessment_type, reporting_date, round_number,
      observed_at,
      area,
      MAX(admin0_name) AS country,
      MAX(seen_by) AS seen_by,
      MAX(CASE WHEN is_withdrawn THEN 1 ELSE 0 END) AS is_gone,
      COUNT(*) AS row_count,
      COUNT(num_present_idp_ind) AS figures,
      COALESCE(SUM(num_present_idp_ind), 0) AS idps,
      SUM(content) AS content
    FROM (
      SELECT DISTINCT
        admin0_pcode, operation, assessment_type, reporting_date, round_number, observed_at, row_number, admin0_name, seen_by, is_withdrawn, num_present_idp_ind,
        CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN COALESCE(admin2_name, '') ELSE admin2_pcode END AS area,
        HASHTEXTEXTENDED(COALESCE('=' || CAST(admin0_pcode AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(admin0_name AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(operation AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(reporting_date AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(round_number AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(assessment_type AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(year_reporting_date AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(month_reporting_date AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(admin1_pcode AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(admin1_name AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(admin2_pcode AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(admin2_name AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(num_present_idp_ind AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(displacement_reason AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(number_males AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(number_females AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(idp_origin_admin1_pcode AS TEXT), '') || CHR(31) || COALESCE('=' || CAST(idp_origin_admin1_name AS TEXT), ''), 0) AS content
      FROM "dtm".idp_admin2_history
    ) AS distinct_rows
    GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number, observed_at, area
  ),
  sightings AS (  -- numbered, as a join with what a round was next would take Postgres a thousand times as long
    SELECT *, DENSE_RANK() OVER (PARTITION BY admin0_pcode, operation, assessment_type, reporting_date, round_number, counts_until ORDER BY observed_at) AS place
    FROM contents
    JOIN runs USING (admin0_pcode, observed_at)
  ),
  spans AS (
    SELECT
      *,
      counts_from AS began_at,
      COALESCE(MAX(counts_from) OVER next, counts_until) AS ceased_at,
      MAX(observed_at) OVER next AS next_at,
      MAX(seen_by) OVER next AS next_seen_by,
      MAX(cause) OVER next AS next_cause,
      MAX(previous_observed_at) OVER next AS next_previous_at
    FROM sightings
    WINDOW next AS (PARTITION BY admin0_pcode, operation, assessment_type, reporting_date, round_number, counts_until ORDER BY place RANGE BETWEEN 1 FOLLOWING AND 1 FOLLOWING)
  ),
  deltas AS (  -- what ceases to count, and an equal area that begins to, are no change
    SELECT
      admin0_pcode, operation, assessment_type, reporting_date, round_number,
      area,
      CASE WHEN step > 0 THEN began_at ELSE ceased_at END AS valid_from,
      MAX(CASE WHEN step > 0 AND began_at = observed_at THEN seen_by WHEN step < 0 AND ceased_at = next_at THEN next_seen_by END) AS seen_by,
      MAX(CASE WHEN step > 0 AND began_at = observed_at THEN cause WHEN step < 0 AND ceased_at = next_at THEN next_cause END) AS run_cause,
      MAX(CASE WHEN step > 0 AND began_at = observed_at THEN previous_observed_at WHEN step < 0 AND ceased_at = next_at THEN next_previous_at END) AS run_before,
      MAX(country) AS country,
      SUM(step * row_count) AS added_rows,
      SUM(step * figures) AS added_figures,
      SUM(step * idps) AS added_idps
    FROM spans
    CROSS JOIN (SELECT 1 AS step UNION ALL SELECT -1 AS step) AS steps
    WHERE is_gone = 0 AND (ceased_at IS NULL OR ceased_at > began_at) AND (step > 0 OR ceased_at IS NOT NULL)
    GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number, area, valid_from
    HAVING SUM(step * row_count) <> 0 OR SUM(step * content) <> 0
  ),
  changes AS (
    SELECT
      admin0_pcode, operation, assessment_type, reporting_date, round_number,
      valid_from,
      MAX(seen_by) AS seen_by,
      MAX(run_cause) AS run_cause,
      MAX(run_before) AS run_before,
      MAX(country) AS country,
      ARRAY_AGG(CAST(area AS TEXT) ORDER BY area) AS changed_areas,
      CAST(SUM(added_rows) AS BIGINT) AS added_rows,
      CAST(SUM(added_figures) AS BIGINT) AS added_figures,
      CAST(SUM(added_idps) AS BIGINT) AS added_idps
    FROM deltas
    GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number, valid_from
  ),
  states AS (
    SELECT
      *,
      MAX(country) OVER (PARTITION BY admin0_pcode) AS admin0_name,
      ROW_NUMBER() OVER past AS number,
      CAST(SUM(added_rows) OVER past AS BIGINT) AS row_count,
      CAST(SUM(added_figures) OVER past AS BIGINT) AS figures,
      CAST(SUM(added_idps) OVER past AS BIGINT) AS total,
      LEAD(valid_from) OVER past AS valid_until
    FROM changes
    WINDOW past AS (PARTITION BY admin0_pcode, operation, assessment_type, reporting_date, round_number ORDER BY valid_from)
  ),
  compared AS (
    SELECT
      *,
      CASE WHEN figures > 0 THEN total END AS idps,
      CASE WHEN figures - added_figures > 0 THEN total - added_idps END AS idps_before,
      CASE WHEN row_count = added_rows THEN 1 ELSE 0 END AS has_come,
      CASE WHEN row_count = 0 THEN 1 ELSE 0 END AS has_gone
    FROM states
  ),
  caused AS (
    SELECT
      compared.*,
      COALESCE(run_cause, breaks.cause) AS cause,
      COALESCE(run_before, previous_observed_at) AS not_seen_at
    FROM compared
    LEFT JOIN breaks ON breaks.admin0_pcode = compared.admin0_pcode AND breaks.observed_at = valid_from
  ),
  paired AS (  -- with the round of the same number that went when this one came
    SELECT
      *,
      round_number IS NOT NULL
        AND SUM(has_come) OVER same_number = 1
        AND SUM(has_gone) OVER same_number = 1
        AND has_come + has_gone = 1 AS is_redated,
      MAX(CASE WHEN has_gone = 1 THEN reporting_date END) OVER same_number AS date_before,
      MAX(CASE WHEN has_gone = 1 THEN idps_before END) OVER same_number AS redated_idps
    FROM caused
    WINDOW same_number AS (PARTITION BY admin0_pcode, operation, assessment_type, round_number, valid_from)
  )
  SELECT
    *,
    CASE
      WHEN cause <> 'published' THEN cause
      WHEN is_redated THEN 're-dated'
      WHEN has_gone = 1 THEN 'withdrawn'
      WHEN has_come = 0 THEN 'corrected'
      WHEN number = 1 THEN 'published'
      ELSE 'back'
    END AS event,
    CASE WHEN is_redated THEN date_before END AS previous_reporting_date,
    CASE WHEN is_redated THEN redated_idps ELSE idps_before END AS previous_idps
  FROM paired
  WHERE NOT (is_redated AND has_gone = 1 AND cause = 'published')
) AS level_versions
) AS answer;

-- revisions
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  assessment_type,
  reporting_date,
  round_number,
  admin_level,
  event,
  valid_from,
  not_seen_at,
  seen_by,
  previous_reporting_date,
  previous_idps,
  idps,
  change,
  row_count,
  changed_areas
FROM (
-- The changes that DTM itself made.
SELECT *, idps - previous_idps AS change
FROM "dtm".round_versions
WHERE event IN ('published', 'corrected', 're-dated', 'withdrawn', 'back')
) AS answer;

-- publication_lag
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  round_count,
  look_count,
  lag_days,
  lag_days_at_least,
  shortest_days,
  longest_days
FROM (
-- How late the rounds of an operation were, as far as a run first saw each of them at the level that every run asks for.
WITH lags AS (
  SELECT
    *,
    (CAST(valid_from AS DATE) - reporting_date) AS lag,
    (CAST(not_seen_at AS DATE) - reporting_date) AS lag_before
  FROM "dtm".round_versions
  WHERE admin_level = 0 AND event = 'published' AND seen_by = 'index'
),
ranked AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY admin0_pcode, operation ORDER BY lag) AS place,
    ROW_NUMBER() OVER (PARTITION BY admin0_pcode, operation ORDER BY lag_before NULLS LAST) AS place_before,
    COUNT(lag) OVER (PARTITION BY admin0_pcode, operation) AS size,
    COUNT(lag_before) OVER (PARTITION BY admin0_pcode, operation) AS size_before
  FROM lags
)
SELECT
  admin0_pcode,
  operation,
  MAX(admin0_name) AS admin0_name,
  COUNT(*) AS round_count,
  COUNT(DISTINCT valid_from) AS look_count,
  CAST(FLOOR(AVG(CASE WHEN place * 2 IN (size, size + 1, size + 2) THEN lag END) + 0.5) AS BIGINT) AS lag_days,
  CAST(FLOOR(AVG(CASE WHEN place_before * 2 IN (size_before, size_before + 1, size_before + 2) THEN lag_before END) + 0.5) AS BIGINT) AS lag_days_at_least,
  MIN(lag) AS shortest_days,
  MAX(lag) AS longest_days
FROM ranked
GROUP BY admin0_pcode, operation
) AS answer;

-- operation_freshness
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  operation_status,
  first_reporting_date,
  newest_reporting_date,
  date_count,
  interval_days,
  age_days,
  age_in_intervals,
  publication_days,
  is_lag_measured,
  freshness
FROM (
-- The age of an operation, compared with the median of the days from one of its rounds to the next.
WITH gaps AS (  -- within one assessment type; two dates of one round are not two rounds
  SELECT
    *,
    CASE
      WHEN days_since_previous > 0 AND COALESCE(round_number <> previous_round_number, TRUE) THEN days_since_previous
    END AS gap
  FROM "dtm".operation_rounds
),
ranked AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY admin0_pcode, operation ORDER BY gap NULLS LAST) AS place,
    COUNT(gap) OVER (PARTITION BY admin0_pcode, operation) AS gap_count
  FROM gaps
),
ages AS (
  SELECT
    admin0_pcode,
    operation,
    MAX(admin0_name) AS admin0_name,
    MIN(reporting_date) AS first_reporting_date,
    MAX(reporting_date) AS newest_reporting_date,
    COUNT(DISTINCT reporting_date) AS date_count,
    (CURRENT_DATE - MAX(reporting_date)) AS age_days,
    CAST(FLOOR(AVG(CASE WHEN place * 2 IN (gap_count, gap_count + 1, gap_count + 2) THEN gap END) + 0.5) AS BIGINT) AS interval_days
  FROM ranked
  GROUP BY admin0_pcode, operation
),
statuses AS (
  SELECT admin0_pcode, operation, operation_status FROM "dtm".operations WHERE _sdc_deleted_at IS NULL
)
SELECT
  *,
  CAST(age_days AS DOUBLE PRECISION) / NULLIF(interval_days, 0) AS age_in_intervals,
  CAST(COALESCE(lag_days, 92) AS BIGINT) AS publication_days,
  lag_days IS NOT NULL AS is_lag_measured,
  CASE
    WHEN LOWER(operation_status) = 'inactive' THEN 'closed'
    WHEN interval_days IS NULL THEN 'single'
    WHEN age_days > interval_days + COALESCE(lag_days, 92) THEN 'stale'
    ELSE 'current'
  END AS freshness
FROM ages
LEFT JOIN statuses USING (admin0_pcode, operation)
LEFT JOIN (SELECT admin0_pcode, operation, lag_days FROM "dtm".publication_lag WHERE look_count >= 3) AS lags USING (admin0_pcode, operation)
) AS answer;
