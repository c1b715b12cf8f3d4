-- Each round with the date on which the next one replaces it.
SELECT *, LEAD(reporting_date) OVER ($oldest_first) AS valid_until
FROM $schema.operation_rounds
