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
  $area_names,
  CAST(SUM(idps) AS BIGINT) AS num_present_idp_ind
FROM current_rows
GROUP BY
  $round, admin0_name, age_days, chosen_by, alternatives, is_contested, freshness,
  $area_key(admin1), $area_key(admin2)
HAVING SUM(idps) IS NOT NULL
