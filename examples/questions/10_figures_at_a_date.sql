-- Which figure of each operation stood at a date, here the end of 2022?
--
-- The figure is the newest one dated on or before that day, however old it was by then: read its date, and do not add
-- operations or assessment types up. It is taken from what is published now. Rounds appear months after their date and
-- are corrected later, so people who asked on that day saw other figures.
--
-- The query names no schema. First choose the one of your tables: in Postgres with SET search_path TO dtm;
-- in DuckDB with USE dtm; in BigQuery with SET @@dataset_id = 'dtm';
SELECT
  admin0_pcode,
  operation,
  assessment_type,
  reporting_date,
  round_number,
  idps
FROM stock_over_time
WHERE reporting_date <= DATE '2022-12-31'
  AND (valid_until > DATE '2022-12-31' OR valid_until IS NULL)
ORDER BY admin0_pcode, operation, assessment_type;
