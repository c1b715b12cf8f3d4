-- Which operations went silent?
--
-- Silent means: no round for longer than the operation's own usual interval and three months for publication. It does
-- not mean that the people went home, nor that the operation is closed: closed ones (Inactive) are left out, and so are
-- those in which no round follows another, which have no interval. The answer depends on the day on which it is asked;
-- age_days and overdue_days of the same view say by how much.
--
-- The query names no schema. First choose the one of your tables: in Postgres with SET search_path TO dtm;
-- in DuckDB with USE dtm; in BigQuery with SET @@dataset_id = 'dtm';
SELECT
  admin0_pcode,
  operation,
  operation_status,
  newest_reporting_date,
  interval_days
FROM stale_operations
ORDER BY admin0_pcode, operation;
