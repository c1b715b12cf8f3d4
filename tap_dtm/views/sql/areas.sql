-- Each area as published, with the one area of OCHA's list that it is, if there is one and no more.
WITH published AS (
  {each_level}
  SELECT
    $level AS row_level, admin0_pcode, MAX(admin0_name) AS admin0_name,
    admin1_pcode, admin1_name, admin2_pcode, admin2_name, idp_origin_admin1_pcode, idp_origin_admin1_name
  FROM $rows
  GROUP BY
    admin0_pcode, admin1_pcode, admin1_name, admin2_pcode, admin2_name, idp_origin_admin1_pcode, idp_origin_admin1_name
  {end}
),
spellings AS (  -- each area with each of its names
  SELECT
    admin0_pcode, admin_level, parent, area, area_pcode, area_name,
    MAX(parent_pcode) AS parent_pcode, MAX(parent_name) AS parent_name, MAX(is_host) AS is_host, MAX(is_origin) AS is_origin
  FROM (
    SELECT *, $known_key(parent) AS parent, $known_key(area) AS area
    FROM (
      SELECT
        admin0_pcode, 1 AS admin_level, admin0_pcode AS parent_pcode, admin0_name AS parent_name,
        admin1_pcode AS area_pcode, admin1_name AS area_name, 1 AS is_host, 0 AS is_origin
      FROM published
      WHERE row_level > 0
      UNION ALL
      SELECT admin0_pcode, 1, admin0_pcode, admin0_name, idp_origin_admin1_pcode, idp_origin_admin1_name, 0, 1
      FROM published
      UNION ALL
      SELECT admin0_pcode, 2, admin1_pcode, admin1_name, admin2_pcode, admin2_name, 1, 0
      FROM published
      WHERE row_level = 2
    ) AS places
    WHERE area_pcode IS NOT NULL OR area_name IS NOT NULL
  ) AS keyed
  GROUP BY admin0_pcode, admin_level, parent, area, area_pcode, area_name
),
coded AS (
  SELECT *, $code_keys
  FROM (
    SELECT
      *,
      CASE WHEN NOT $is_unknown(area_pcode) THEN area_pcode END AS code,
      CASE WHEN NOT $is_unknown(area_name) THEN $name_key(area_name) END AS name_key,
      $plain_code(parent_pcode) AS plain_parent
    FROM spellings
  ) AS named
),
listed AS (
  SELECT *, $code_keys
  FROM (
    SELECT
      admin0_pcode, admin_level, pcode AS code, name, parent_pcode, valid_from, $name_key(name) AS name_key,
      $plain_code(parent_pcode) AS plain_parent
    FROM $schema.pcodes
    WHERE _sdc_deleted_at IS NULL AND admin0_pcode IN (SELECT admin0_pcode FROM spellings)
  ) AS named
),
pairs AS (  -- with the first rule that finds the area of the list; from 5 on, the parent has to be the same
  SELECT coded.*, listed.code AS cod_pcode, listed.parent_pcode AS cod_parent_pcode, 1 AS rule
  FROM coded
  JOIN listed USING (admin0_pcode, admin_level, code)
  UNION ALL
  SELECT
    coded.*,
    listed.code,
    listed.parent_pcode,
    CASE
      WHEN coded.rest = listed.rest THEN 2
      WHEN coded.plain_rest = listed.plain_rest THEN 3
      WHEN coded.digits = listed.digits THEN 4
      WHEN coded.own_digits = listed.own_digits THEN 5
      ELSE 6
    END
  FROM coded
  JOIN listed USING (admin0_pcode, admin_level, name_key)
),
provinces AS (
  SELECT admin0_pcode, area AS parent, cod_pcode AS parent_cod_pcode
  FROM $decided(pairs)
  WHERE admin_level = 1 AND candidates = 1
),
placed AS (
  SELECT pairs.*
  FROM pairs
  LEFT JOIN provinces USING (admin0_pcode, parent)
  WHERE pairs.admin_level = 1 OR rule < 5 OR cod_parent_pcode = parent_cod_pcode
),
areas AS (
  SELECT
    admin0_pcode, admin_level, parent, area,
    MAX(area_pcode) AS pcode,
    MAX(area_name) AS name,
    MAX(parent_pcode) AS parent_pcode,
    MAX(parent_name) AS parent_name,
    MAX(is_host) = 1 AS is_host,
    MAX(is_origin) = 1 AS is_origin,
    MIN(name_key) AS first_name_key,
    MAX(name_key) AS last_name_key
  FROM coded
  GROUP BY admin0_pcode, admin_level, parent, area
),
matched AS (
  SELECT
    areas.*,
    COALESCE(decided.candidates, 0) AS candidates,
    rule,
    CASE WHEN decided.candidates = 1 THEN decided.cod_pcode END AS cod_pcode
  FROM areas
  LEFT JOIN $decided(placed) USING (admin0_pcode, admin_level, parent, area)
)
SELECT
  matched.*,
  listed.name AS cod_name,
  listed.parent_pcode AS cod_parent_pcode,
  listed.valid_from AS cod_valid_from,
  CASE
    WHEN candidates <> 1 THEN 'none'
    WHEN rule = 1 THEN 'exact'
    WHEN rule = 2 THEN 'prefix'
    WHEN rule = 3 THEN 'format'
    WHEN rule <= 5 THEN 'padding'
    ELSE 'name'
  END AS match,
  COALESCE(first_name_key = listed.name_key AND last_name_key = listed.name_key, FALSE) AS is_name_confirmed
FROM matched
LEFT JOIN listed ON listed.admin0_pcode = matched.admin0_pcode AND listed.code = cod_pcode
