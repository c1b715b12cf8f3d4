-- The rows of origin_to_host with the P-codes of both areas. A country may publish one area under two codes: as a place
-- of origin, and as a place of stay.
SELECT
  figures.*,
  COALESCE(hosts.cod_pcode = origins.cod_pcode, figures.$same_area) AS is_same_area,
  hosts.cod_pcode,
  COALESCE(hosts.is_name_confirmed, FALSE) AS is_name_confirmed,
  origins.cod_pcode AS origin_cod_pcode,
  COALESCE(origins.is_name_confirmed, FALSE) AS is_origin_name_confirmed
FROM (
{figures}
) AS figures
LEFT JOIN $areas AS hosts
  ON hosts.admin0_pcode = figures.admin0_pcode AND hosts.parent = figures.admin0_pcode AND hosts.area = $known_key(admin1)
LEFT JOIN $areas AS origins
  ON origins.admin0_pcode = figures.admin0_pcode AND origins.parent = figures.admin0_pcode
  AND origins.area = $known_key(idp_origin_admin1)
