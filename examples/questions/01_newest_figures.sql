-- What is the newest figure of each operation?
--
-- Do not add the lines up to a total of a country: operations overlap, and so do assessment types (BA, SA, ETT). Where
-- is_newest_of_operation is false, the operation has gone on with another assessment type. Where it is true for two, they
-- have one date, or are one round that was seen twice. Read the date first: a figure may be the newest there is and years
-- old.
--
-- The query names no schema. First choose the one of your tables: in Postgres with SET search_path TO dtm;
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
