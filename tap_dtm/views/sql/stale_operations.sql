-- The operations that are stale.
SELECT *, age_days - interval_days - publication_days AS overdue_days
FROM $schema.operation_freshness
WHERE freshness = 'stale'
