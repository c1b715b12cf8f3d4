-- What is the newest figure of each operation?
--
-- Do not add up the lines to a total of a country: operations overlap, and so do assessment types (BA, SA, ETT). If
-- is_newest_of_operation is false, the operation has gone on with another assessment type. If it is true for two types, they
-- have the same date, or are one round that was assessed twice. Read the date first: the newest figure may be years old.
--
-- The query names no schema. First choose the schema of your tables: in Postgres with SET search_path TO dtm;
-- in DuckDB with USE dtm; in BigQuery with SET @@dataset_id = 'dtm';
SELECT
  admin0_pcode,
  operation,
  assessment_type,
  reporting_date,
  round_number,
  idps,
  is_newest_of_operation
FROM operation_rounds
WHERE is_newest
ORDER BY admin0_pcode, operation, assessment_type;
