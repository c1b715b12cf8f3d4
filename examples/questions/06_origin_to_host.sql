-- Where do the displaced people come from, and where are they now?
--
-- These are people present on the date, by area of origin: not journeys, and not arrivals since the round before. If the
-- origin is "Not available", it is unknown, so more people may come from the other areas. People are also displaced within
-- their own area. The newest round that lists areas may not be the newest of the operation: read the date.
--
-- The query names no schema. First choose the schema of your tables: in Postgres with SET search_path TO dtm;
-- in DuckDB with USE dtm; in BigQuery with SET @@dataset_id = 'dtm';
SELECT
  operation,
  assessment_type,
  reporting_date,
  idp_origin_admin1_pcode,
  idp_origin_admin1_name,
  admin1_pcode,
  admin1_name,
  idps,
  FLOOR(1000 * share + 0.5) / 10 AS share_percent
FROM origin_to_host
WHERE is_newest
  AND admin0_pcode = 'XAA'  -- your country
ORDER BY operation, assessment_type, idp_origin_admin1_pcode, idp_origin_admin1_name, admin1_pcode, admin1_name;
