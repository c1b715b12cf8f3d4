-- The areas of one level in the round that each country's headline is from.
WITH current_rows AS (
  SELECT
    published.admin1_pcode,
    published.admin1_name,
    published.admin2_pcode,
    published.admin2_name,
    published.num_present_idp_ind AS idps,
    headline.*
  FROM $rows
  JOIN $schema.headline_stock_admin0 AS headline ON $same_round(published, headline)
)
SELECT
  $round,
  admin0_name,
  age_days,
  chosen_by,
  alternatives,
  is_contested,
  freshness,
  MAX(admin1_pcode) AS admin1_pcode,
  MAX(admin1_name) AS admin1_name,
  MAX(admin2_pcode) AS admin2_pcode,
  MAX(admin2_name) AS admin2_name,
  CAST(SUM(idps) AS BIGINT) AS num_present_idp_ind
FROM current_rows
GROUP BY
  $round, admin0_name, age_days, chosen_by, alternatives, is_contested, freshness,
  $area_key(admin1), $area_key(admin2)
HAVING SUM(idps) IS NOT NULL
