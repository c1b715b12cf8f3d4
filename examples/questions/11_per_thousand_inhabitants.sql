-- How many displaced people does each province have, per 1,000 inhabitants?
--
-- All provinces of a country are from one operation, assessment type and round. Their sum is the figure of that
-- operation, not an estimate of all displaced people. Read freshness and date first, and never compare countries whose
-- dates are years apart. The inhabitants are invented: use your own table of the same year. If per_1000 is empty, the
-- table of inhabitants does not have the code of the province: the rate is unknown, not zero.
--
-- The query names no schema. First choose the schema of your tables: in Postgres with SET search_path TO dtm;
-- in DuckDB with USE dtm; in BigQuery with SET @@dataset_id = 'dtm';
WITH population AS (
  SELECT 'XA01' AS admin1_pcode, 410000 AS inhabitants
  UNION ALL SELECT 'XA02', 95000
  UNION ALL SELECT 'XA03', 1250000
  UNION ALL SELECT 'XB01', 330000
  UNION ALL SELECT 'XB02', 48000
  UNION ALL SELECT 'XDA001', 760000
  UNION ALL SELECT 'XDA002', 52000
  UNION ALL SELECT 'XE01', 205000
  UNION ALL SELECT 'XE02', 118000
  UNION ALL SELECT 'XE04', 640000
)
SELECT
  admin0_pcode,
  admin1_pcode,
  admin1_name,
  operation,
  assessment_type,
  reporting_date,
  freshness,
  num_present_idp_ind AS idps,
  inhabitants,
  ROUND(1000.0 * num_present_idp_ind / inhabitants, 1) AS per_1000
FROM headline_stock_admin1
LEFT JOIN population USING (admin1_pcode)
ORDER BY admin0_pcode, per_1000 DESC NULLS LAST, admin1_pcode;
