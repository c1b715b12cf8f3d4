-- Which rounds have a baseline assessment (BA) and a site assessment (SA) that may count the same people?
--
-- Take one of the two figures and never their sum: up to at_most_twice people would be counted twice. How many really
-- are is not published, so the lower figure cannot be subtracted either. Only pairs with the same date and round number
-- are found: a baseline and a site assessment a few days apart, or without a round number, may count the same people, too.
SELECT
  admin0_pcode,
  operation,
  reporting_date,
  round_number,
  ba.idps AS ba_idps,
  sa.idps AS sa_idps,
  LEAST(ba.idps, sa.idps) AS at_most_twice
FROM dtm.operation_rounds AS ba
JOIN dtm.operation_rounds AS sa USING (admin0_pcode, operation, reporting_date, round_number)
WHERE ba.assessment_type = 'BA'
  AND sa.assessment_type = 'SA'
ORDER BY admin0_pcode, operation, reporting_date, round_number;
