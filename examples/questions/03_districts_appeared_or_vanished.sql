-- Which districts appeared in the newest round, or are no longer in it?
--
-- A district that vanished was not reported. Its figure is unknown, not zero: the people may still be there. A district
-- that appeared may have had displaced people before. A district whose code was changed shows as one of each. A district
-- is "misplaced" if only the newest round has it under a second province, in addition to its own. The newest round is the
-- newest that lists districts. If is_newest_of_operation is false, it is out of date, because the operation went on without
-- districts or with another assessment type. Read the date in any case.
--
-- The query names no schema. First choose the schema of your tables: in Postgres with SET search_path TO dtm;
-- in DuckDB with USE dtm; in BigQuery with SET @@dataset_id = 'dtm';
SELECT
  admin0_pcode,
  operation,
  assessment_type,
  reporting_date,
  is_newest_of_operation,
  admin1_pcode,
  admin2_pcode,
  admin2_name,
  presence,
  previous_idps,
  idps
FROM stock_over_time_admin2
WHERE presence IN ('appeared', 'vanished', 'misplaced')
  AND valid_until IS NULL
ORDER BY admin0_pcode, operation, assessment_type, presence, admin1_pcode, admin2_pcode, admin2_name;
