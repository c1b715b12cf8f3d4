-- How many of the displaced people are women and girls, and of how many is that known?
--
-- The share is of the people whose sex was recorded, and coverage_percent says how many of all those are. Never compute
-- women and girls as all people minus the males: where coverage is below 100, the rest is unknown. Empty cells: no sex
-- was recorded at all.
--
-- The query names no schema. First choose the one of your tables: in Postgres with SET search_path TO dtm;
-- in DuckDB with USE dtm; in BigQuery with SET @@dataset_id = 'dtm';
SELECT
  admin0_pcode,
  operation,
  assessment_type,
  reporting_date,
  females,
  sex_known,
  idps,
  FLOOR(1000 * female_share + 0.5) / 10 AS female_percent,
  FLOOR(1000 * sex_coverage + 0.5) / 10 AS coverage_percent
FROM stock_by_sex
WHERE is_newest
ORDER BY admin0_pcode, operation, assessment_type;
