-- Which rounds have a baseline assessment (BA) and a site assessment (SA) that may count the same people?
--
-- Use one of the two figures and never their sum, which would count up to at_most_twice people twice. Their real number is
-- not published, so do not subtract the lower figure either. A baseline and a site assessment with the same round number
-- and dates at most 31 days apart are one round that was assessed twice. Assessments without a round number are not found,
-- and they may count the same people, too.
--
-- The query names no schema. First choose the schema of your tables: in Postgres with SET search_path TO dtm;
-- in DuckDB with USE dtm; in BigQuery with SET @@dataset_id = 'dtm';
SELECT
  admin0_pcode,
  operation,
  round_number,
  ba.reporting_date AS ba_reporting_date,
  sa.reporting_date AS sa_reporting_date,
  ba.idps AS ba_idps,
  sa.idps AS sa_idps,
  LEAST(ba.idps, sa.idps) AS at_most_twice
FROM operation_rounds AS ba
JOIN operation_rounds AS sa USING (admin0_pcode, operation, round_number)
WHERE ba.assessment_type = 'BA'
  AND sa.assessment_type = 'SA'
  AND sa.reporting_date BETWEEN ba.reporting_date - 31 AND ba.reporting_date + 31
ORDER BY admin0_pcode, operation, round_number, ba.reporting_date, sa.reporting_date;
