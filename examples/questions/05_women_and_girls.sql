-- How many of the displaced people are women and girls, and of how many is that known?
--
-- female_percent is the share of those whose sex was recorded, and coverage_percent is the share of people whose sex was
-- recorded. Never compute women and girls as all people minus the males: the sex of the rest is unknown. Empty cells: no sex
-- was recorded.
--
-- The query names no schema. First choose the schema of your tables: in Postgres with SET search_path TO dtm;
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
