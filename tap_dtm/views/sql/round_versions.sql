-- Each round in every state in which it was seen, from what began and ceased to count at the same time.
{each_level}
SELECT $level AS admin_level, *
FROM (
  WITH runs AS (
    SELECT * FROM $schema.history_runs WHERE admin_level = $level
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
      $round,
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
        $round, observed_at, row_number, admin0_name, seen_by, is_withdrawn, num_present_idp_ind,
        $area AS area,
        $content_hash AS content
      FROM $history
    ) AS distinct_rows
    GROUP BY $round, observed_at, area
  ),
  sightings AS (  -- numbered, as a join with what a round was next would take Postgres a thousand times as long
    SELECT *, DENSE_RANK() OVER (PARTITION BY $round, counts_until ORDER BY observed_at) AS place
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
    WINDOW next AS (PARTITION BY $round, counts_until ORDER BY place RANGE BETWEEN 1 FOLLOWING AND 1 FOLLOWING)
  ),
  deltas AS (  -- what ceases to count, and an equal area that begins to, are no change
    SELECT
      $round,
      area,
      CASE WHEN step > 0 THEN began_at ELSE ceased_at END AS valid_from,
      MAX($of_that_run(seen_by, next_seen_by)) AS seen_by,
      MAX($of_that_run(cause, next_cause)) AS run_cause,
      MAX($of_that_run(previous_observed_at, next_previous_at)) AS run_before,
      MAX(country) AS country,
      SUM(step * row_count) AS added_rows,
      SUM(step * figures) AS added_figures,
      SUM(step * idps) AS added_idps
    FROM spans
    CROSS JOIN (SELECT 1 AS step UNION ALL SELECT -1 AS step) AS steps
    WHERE is_gone = 0 AND (ceased_at IS NULL OR ceased_at > began_at) AND (step > 0 OR ceased_at IS NOT NULL)
    GROUP BY $round, area, valid_from
    HAVING SUM(step * row_count) <> 0 OR SUM(step * content) <> 0
  ),
  changes AS (
    SELECT
      $round,
      valid_from,
      MAX(seen_by) AS seen_by,
      MAX(run_cause) AS run_cause,
      MAX(run_before) AS run_before,
      MAX(country) AS country,
      $changed_areas AS changed_areas,
      CAST(SUM(added_rows) AS BIGINT) AS added_rows,
      CAST(SUM(added_figures) AS BIGINT) AS added_figures,
      CAST(SUM(added_idps) AS BIGINT) AS added_idps
    FROM deltas
    GROUP BY $round, valid_from
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
    WINDOW past AS (PARTITION BY $round ORDER BY valid_from)
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
    WINDOW same_number AS (PARTITION BY $series, round_number, valid_from)
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
{end}
