-- Which operations went silent?
--
-- An operation is silent if its newest round is older than its usual interval and its time for publication, which is three
-- months if it was not measured. This does not mean that the people went home. Closed operations (Inactive) are left out,
-- and so are operations in which no round follows another. The answer depends on the present day: see age_days and
-- overdue_days in the same view.
--
-- The query names no schema. First choose the schema of your tables: in Postgres with SET search_path TO dtm;
-- in DuckDB with USE dtm; in BigQuery with SET @@dataset_id = 'dtm';
SELECT
  admin0_pcode,
  operation,
  operation_status,
  newest_reporting_date,
  interval_days
FROM stale_operations
ORDER BY admin0_pcode, operation;
