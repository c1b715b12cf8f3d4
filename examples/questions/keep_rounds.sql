-- Puts the figures of all rounds aside, for 09_what_changed.sql to compare with. Run it before the tap, or whenever the
-- changes so far have been read.
DROP TABLE IF EXISTS dtm.operation_rounds_before;
CREATE TABLE dtm.operation_rounds_before AS
SELECT admin0_pcode, operation, assessment_type, reporting_date, round_number, idps
FROM dtm.operation_rounds;
