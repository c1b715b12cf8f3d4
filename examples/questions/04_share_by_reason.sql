-- Why were people displaced, and which share for each reason?
--
-- The shares are those of one round of one operation and assessment type. Never average or add them over operations. People
-- with several reasons are counted under the combination, and not under its parts, so "conflict" alone is not everyone who
-- fled a conflict.
--
-- The query names no schema. First choose the schema of your tables: in Postgres with SET search_path TO dtm;
-- in DuckDB with USE dtm; in BigQuery with SET @@dataset_id = 'dtm';
SELECT
  admin0_pcode,
  operation,
  assessment_type,
  reporting_date,
  reason,
  idps,
  round_idps,
  FLOOR(1000 * share + 0.5) / 10 AS share_percent
FROM stock_by_reason
WHERE is_newest
  AND admin0_pcode = 'XAA'  -- your country
ORDER BY operation, assessment_type, idps DESC, reason;
