-- The changes that DTM itself made.
SELECT *, idps - previous_idps AS change
FROM $schema.round_versions
WHERE event IN ('published', 'corrected', 're-dated', 'withdrawn', 'back')
