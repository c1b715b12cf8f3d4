-- Each round by area of origin and area of stay, both of the first level.
WITH spellings AS (
  {each_level}
  SELECT
    $level AS admin_level,
    $round,
    idp_origin_admin1_pcode,
    idp_origin_admin1_name,
    admin1_pcode,
    admin1_name,
    MAX(admin0_name) AS admin0_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps
  FROM $rows
  WHERE admin_level > 0
  GROUP BY $round, idp_origin_admin1_pcode, idp_origin_admin1_name, admin1_pcode, admin1_name
  {end}
),
placed AS (
  SELECT *, $area_key(idp_origin_admin1) AS origin, $area_key(admin1) AS host, $first_level AS first_level
  FROM spellings
),
sums AS (
  SELECT
    admin_level,
    $round,
    origin,
    host,
    MAX(admin0_name) AS admin0_name,
    MAX(idp_origin_admin1_pcode) AS idp_origin_admin1_pcode,
    MAX(idp_origin_admin1_name) AS idp_origin_admin1_name,
    MAX(admin1_pcode) AS admin1_pcode,
    MAX(admin1_name) AS admin1_name,
    CAST(SUM(idps) AS BIGINT) AS idps
  FROM placed
  WHERE admin_level = first_level
  GROUP BY $round, admin_level, origin, host
),
stock AS (
  SELECT
    *,
    $is_newest AS is_newest,
    $round_idps AS round_idps,
    NOT $is_unknown(idp_origin_admin1_pcode) AS is_origin_known
  FROM sums
)
SELECT
  *,
  $share(idps, round_idps) AS share,
  CASE WHEN is_origin_known AND NOT $is_unknown(admin1_pcode) THEN idp_origin_admin1_pcode = admin1_pcode END
    AS $same_area
FROM stock
