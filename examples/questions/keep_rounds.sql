-- Puts the figures of all rounds aside, for 09_what_changed.sql to compare with. Run it before the tap, or whenever the
-- changes so far have been read.
--
-- The statements name no schema. First choose the one of your tables: in Postgres with SET search_path TO dtm;
-- in DuckDB with USE dtm; in BigQuery with SET @@dataset_id = 'dtm';
DROP TABLE IF EXISTS operation_rounds_before;
CREATE TABLE operation_rounds_before AS
SELECT admin0_pcode, operation, assessment_type, reporting_date, round_number, idps
FROM operation_rounds;
