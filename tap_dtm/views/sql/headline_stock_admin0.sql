-- One figure per country: the newest of one operation and one assessment type, and the rule that chose them.
WITH rounds AS (  -- those that have a figure
  SELECT
    $round,
    admin0_name,
    idps,
    $is_newest AS is_newest,
    $newest_dates
  FROM $schema.operation_rounds
  WHERE idps IS NOT NULL
),
newest AS (
  SELECT *, $is_newest_round AS is_newest_round FROM rounds WHERE is_newest
),
operations AS (
  SELECT admin0_pcode, operation, COALESCE(interval_days + publication_days, $single_days) AS current_days
  FROM $schema.operation_freshness
  WHERE freshness <> 'closed'
),
preferences AS (
  SELECT admin0_pcode, $composed(operation) AS preferred_operation, MAX(assessment_type) AS preferred_type
  FROM $schema.preferred_operations
  GROUP BY admin0_pcode, $composed(operation)
),
types AS (  -- type_place 1: the type that represents its operation
  SELECT
    newest.*,
    CASE WHEN preferred_operation IS NULL THEN 0 ELSE 1 END AS is_preferred,
    CASE
      WHEN $days(CASE WHEN is_newest_round THEN newest_reporting_date ELSE reporting_date END, $today) > current_days
        THEN 0
      ELSE 1
    END AS is_current,
    COUNT(CASE WHEN is_newest_round THEN 1 END) OVER (PARTITION BY newest.admin0_pcode, newest.operation)
      AS type_count,
    ROW_NUMBER() OVER (
      PARTITION BY newest.admin0_pcode, newest.operation
      ORDER BY
        CASE WHEN assessment_type = preferred_type THEN 0 WHEN is_newest_round THEN 1 ELSE 2 END,
        CASE assessment_type WHEN 'BA' THEN 1 WHEN 'SA' THEN 2 WHEN 'ETT' THEN 3 ELSE 4 END,
        assessment_type$bytewise NULLS LAST
    ) AS type_place
  FROM newest
  JOIN operations ON newest.admin0_pcode = operations.admin0_pcode AND newest.operation = operations.operation
  LEFT JOIN preferences
    ON newest.admin0_pcode = preferences.admin0_pcode AND $composed(newest.operation) = preferred_operation
),
ranked AS (
  SELECT
    *,
    ROW_NUMBER() OVER (
      PARTITION BY admin0_pcode
      ORDER BY is_preferred DESC, is_current DESC, reporting_date DESC, idps DESC, operation$bytewise
    ) AS place,
    COUNT(*) OVER (PARTITION BY admin0_pcode, is_preferred, is_current) AS candidates,
    COUNT(*) OVER (PARTITION BY admin0_pcode, is_preferred, is_current, reporting_date) AS same_date,
    COUNT(*) OVER (PARTITION BY admin0_pcode, is_preferred, is_current, reporting_date, idps) AS same_figure,
    COUNT(CASE WHEN is_current = 1 THEN 1 END) OVER (PARTITION BY admin0_pcode) - is_current AS alternatives,
    MIN(CASE WHEN is_current = 1 THEN idps END) OVER (PARTITION BY admin0_pcode) AS smallest,
    MAX(CASE WHEN is_current = 1 THEN idps END) OVER (PARTITION BY admin0_pcode) AS largest
  FROM types
  WHERE type_place = 1
)
SELECT
  *,
  idps AS num_present_idp_ind,
  $days(reporting_date, $today) AS age_days,
  CASE
    WHEN is_preferred = 1 THEN 'preferred'
    WHEN same_figure > 1 THEN 'name'
    WHEN same_date > 1 THEN 'largest figure'
    WHEN candidates > 1 THEN 'newest date'
    WHEN type_count > 1 THEN 'assessment type'
    ELSE 'only'
  END AS chosen_by,
  COALESCE((largest - idps) * 10 > idps OR (idps - smallest) * 10 > idps, FALSE) AS is_contested,
  CASE WHEN is_current = 1 THEN 'current' ELSE 'stale' END AS freshness
FROM ranked
WHERE place = 1
