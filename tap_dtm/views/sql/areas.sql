-- Each area as published, with its area in OCHA's list if exactly one fits.
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
places AS (  -- step 0: where people come from; 1 and 2: where they are, by level
  SELECT
    admin0_pcode,
    CASE WHEN step = 2 THEN 2 ELSE 1 END AS admin_level,
    CASE WHEN step = 2 THEN admin1_pcode ELSE admin0_pcode END AS parent_pcode,
    CASE WHEN step = 2 THEN admin1_name ELSE admin0_name END AS parent_name,
    CASE step WHEN 0 THEN idp_origin_admin1_pcode WHEN 1 THEN admin1_pcode ELSE admin2_pcode END AS area_pcode,
    CASE step WHEN 0 THEN idp_origin_admin1_name WHEN 1 THEN admin1_name ELSE admin2_name END AS area_name,
    step
  FROM published
  CROSS JOIN (SELECT 0 AS step UNION ALL SELECT 1 AS step UNION ALL SELECT 2 AS step) AS steps
  WHERE step <= row_level
),
spellings AS (  -- each area with each of its names
  SELECT
    admin0_pcode, admin_level, parent, area, area_pcode, area_name,
    MAX(parent_pcode) AS parent_pcode,
    MAX(parent_name) AS parent_name,
    MIN(step) AS least_step,
    MAX(step) AS greatest_step
  FROM (SELECT *, $known_key(parent) AS parent, $known_key(area) AS area FROM places) AS keyed
  WHERE area_pcode IS NOT NULL OR area_name IS NOT NULL
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
    WHERE _sdc_deleted_at IS NULL
  ) AS named
),
paired AS (  -- with the first rule that finds the area of the list; rules 5 and 6 need the same parent
  SELECT
    coded.*,
    COALESCE(same.pcode, alike.code) AS cod_pcode,
    CASE WHEN same.pcode IS NULL THEN alike.name ELSE same.name END AS cod_name,
    CASE WHEN same.pcode IS NULL THEN alike.parent_pcode ELSE same.parent_pcode END AS cod_parent_pcode,
    CASE WHEN same.pcode IS NULL THEN alike.valid_from ELSE same.valid_from END AS cod_valid_from,
    CASE
      WHEN same.pcode IS NOT NULL THEN 1
      WHEN alike.code IS NULL THEN NULL
      WHEN coded.rest = alike.rest THEN 2
      WHEN coded.plain_rest = alike.plain_rest THEN 3
      WHEN coded.digits = alike.digits THEN 4
      WHEN coded.own_digits = alike.own_digits THEN 5
      ELSE 6
    END AS rule
  FROM coded
  LEFT JOIN (SELECT * FROM $schema.pcodes WHERE _sdc_deleted_at IS NULL) AS same
    ON same.admin0_pcode = coded.admin0_pcode AND same.admin_level = coded.admin_level AND same.pcode = coded.code
  LEFT JOIN listed AS alike
    ON alike.admin0_pcode = coded.admin0_pcode AND alike.admin_level = coded.admin_level
    AND alike.name_key = coded.name_key AND same.pcode IS NULL
),
ruled AS (
  SELECT *, MIN(rule) OVER ($each_spelling) AS first_rule FROM paired
),
provinces AS (  -- with the first-level area of each area in the list
  SELECT
    *,
    MIN(CASE WHEN admin_level = 1 AND rule = first_rule THEN cod_pcode END) OVER province AS least_province,
    MAX(CASE WHEN admin_level = 1 AND rule = first_rule THEN cod_pcode END) OVER province AS greatest_province
  FROM ruled
  WINDOW province AS (PARTITION BY admin0_pcode, CASE WHEN admin_level = 1 THEN area ELSE parent END)
),
placed AS (
  SELECT
    *,
    CASE
      WHEN admin_level = 1 OR rule < 5 THEN rule
      WHEN least_province = greatest_province AND cod_parent_pcode = least_province THEN rule
    END AS valid_rule
  FROM provinces
),
decided AS (
  SELECT *, valid_rule = MIN(valid_rule) OVER ($each_spelling) AS is_found FROM placed
),
matched AS (
  SELECT
    admin0_pcode, admin_level, parent, area,
    MAX(area_pcode) AS pcode,
    MAX(area_name) AS name,
    MAX(parent_pcode) AS parent_pcode,
    MAX(parent_name) AS parent_name,
    MAX(greatest_step) > 0 AS is_host,
    MIN(least_step) = 0 AS is_origin,
    MIN(name_key) AS first_name_key,
    MAX(name_key) AS last_name_key,
    COUNT(DISTINCT CASE WHEN is_found THEN cod_pcode END) AS candidates,
    MIN(CASE WHEN is_found THEN rule END) AS rule,
    MIN(CASE WHEN is_found THEN cod_pcode END) AS found_pcode,
    MIN(CASE WHEN is_found THEN cod_name END) AS found_name,
    MIN(CASE WHEN is_found THEN cod_parent_pcode END) AS found_parent_pcode,
    MIN(CASE WHEN is_found THEN cod_valid_from END) AS found_valid_from
  FROM decided
  GROUP BY admin0_pcode, admin_level, parent, area
)
SELECT
  *,
  CASE WHEN candidates = 1 THEN found_pcode END AS cod_pcode,
  CASE WHEN candidates = 1 THEN found_name END AS cod_name,
  CASE WHEN candidates = 1 THEN found_parent_pcode END AS cod_parent_pcode,
  CASE WHEN candidates = 1 THEN found_valid_from END AS cod_valid_from,
  CASE
    WHEN candidates <> 1 THEN 'none'
    WHEN rule = 1 THEN 'exact'
    WHEN rule = 2 THEN 'prefix'
    WHEN rule = 3 THEN 'format'
    WHEN rule <= 5 THEN 'padding'
    ELSE 'name'
  END AS match,
  COALESCE(candidates = 1 AND first_name_key = last_name_key AND first_name_key = $name_key(found_name), FALSE)
    AS is_name_confirmed
FROM matched
