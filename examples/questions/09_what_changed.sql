-- Which rounds did the last publication add, correct or withdraw?
--
-- These are changes of what DTM publishes, and never movements of people. A run noticed each of them at valid_from; DTM
-- may have made it at any time since the look before. A round that got another date under the same number shows as
-- re-dated. A renamed operation, or a round that got another number or assessment type, shows as one line withdrawn and
-- one published with the same figure: no more people, and no less. Corrections with the same figure before and after
-- concern a reason, a sex or a name.
--
-- The query names no schema. First choose the schema of your tables: in Postgres with SET search_path TO dtm;
-- in DuckDB with USE dtm; in BigQuery with SET @@dataset_id = 'dtm';
SELECT
  admin0_pcode,
  operation,
  assessment_type,
  reporting_date,
  round_number,
  event,
  previous_reporting_date,
  previous_idps,
  idps
FROM revisions
WHERE admin_level = 0
  AND valid_from = (SELECT MAX(valid_from) FROM revisions WHERE admin_level = 0)
ORDER BY admin0_pcode, operation, assessment_type, reporting_date, round_number;
