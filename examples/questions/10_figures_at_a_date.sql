-- What was the figure of each operation at a date, here the end of 2022?
--
-- The figure is the newest one that is dated on or before that day, however old it was: read its date, and do not add up
-- operations or assessment types. It is what DTM publishes now. Rounds appear months after their date and are corrected
-- later, so people saw other figures on that day.
--
-- The query names no schema. First choose the schema of your tables: in Postgres with SET search_path TO dtm;
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
