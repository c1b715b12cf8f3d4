-- The rows that the API serves, without those that it no longer publishes.
SELECT *, $split($reason) AS displacement_reasons, $reason_class AS reason_class
FROM $schema.idp_admin$level
WHERE _sdc_deleted_at IS NULL
