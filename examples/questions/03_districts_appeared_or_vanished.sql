-- Which districts appeared in the newest round, or are no longer in it?
--
-- A district that vanished was not reported. That is unknown, not zero: the people may still be there. One that
-- appeared may have had displaced people before. A district whose code was changed shows as one of each. A district that
-- only the newest round has under a second province, besides its own, is "misplaced": it neither appeared there nor will
-- it vanish. The newest round is the newest that lists districts: where is_newest_of_operation is false, this is old
-- news, because the operation went on without districts or with another assessment type. Read the date in any case.
--
-- The query names no schema. First choose the one of your tables: in Postgres with SET search_path TO dtm;
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
