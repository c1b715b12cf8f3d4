-- How did the newest figure of each operation change since the round before?
--
-- The change is the difference of two stocks. It does not count people who were displaced or who returned: between the
-- rounds, some people came and others left, and the rounds may not have covered the same areas (see question 3). Look at the
-- days between the rounds before you compare two changes. Empty cells: there is no round before.
--
-- The query names no schema. First choose the schema of your tables: in Postgres with SET search_path TO dtm;
-- in DuckDB with USE dtm; in BigQuery with SET @@dataset_id = 'dtm';
SELECT
  admin0_pcode,
  operation,
  assessment_type,
  previous_reporting_date,
  reporting_date,
  days_since_previous,
  previous_idps,
  idps,
  change,
  FLOOR(1000 * change_share + 0.5) / 10 AS change_percent
FROM operation_rounds
WHERE is_newest
ORDER BY admin0_pcode, operation, assessment_type;
