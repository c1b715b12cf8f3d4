-- Which rounds did the last publication add, correct or withdraw?
--
-- The tables hold what is published now and not what was, so this compares them with what keep_rounds.sql put aside
-- before. A renamed operation, or a round that got another number, date or assessment type, shows as one line withdrawn
-- and one added with the same figure: no more people, and no less. Changes that leave the total of a round alone (a
-- district, a reason, a sex) do not show.
--
-- The query names no schema. First choose the one of your tables: in Postgres with SET search_path TO dtm;
-- in DuckDB with USE dtm; in BigQuery with SET @@dataset_id = 'dtm';
WITH states AS (
  SELECT
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    1 AS was_there, 0 AS is_there, idps AS idps_before, CAST(NULL AS BIGINT) AS idps_now
  FROM operation_rounds_before
  UNION ALL
  SELECT
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    0 AS was_there, 1 AS is_there, CAST(NULL AS BIGINT) AS idps_before, idps AS idps_now
  FROM operation_rounds
),
compared AS (
  SELECT
    admin0_pcode, operation, assessment_type, reporting_date, round_number,
    MAX(was_there) AS was_there, MAX(is_there) AS is_there,
    MAX(idps_before) AS idps_before, MAX(idps_now) AS idps_now
  FROM states
  GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
)
SELECT
  admin0_pcode,
  operation,
  assessment_type,
  reporting_date,
  round_number,
  CASE WHEN was_there = 0 THEN 'added' WHEN is_there = 0 THEN 'withdrawn' ELSE 'corrected' END AS what,
  idps_before,
  idps_now
FROM compared
WHERE was_there <> is_there
  OR COALESCE(idps_before, -1) <> COALESCE(idps_now, -1)
ORDER BY admin0_pcode, operation, assessment_type, reporting_date, round_number;
