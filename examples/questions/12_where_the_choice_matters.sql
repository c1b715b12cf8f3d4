-- In which countries does the choice of operation matter most?
--
-- The column times is the largest of the newest figures divided by the smallest. The operations count different people,
-- at different dates, so no figure is wrong and none is a total: never add them up. If a country is high on this list,
-- report the operation with its figure, or name the operation that you trust in the table preferred_operations. Closed
-- operations are left out. If an operation has several assessment types, each of its figures counts.
--
-- The query names no schema. First choose the schema of your tables: in Postgres with SET search_path TO dtm;
-- in DuckDB with USE dtm; in BigQuery with SET @@dataset_id = 'dtm';
WITH others AS (
  SELECT
    admin0_pcode,
    headline.operation AS operation,
    headline.assessment_type AS assessment_type,
    headline.reporting_date AS reporting_date,
    headline.chosen_by AS chosen_by,
    headline.num_present_idp_ind AS idps,
    COUNT(DISTINCT other.operation) AS other_operations,
    MIN(other.idps) AS smallest_other,
    MAX(other.idps) AS largest_other
  FROM headline_stock_admin0 AS headline
  JOIN (
    SELECT admin0_pcode, operation, idps
    FROM operation_rounds
    JOIN operation_freshness USING (admin0_pcode, operation)
    WHERE is_newest_of_operation AND freshness <> 'closed'
  ) AS other USING (admin0_pcode)
  WHERE other.operation <> headline.operation
  GROUP BY 1, 2, 3, 4, 5, 6
)
SELECT
  admin0_pcode,
  operation,
  assessment_type,
  reporting_date,
  chosen_by,
  idps,
  other_operations,
  smallest_other,
  largest_other,
  ROUND(1.0 * GREATEST(idps, largest_other) / NULLIF(LEAST(idps, smallest_other), 0), 1) AS times
FROM others
ORDER BY times DESC NULLS LAST, admin0_pcode;
