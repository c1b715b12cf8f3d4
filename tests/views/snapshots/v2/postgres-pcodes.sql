-- Generated from tap_dtm/views/sql/: python3 make.py generate

-- areas
SELECT
  admin0_pcode,
  admin_level,
  pcode,
  name,
  parent_pcode,
  parent_name,
  is_host,
  cod_pcode,
  cod_name,
  cod_parent_pcode,
  cod_valid_from,
  match,
  candidates,
  is_name_confirmed
FROM (
-- Each area as published, with its area in OCHA's list if exactly one fits.
WITH published AS (
  SELECT
    0 AS row_level, admin0_pcode, MAX(admin0_name) AS admin0_name,
    admin1_pcode, admin1_name, admin2_pcode, admin2_name, idp_origin_admin1_pcode, idp_origin_admin1_name
  FROM (
  SELECT 0 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, CAST(NULL AS TEXT) AS admin1_pcode, CAST(NULL AS TEXT) AS admin1_name, CAST(NULL AS TEXT) AS admin2_pcode, CAST(NULL AS TEXT) AS admin2_name, num_present_idp_ind, CAST(NULL AS TEXT) AS displacement_reason, CAST(NULL AS BIGINT) AS number_males, CAST(NULL AS BIGINT) AS number_females, CAST(NULL AS TEXT) AS idp_origin_admin1_pcode, CAST(NULL AS TEXT) AS idp_origin_admin1_name
  FROM "dtm".idp_admin0_current
) AS published
  GROUP BY
    admin0_pcode, admin1_pcode, admin1_name, admin2_pcode, admin2_name, idp_origin_admin1_pcode, idp_origin_admin1_name
  UNION ALL
  SELECT
    1 AS row_level, admin0_pcode, MAX(admin0_name) AS admin0_name,
    admin1_pcode, admin1_name, admin2_pcode, admin2_name, idp_origin_admin1_pcode, idp_origin_admin1_name
  FROM (
  SELECT 1 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, CAST(NULL AS TEXT) AS admin2_pcode, CAST(NULL AS TEXT) AS admin2_name, num_present_idp_ind, CAST(NULL AS TEXT) AS displacement_reason, CAST(NULL AS BIGINT) AS number_males, CAST(NULL AS BIGINT) AS number_females, CAST(NULL AS TEXT) AS idp_origin_admin1_pcode, CAST(NULL AS TEXT) AS idp_origin_admin1_name
  FROM "dtm".idp_admin1_current
) AS published
  GROUP BY
    admin0_pcode, admin1_pcode, admin1_name, admin2_pcode, admin2_name, idp_origin_admin1_pcode, idp_origin_admin1_name
  UNION ALL
  SELECT
    2 AS row_level, admin0_pcode, MAX(admin0_name) AS admin0_name,
    admin1_pcode, admin1_name, admin2_pcode, admin2_name, idp_origin_admin1_pcode, idp_origin_admin1_name
  FROM (
  SELECT 2 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, admin2_pcode, admin2_name, num_present_idp_ind, CAST(NULL AS TEXT) AS displacement_reason, CAST(NULL AS BIGINT) AS number_males, CAST(NULL AS BIGINT) AS number_females, CAST(NULL AS TEXT) AS idp_origin_admin1_pcode, CAST(NULL AS TEXT) AS idp_origin_admin1_name
  FROM "dtm".idp_admin2_current
) AS published
  GROUP BY
    admin0_pcode, admin1_pcode, admin1_name, admin2_pcode, admin2_name, idp_origin_admin1_pcode, idp_origin_admin1_name
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
  FROM (SELECT *, COALESCE((CASE WHEN COALESCE(parent_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || parent_name ELSE parent_pcode END) COLLATE "C", '!') AS parent, COALESCE((CASE WHEN COALESCE(area_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || area_name ELSE area_pcode END) COLLATE "C", '!') AS area FROM places) AS keyed
  WHERE area_pcode IS NOT NULL OR area_name IS NOT NULL
  GROUP BY admin0_pcode, admin_level, parent, area, area_pcode, area_name
),
coded AS (
  SELECT *, 
    CASE WHEN STARTS_WITH(code, admin0_pcode) THEN SUBSTR(code, 4) ELSE REGEXP_REPLACE(code, '^[A-Z][A-Z]', '') END AS rest,
    CASE WHEN STARTS_WITH(UPPER(REGEXP_REPLACE(code, '[^A-Za-z0-9]+', '', 'g')), admin0_pcode) THEN SUBSTR(UPPER(REGEXP_REPLACE(code, '[^A-Za-z0-9]+', '', 'g')), 4) ELSE REGEXP_REPLACE(UPPER(REGEXP_REPLACE(code, '[^A-Za-z0-9]+', '', 'g')), '^[A-Z][A-Z]', '') END AS plain_rest,
    REGEXP_REPLACE(CASE WHEN STARTS_WITH(UPPER(REGEXP_REPLACE(code, '[^A-Za-z0-9]+', '', 'g')), admin0_pcode) THEN SUBSTR(UPPER(REGEXP_REPLACE(code, '[^A-Za-z0-9]+', '', 'g')), 4) ELSE REGEXP_REPLACE(UPPER(REGEXP_REPLACE(code, '[^A-Za-z0-9]+', '', 'g')), '^[A-Z][A-Z]', '') END, '^([A-Z]*)0+', '\1') AS digits,
    REGEXP_REPLACE(CASE WHEN STARTS_WITH(UPPER(REGEXP_REPLACE(code, '[^A-Za-z0-9]+', '', 'g')), plain_parent) THEN SUBSTR(UPPER(REGEXP_REPLACE(code, '[^A-Za-z0-9]+', '', 'g')), LENGTH(plain_parent) + 1) END, '^([A-Z]*)0+', '\1') AS own_digits
  FROM (
    SELECT
      *,
      CASE WHEN NOT COALESCE(area_pcode, '') IN ('', 'Not available', 'Unknown') THEN area_pcode END AS code,
      CASE WHEN NOT COALESCE(area_name, '') IN ('', 'Not available', 'Unknown') THEN NULLIF((SELECT STRING_AGG(word, ' ' ORDER BY word) FROM UNNEST(STRING_TO_ARRAY(TRIM(REGEXP_REPLACE(TRANSLATE(REGEXP_REPLACE(LOWER(CASE WHEN GETDATABASEENCODING() = 'UTF8' THEN NORMALIZE(area_name, NFD) ELSE area_name END), '[\u0300-\u036f\u064b-\u065f\u0027\u0060\u00b4\u2018-\u201b\u02b0-\u02ff]', '', 'g'), 'øđłħı', 'odlhi'), '[\u0001-\u002f\u003a-\u0060\u007b-\u00bf\u2000-\u206f]+', ' ', 'g')), ' ')) AS word), '') END AS name_key,
      UPPER(REGEXP_REPLACE(parent_pcode, '[^A-Za-z0-9]+', '', 'g')) AS plain_parent
    FROM spellings
  ) AS named
),
listed AS (
  SELECT *, 
    CASE WHEN STARTS_WITH(code, admin0_pcode) THEN SUBSTR(code, 4) ELSE REGEXP_REPLACE(code, '^[A-Z][A-Z]', '') END AS rest,
    CASE WHEN STARTS_WITH(UPPER(REGEXP_REPLACE(code, '[^A-Za-z0-9]+', '', 'g')), admin0_pcode) THEN SUBSTR(UPPER(REGEXP_REPLACE(code, '[^A-Za-z0-9]+', '', 'g')), 4) ELSE REGEXP_REPLACE(UPPER(REGEXP_REPLACE(code, '[^A-Za-z0-9]+', '', 'g')), '^[A-Z][A-Z]', '') END AS plain_rest,
    REGEXP_REPLACE(CASE WHEN STARTS_WITH(UPPER(REGEXP_REPLACE(code, '[^A-Za-z0-9]+', '', 'g')), admin0_pcode) THEN SUBSTR(UPPER(REGEXP_REPLACE(code, '[^A-Za-z0-9]+', '', 'g')), 4) ELSE REGEXP_REPLACE(UPPER(REGEXP_REPLACE(code, '[^A-Za-z0-9]+', '', 'g')), '^[A-Z][A-Z]', '') END, '^([A-Z]*)0+', '\1') AS digits,
    REGEXP_REPLACE(CASE WHEN STARTS_WITH(UPPER(REGEXP_REPLACE(code, '[^A-Za-z0-9]+', '', 'g')), plain_parent) THEN SUBSTR(UPPER(REGEXP_REPLACE(code, '[^A-Za-z0-9]+', '', 'g')), LENGTH(plain_parent) + 1) END, '^([A-Z]*)0+', '\1') AS own_digits
  FROM (
    SELECT
      admin0_pcode, admin_level, pcode AS code, name, parent_pcode, valid_from, NULLIF((SELECT STRING_AGG(word, ' ' ORDER BY word) FROM UNNEST(STRING_TO_ARRAY(TRIM(REGEXP_REPLACE(TRANSLATE(REGEXP_REPLACE(LOWER(CASE WHEN GETDATABASEENCODING() = 'UTF8' THEN NORMALIZE(name, NFD) ELSE name END), '[\u0300-\u036f\u064b-\u065f\u0027\u0060\u00b4\u2018-\u201b\u02b0-\u02ff]', '', 'g'), 'øđłħı', 'odlhi'), '[\u0001-\u002f\u003a-\u0060\u007b-\u00bf\u2000-\u206f]+', ' ', 'g')), ' ')) AS word), '') AS name_key,
      UPPER(REGEXP_REPLACE(parent_pcode, '[^A-Za-z0-9]+', '', 'g')) AS plain_parent
    FROM "dtm".pcodes
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
  LEFT JOIN (SELECT * FROM "dtm".pcodes WHERE _sdc_deleted_at IS NULL) AS same
    ON same.admin0_pcode = coded.admin0_pcode AND same.admin_level = coded.admin_level AND same.pcode = coded.code
  LEFT JOIN listed AS alike
    ON alike.admin0_pcode = coded.admin0_pcode AND alike.admin_level = coded.admin_level
    AND alike.name_key = coded.name_key AND same.pcode IS NULL
),
ruled AS (
  SELECT *, MIN(rule) OVER (PARTITION BY admin0_pcode, admin_level, parent, area, area_pcode, area_name) AS first_rule FROM paired
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
  SELECT *, valid_rule = MIN(valid_rule) OVER (PARTITION BY admin0_pcode, admin_level, parent, area, area_pcode, area_name) AS is_found FROM placed
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
  COALESCE(candidates = 1 AND first_name_key = last_name_key AND first_name_key = NULLIF((SELECT STRING_AGG(word, ' ' ORDER BY word) FROM UNNEST(STRING_TO_ARRAY(TRIM(REGEXP_REPLACE(TRANSLATE(REGEXP_REPLACE(LOWER(CASE WHEN GETDATABASEENCODING() = 'UTF8' THEN NORMALIZE(found_name, NFD) ELSE found_name END), '[\u0300-\u036f\u064b-\u065f\u0027\u0060\u00b4\u2018-\u201b\u02b0-\u02ff]', '', 'g'), 'øđłħı', 'odlhi'), '[\u0001-\u002f\u003a-\u0060\u007b-\u00bf\u2000-\u206f]+', ' ', 'g')), ' ')) AS word), ''), FALSE)
    AS is_name_confirmed
FROM matched
) AS answer;

-- latest_stock_admin1
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  assessment_type,
  reporting_date,
  round_number,
  admin1_pcode,
  admin1_name,
  idps,
  row_count,
  is_newest_of_operation,
  age_days,
  interval_days,
  age_in_intervals,
  freshness,
  cod_pcode,
  is_name_confirmed
FROM (
-- The rows of a view of one level, with the P-code of each area.
SELECT figures.*, areas.cod_pcode, COALESCE(areas.is_name_confirmed, FALSE) AS is_name_confirmed
FROM (
-- The newest round of each series at one level, by area.
WITH rounds AS (
  SELECT *, RANK() OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date DESC, round_number DESC NULLS LAST) = 1 AS is_newest FROM (
  SELECT admin0_pcode, operation, assessment_type, reporting_date, round_number, (reporting_date = newest_reporting_date OR (round_number IS NOT NULL AND number_date = newest_reporting_date AND (newest_reporting_date - reporting_date) <= 31)) AS is_newest_round
  FROM (
    SELECT *, MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation) AS newest_reporting_date,
    MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation, round_number) AS number_date
    FROM (
      SELECT admin0_pcode, operation, assessment_type, reporting_date, round_number, MAX(CASE WHEN admin_level = 1 THEN 1 ELSE 0 END) AS is_here
      FROM (SELECT 0 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin0_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
        UNION ALL SELECT 1 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin1_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
        UNION ALL SELECT 2 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin2_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number) AS published
      GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
    ) AS distinct_rounds
  ) AS dated
  WHERE is_here = 1
) AS level_rounds
),
current_rows AS (
  SELECT published.*, rounds.is_newest_round
  FROM (
  SELECT 1 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, CAST(NULL AS TEXT) AS admin2_pcode, CAST(NULL AS TEXT) AS admin2_name, num_present_idp_ind, CAST(NULL AS TEXT) AS displacement_reason, CAST(NULL AS BIGINT) AS number_males, CAST(NULL AS BIGINT) AS number_females, CAST(NULL AS TEXT) AS idp_origin_admin1_pcode, CAST(NULL AS TEXT) AS idp_origin_admin1_name
  FROM "dtm".idp_admin1_current
) AS published
  JOIN rounds ON published.admin0_pcode = rounds.admin0_pcode AND published.operation = rounds.operation AND published.reporting_date = rounds.reporting_date AND COALESCE(published.assessment_type, '') = COALESCE(rounds.assessment_type, '') AND (published.assessment_type IS NULL) = (rounds.assessment_type IS NULL) AND COALESCE(published.round_number, 0) = COALESCE(rounds.round_number, 0) AND (published.round_number IS NULL) = (rounds.round_number IS NULL)
  WHERE is_newest
),
areas AS (  -- of all rounds, to find those of older rounds
  SELECT admin0_pcode, operation, assessment_type, admin1_pcode, admin1_name, admin2_pcode, admin2_name, COUNT(*) AS rows_of_all_rounds
  FROM (
  SELECT 1 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, CAST(NULL AS TEXT) AS admin2_pcode, CAST(NULL AS TEXT) AS admin2_name, num_present_idp_ind, CAST(NULL AS TEXT) AS displacement_reason, CAST(NULL AS BIGINT) AS number_males, CAST(NULL AS BIGINT) AS number_females, CAST(NULL AS TEXT) AS idp_origin_admin1_pcode, CAST(NULL AS TEXT) AS idp_origin_admin1_name
  FROM "dtm".idp_admin1_current
) AS published
  GROUP BY admin0_pcode, operation, assessment_type, admin1_pcode, admin1_name, admin2_pcode, admin2_name
),
found AS (
  SELECT
    admin0_pcode, operation, assessment_type, reporting_date, round_number, (CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END) COLLATE "C" AS area1, (CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END) COLLATE "C" AS area2,
    CASE WHEN is_newest_round THEN 1 ELSE 0 END AS is_last,
    admin0_name, admin1_pcode, admin1_name, admin2_pcode, admin2_name,
    num_present_idp_ind, number_males, number_females, 1 AS row_count, 0 AS rows_of_all_rounds
  FROM current_rows
  UNION ALL
  SELECT
    admin0_pcode, operation, assessment_type, NULL, NULL, (CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END) COLLATE "C" AS area1, (CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END) COLLATE "C" AS area2,
    NULL,
    NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, 0, rows_of_all_rounds
  FROM areas
),
sums AS (
  SELECT
    admin0_pcode, operation, assessment_type,
    area1,
    area2,
    MAX(reporting_date) AS reporting_date,
    MAX(round_number) AS round_number,
    MAX(is_last) AS is_last,
    MAX(admin0_name) AS admin0_name,
    MAX(admin1_pcode) AS admin1_pcode,
    MAX(admin1_name) AS admin1_name,
    MAX(admin2_pcode) AS admin2_pcode,
    MAX(admin2_name) AS admin2_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    CAST(SUM(row_count) AS BIGINT) AS row_count,
    SUM(rows_of_all_rounds) - SUM(row_count) AS older_rows,
    CAST(SUM(number_males) AS BIGINT) AS males,
    CAST(SUM(number_females) AS BIGINT) AS females,
    CAST(SUM(COALESCE(number_males, 0) + COALESCE(number_females, 0)) AS BIGINT) AS sex_known
  FROM found
  GROUP BY admin0_pcode, operation, assessment_type, area1, area2
),
stock AS (
  SELECT *, (CURRENT_DATE - reporting_date) AS age_days FROM sums WHERE row_count > 0
)
SELECT
  stock.*,
  CAST(sex_known AS DOUBLE PRECISION) / NULLIF(idps, 0) AS sex_coverage,
  -- A district that is new in this province, and that an older round has in another one.
  COALESCE(area2 = admin2_pcode, FALSE) AND older_rows = 0
    AND MAX(older_rows) OVER (PARTITION BY admin0_pcode, operation, assessment_type, area2) > 0 AS is_misplaced,
  is_last = 1 AS is_newest_of_operation,
  interval_days,
  CAST(stock.age_days AS DOUBLE PRECISION) / NULLIF(interval_days, 0) AS age_in_intervals,
  freshness
FROM stock
LEFT JOIN "dtm".operation_freshness AS operations USING (admin0_pcode, operation)
) AS figures
LEFT JOIN (
  SELECT
    admin0_pcode, CASE WHEN admin_level = 1 THEN admin0_pcode ELSE '/' || COALESCE((CASE WHEN COALESCE(parent_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || parent_name ELSE parent_pcode END) COLLATE "C", '!') END AS parent,
    COALESCE((CASE WHEN COALESCE(area_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || area_name ELSE area_pcode END) COLLATE "C", '!') AS area, cod_pcode, is_name_confirmed
  FROM (SELECT *, pcode AS area_pcode, name AS area_name FROM "dtm".areas) AS named
) AS areas
  ON areas.admin0_pcode = figures.admin0_pcode AND areas.parent = figures.admin0_pcode AND areas.area = COALESCE((CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END) COLLATE "C", '!')
) AS answer;

-- latest_stock_admin2
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  assessment_type,
  reporting_date,
  round_number,
  admin1_pcode,
  admin1_name,
  admin2_pcode,
  admin2_name,
  is_misplaced,
  idps,
  row_count,
  is_newest_of_operation,
  age_days,
  interval_days,
  age_in_intervals,
  freshness,
  cod_pcode,
  is_name_confirmed
FROM (
-- The rows of a view of one level, with the P-code of each area.
SELECT figures.*, areas.cod_pcode, COALESCE(areas.is_name_confirmed, FALSE) AS is_name_confirmed
FROM (
-- The newest round of each series at one level, by area.
WITH rounds AS (
  SELECT *, RANK() OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date DESC, round_number DESC NULLS LAST) = 1 AS is_newest FROM (
  SELECT admin0_pcode, operation, assessment_type, reporting_date, round_number, (reporting_date = newest_reporting_date OR (round_number IS NOT NULL AND number_date = newest_reporting_date AND (newest_reporting_date - reporting_date) <= 31)) AS is_newest_round
  FROM (
    SELECT *, MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation) AS newest_reporting_date,
    MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation, round_number) AS number_date
    FROM (
      SELECT admin0_pcode, operation, assessment_type, reporting_date, round_number, MAX(CASE WHEN admin_level = 2 THEN 1 ELSE 0 END) AS is_here
      FROM (SELECT 0 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin0_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
        UNION ALL SELECT 1 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin1_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
        UNION ALL SELECT 2 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin2_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number) AS published
      GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
    ) AS distinct_rounds
  ) AS dated
  WHERE is_here = 1
) AS level_rounds
),
current_rows AS (
  SELECT published.*, rounds.is_newest_round
  FROM (
  SELECT 2 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, admin2_pcode, admin2_name, num_present_idp_ind, CAST(NULL AS TEXT) AS displacement_reason, CAST(NULL AS BIGINT) AS number_males, CAST(NULL AS BIGINT) AS number_females, CAST(NULL AS TEXT) AS idp_origin_admin1_pcode, CAST(NULL AS TEXT) AS idp_origin_admin1_name
  FROM "dtm".idp_admin2_current
) AS published
  JOIN rounds ON published.admin0_pcode = rounds.admin0_pcode AND published.operation = rounds.operation AND published.reporting_date = rounds.reporting_date AND COALESCE(published.assessment_type, '') = COALESCE(rounds.assessment_type, '') AND (published.assessment_type IS NULL) = (rounds.assessment_type IS NULL) AND COALESCE(published.round_number, 0) = COALESCE(rounds.round_number, 0) AND (published.round_number IS NULL) = (rounds.round_number IS NULL)
  WHERE is_newest
),
areas AS (  -- of all rounds, to find those of older rounds
  SELECT admin0_pcode, operation, assessment_type, admin1_pcode, admin1_name, admin2_pcode, admin2_name, COUNT(*) AS rows_of_all_rounds
  FROM (
  SELECT 2 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, admin2_pcode, admin2_name, num_present_idp_ind, CAST(NULL AS TEXT) AS displacement_reason, CAST(NULL AS BIGINT) AS number_males, CAST(NULL AS BIGINT) AS number_females, CAST(NULL AS TEXT) AS idp_origin_admin1_pcode, CAST(NULL AS TEXT) AS idp_origin_admin1_name
  FROM "dtm".idp_admin2_current
) AS published
  GROUP BY admin0_pcode, operation, assessment_type, admin1_pcode, admin1_name, admin2_pcode, admin2_name
),
found AS (
  SELECT
    admin0_pcode, operation, assessment_type, reporting_date, round_number, (CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END) COLLATE "C" AS area1, (CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END) COLLATE "C" AS area2,
    CASE WHEN is_newest_round THEN 1 ELSE 0 END AS is_last,
    admin0_name, admin1_pcode, admin1_name, admin2_pcode, admin2_name,
    num_present_idp_ind, number_males, number_females, 1 AS row_count, 0 AS rows_of_all_rounds
  FROM current_rows
  UNION ALL
  SELECT
    admin0_pcode, operation, assessment_type, NULL, NULL, (CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END) COLLATE "C" AS area1, (CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END) COLLATE "C" AS area2,
    NULL,
    NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, 0, rows_of_all_rounds
  FROM areas
),
sums AS (
  SELECT
    admin0_pcode, operation, assessment_type,
    area1,
    area2,
    MAX(reporting_date) AS reporting_date,
    MAX(round_number) AS round_number,
    MAX(is_last) AS is_last,
    MAX(admin0_name) AS admin0_name,
    MAX(admin1_pcode) AS admin1_pcode,
    MAX(admin1_name) AS admin1_name,
    MAX(admin2_pcode) AS admin2_pcode,
    MAX(admin2_name) AS admin2_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    CAST(SUM(row_count) AS BIGINT) AS row_count,
    SUM(rows_of_all_rounds) - SUM(row_count) AS older_rows,
    CAST(SUM(number_males) AS BIGINT) AS males,
    CAST(SUM(number_females) AS BIGINT) AS females,
    CAST(SUM(COALESCE(number_males, 0) + COALESCE(number_females, 0)) AS BIGINT) AS sex_known
  FROM found
  GROUP BY admin0_pcode, operation, assessment_type, area1, area2
),
stock AS (
  SELECT *, (CURRENT_DATE - reporting_date) AS age_days FROM sums WHERE row_count > 0
)
SELECT
  stock.*,
  CAST(sex_known AS DOUBLE PRECISION) / NULLIF(idps, 0) AS sex_coverage,
  -- A district that is new in this province, and that an older round has in another one.
  COALESCE(area2 = admin2_pcode, FALSE) AND older_rows = 0
    AND MAX(older_rows) OVER (PARTITION BY admin0_pcode, operation, assessment_type, area2) > 0 AS is_misplaced,
  is_last = 1 AS is_newest_of_operation,
  interval_days,
  CAST(stock.age_days AS DOUBLE PRECISION) / NULLIF(interval_days, 0) AS age_in_intervals,
  freshness
FROM stock
LEFT JOIN "dtm".operation_freshness AS operations USING (admin0_pcode, operation)
) AS figures
LEFT JOIN (
  SELECT
    admin0_pcode, CASE WHEN admin_level = 1 THEN admin0_pcode ELSE '/' || COALESCE((CASE WHEN COALESCE(parent_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || parent_name ELSE parent_pcode END) COLLATE "C", '!') END AS parent,
    COALESCE((CASE WHEN COALESCE(area_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || area_name ELSE area_pcode END) COLLATE "C", '!') AS area, cod_pcode, is_name_confirmed
  FROM (SELECT *, pcode AS area_pcode, name AS area_name FROM "dtm".areas) AS named
) AS areas
  ON areas.admin0_pcode = figures.admin0_pcode AND areas.parent = '/' || COALESCE((CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END) COLLATE "C", '!') AND areas.area = COALESCE((CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END) COLLATE "C", '!')
) AS answer;

-- headline_stock_admin1
SELECT
  admin0_pcode,
  admin0_name,
  admin1_pcode,
  admin1_name,
  num_present_idp_ind,
  operation,
  assessment_type,
  round_number,
  reporting_date,
  age_days,
  chosen_by,
  alternatives,
  is_contested,
  freshness,
  cod_pcode,
  is_name_confirmed
FROM (
-- The rows of a view of one level, with the P-code of each area.
SELECT figures.*, areas.cod_pcode, COALESCE(areas.is_name_confirmed, FALSE) AS is_name_confirmed
FROM (
-- The areas of one level in the round that each country's headline is from.
WITH current_rows AS (
  SELECT
    published.admin1_pcode,
    published.admin1_name,
    published.admin2_pcode,
    published.admin2_name,
    published.num_present_idp_ind AS idps,
    headline.*
  FROM (
  SELECT 1 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, CAST(NULL AS TEXT) AS admin2_pcode, CAST(NULL AS TEXT) AS admin2_name, num_present_idp_ind, CAST(NULL AS TEXT) AS displacement_reason, CAST(NULL AS BIGINT) AS number_males, CAST(NULL AS BIGINT) AS number_females, CAST(NULL AS TEXT) AS idp_origin_admin1_pcode, CAST(NULL AS TEXT) AS idp_origin_admin1_name
  FROM "dtm".idp_admin1_current
) AS published
  JOIN "dtm".headline_stock_admin0 AS headline ON published.admin0_pcode = headline.admin0_pcode AND published.operation = headline.operation AND published.reporting_date = headline.reporting_date AND COALESCE(published.assessment_type, '') = COALESCE(headline.assessment_type, '') AND (published.assessment_type IS NULL) = (headline.assessment_type IS NULL) AND COALESCE(published.round_number, 0) = COALESCE(headline.round_number, 0) AND (published.round_number IS NULL) = (headline.round_number IS NULL)
)
SELECT
  admin0_pcode, operation, assessment_type, reporting_date, round_number,
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
  admin0_pcode, operation, assessment_type, reporting_date, round_number, admin0_name, age_days, chosen_by, alternatives, is_contested, freshness,
  (CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END) COLLATE "C", (CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END) COLLATE "C"
HAVING SUM(idps) IS NOT NULL
) AS figures
LEFT JOIN (
  SELECT
    admin0_pcode, CASE WHEN admin_level = 1 THEN admin0_pcode ELSE '/' || COALESCE((CASE WHEN COALESCE(parent_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || parent_name ELSE parent_pcode END) COLLATE "C", '!') END AS parent,
    COALESCE((CASE WHEN COALESCE(area_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || area_name ELSE area_pcode END) COLLATE "C", '!') AS area, cod_pcode, is_name_confirmed
  FROM (SELECT *, pcode AS area_pcode, name AS area_name FROM "dtm".areas) AS named
) AS areas
  ON areas.admin0_pcode = figures.admin0_pcode AND areas.parent = figures.admin0_pcode AND areas.area = COALESCE((CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END) COLLATE "C", '!')
) AS answer;

-- headline_stock_admin2
SELECT
  admin0_pcode,
  admin0_name,
  admin1_pcode,
  admin1_name,
  admin2_pcode,
  admin2_name,
  num_present_idp_ind,
  operation,
  assessment_type,
  round_number,
  reporting_date,
  age_days,
  chosen_by,
  alternatives,
  is_contested,
  freshness,
  cod_pcode,
  is_name_confirmed
FROM (
-- The rows of a view of one level, with the P-code of each area.
SELECT figures.*, areas.cod_pcode, COALESCE(areas.is_name_confirmed, FALSE) AS is_name_confirmed
FROM (
-- The areas of one level in the round that each country's headline is from.
WITH current_rows AS (
  SELECT
    published.admin1_pcode,
    published.admin1_name,
    published.admin2_pcode,
    published.admin2_name,
    published.num_present_idp_ind AS idps,
    headline.*
  FROM (
  SELECT 2 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, admin2_pcode, admin2_name, num_present_idp_ind, CAST(NULL AS TEXT) AS displacement_reason, CAST(NULL AS BIGINT) AS number_males, CAST(NULL AS BIGINT) AS number_females, CAST(NULL AS TEXT) AS idp_origin_admin1_pcode, CAST(NULL AS TEXT) AS idp_origin_admin1_name
  FROM "dtm".idp_admin2_current
) AS published
  JOIN "dtm".headline_stock_admin0 AS headline ON published.admin0_pcode = headline.admin0_pcode AND published.operation = headline.operation AND published.reporting_date = headline.reporting_date AND COALESCE(published.assessment_type, '') = COALESCE(headline.assessment_type, '') AND (published.assessment_type IS NULL) = (headline.assessment_type IS NULL) AND COALESCE(published.round_number, 0) = COALESCE(headline.round_number, 0) AND (published.round_number IS NULL) = (headline.round_number IS NULL)
)
SELECT
  admin0_pcode, operation, assessment_type, reporting_date, round_number,
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
  admin0_pcode, operation, assessment_type, reporting_date, round_number, admin0_name, age_days, chosen_by, alternatives, is_contested, freshness,
  (CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END) COLLATE "C", (CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END) COLLATE "C"
HAVING SUM(idps) IS NOT NULL
) AS figures
LEFT JOIN (
  SELECT
    admin0_pcode, CASE WHEN admin_level = 1 THEN admin0_pcode ELSE '/' || COALESCE((CASE WHEN COALESCE(parent_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || parent_name ELSE parent_pcode END) COLLATE "C", '!') END AS parent,
    COALESCE((CASE WHEN COALESCE(area_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || area_name ELSE area_pcode END) COLLATE "C", '!') AS area, cod_pcode, is_name_confirmed
  FROM (SELECT *, pcode AS area_pcode, name AS area_name FROM "dtm".areas) AS named
) AS areas
  ON areas.admin0_pcode = figures.admin0_pcode AND areas.parent = '/' || COALESCE((CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END) COLLATE "C", '!') AND areas.area = COALESCE((CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END) COLLATE "C", '!')
) AS answer;

-- stock_over_time_admin1
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  assessment_type,
  reporting_date,
  valid_until,
  round_number,
  admin1_pcode,
  admin1_name,
  presence,
  idps,
  previous_idps,
  change,
  is_newest_of_operation,
  cod_pcode,
  is_name_confirmed
FROM (
-- The rows of a view of one level, with the P-code of each area.
SELECT figures.*, areas.cod_pcode, COALESCE(areas.is_name_confirmed, FALSE) AS is_name_confirmed
FROM (
-- Each area of one level in each round that reports it, and in the first one that no longer does.
WITH rounds AS (  -- next to each round the one after it
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS place,
    LEAD(reporting_date) OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS next_date,
    LEAD(round_number) OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS next_number,
    LEAD(is_newest_round) OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS next_is_newest,
    LEAD(reporting_date, 2) OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS date_after_next
  FROM (
  SELECT admin0_pcode, operation, assessment_type, reporting_date, round_number, (reporting_date = newest_reporting_date OR (round_number IS NOT NULL AND number_date = newest_reporting_date AND (newest_reporting_date - reporting_date) <= 31)) AS is_newest_round
  FROM (
    SELECT *, MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation) AS newest_reporting_date,
    MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation, round_number) AS number_date
    FROM (
      SELECT admin0_pcode, operation, assessment_type, reporting_date, round_number, MAX(CASE WHEN admin_level = 1 THEN 1 ELSE 0 END) AS is_here
      FROM (SELECT 0 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin0_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
        UNION ALL SELECT 1 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin1_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
        UNION ALL SELECT 2 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin2_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number) AS published
      GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
    ) AS distinct_rounds
  ) AS dated
  WHERE is_here = 1
) AS level_rounds
),
keyed AS (
  SELECT *, (CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END) COLLATE "C" AS area1, (CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END) COLLATE "C" AS area2 FROM (
  SELECT 1 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, CAST(NULL AS TEXT) AS admin2_pcode, CAST(NULL AS TEXT) AS admin2_name, num_present_idp_ind, CAST(NULL AS TEXT) AS displacement_reason, CAST(NULL AS BIGINT) AS number_males, CAST(NULL AS BIGINT) AS number_females, CAST(NULL AS TEXT) AS idp_origin_admin1_pcode, CAST(NULL AS TEXT) AS idp_origin_admin1_name
  FROM "dtm".idp_admin1_current
) AS published
),
sums AS (  -- here and in all windows below the district comes first, because it differs most
  SELECT
    area2, admin0_pcode, operation, assessment_type, reporting_date, round_number, area1,
    MAX(admin0_name) AS admin0_name,
    MAX(admin1_pcode) AS admin1_pcode,
    MAX(admin1_name) AS admin1_name,
    MAX(admin2_pcode) AS admin2_pcode,
    MAX(admin2_name) AS admin2_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps
  FROM keyed
  GROUP BY area2, admin0_pcode, operation, assessment_type, reporting_date, round_number, area1
),
stock AS (
  SELECT
    sums.*,
    rounds.place,
    rounds.is_newest_round,
    rounds.next_date,
    rounds.next_number,
    rounds.next_is_newest,
    rounds.date_after_next
  FROM sums
  LEFT JOIN rounds ON sums.admin0_pcode = rounds.admin0_pcode AND sums.operation = rounds.operation AND sums.reporting_date = rounds.reporting_date AND COALESCE(sums.assessment_type, '') = COALESCE(rounds.assessment_type, '') AND (sums.assessment_type IS NULL) = (rounds.assessment_type IS NULL) AND COALESCE(sums.round_number, 0) = COALESCE(rounds.round_number, 0) AND (sums.round_number IS NULL) = (rounds.round_number IS NULL)
),
counted AS (
  SELECT *, COUNT(*) OVER (PARTITION BY area2, admin0_pcode, operation, assessment_type, area1) AS round_count FROM stock
),
shared AS (
  SELECT
    *,
    COUNT(*) OVER (PARTITION BY area2, admin0_pcode, operation, assessment_type, place) AS area1_count,
    MAX(round_count) OVER (PARTITION BY area2, admin0_pcode, operation, assessment_type, place) AS most_rounds
  FROM counted
),
alone AS (
  SELECT *, CASE WHEN area1_count = 1 THEN area1 END AS only_area1 FROM shared
),
compared AS (  -- area1_around: the province that the rounds just before and after agree on, where each has one alone
  SELECT
    *,
    CASE
      WHEN area1_count = 1
        AND LAG(place) OVER district = place - 1
        AND LEAD(place) OVER district = place + 1
        AND LAG(only_area1) OVER district = LEAD(only_area1) OVER district
        THEN LAG(only_area1) OVER district
    END AS area1_around
  FROM alone
  WINDOW district AS (PARTITION BY area2, admin0_pcode, operation, assessment_type ORDER BY place)
),
judged AS (
  SELECT
    *,
    COALESCE(area2 = admin2_pcode, FALSE) AND round_count = 1 AND (most_rounds > 1 OR area1_around IS NOT NULL)
      AS is_misplaced
  FROM compared
),
homes AS (  -- a misplaced district that its round has nowhere else continues the series of its own province
  SELECT *, CASE WHEN is_misplaced THEN COALESCE(area1_around, area1) ELSE area1 END AS home FROM judged
),
neighbours AS (
  SELECT
    *,
    LAG(place) OVER area AS place_before,
    LAG(idps) OVER area AS idps_before,
    LEAD(place) OVER area AS place_after
  FROM homes
  WINDOW area AS (PARTITION BY area2, admin0_pcode, operation, assessment_type, home ORDER BY place)
),
areas AS (  -- step 1: the round after, which does not have the area
  SELECT
    admin0_pcode, operation, assessment_type, place + step AS place, admin0_name, admin1_pcode, admin1_name, admin2_pcode, admin2_name,
    step = 0 AND is_misplaced AS is_misplaced,
    CASE WHEN step = 0 THEN idps END AS idps,
    CASE WHEN step = 1 THEN idps WHEN place_before = place - 1 THEN idps_before END AS previous_idps,
    CASE
      WHEN step = 1 THEN 'vanished'
      WHEN is_misplaced THEN 'misplaced'
      WHEN place = 1 THEN 'first'
      WHEN place_before = place - 1 THEN 'stayed'
      ELSE 'appeared'
    END AS presence,
    CASE WHEN step = 0 THEN reporting_date ELSE next_date END AS reporting_date,
    CASE WHEN step = 0 THEN round_number ELSE next_number END AS round_number,
    CASE WHEN step = 0 THEN next_date ELSE date_after_next END AS valid_until,
    CASE WHEN step = 0 THEN is_newest_round ELSE next_is_newest END AS is_newest_round
  FROM neighbours
  CROSS JOIN (SELECT 0 AS step UNION ALL SELECT 1 AS step) AS steps
  WHERE step = 0 OR (NOT is_misplaced AND next_date IS NOT NULL AND (place_after IS NULL OR place_after > place + 1))
)
SELECT
  *,
  idps - previous_idps AS change,
  valid_until IS NULL AND is_newest_round AS is_newest_of_operation
FROM areas
) AS figures
LEFT JOIN (
  SELECT
    admin0_pcode, CASE WHEN admin_level = 1 THEN admin0_pcode ELSE '/' || COALESCE((CASE WHEN COALESCE(parent_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || parent_name ELSE parent_pcode END) COLLATE "C", '!') END AS parent,
    COALESCE((CASE WHEN COALESCE(area_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || area_name ELSE area_pcode END) COLLATE "C", '!') AS area, cod_pcode, is_name_confirmed
  FROM (SELECT *, pcode AS area_pcode, name AS area_name FROM "dtm".areas) AS named
) AS areas
  ON areas.admin0_pcode = figures.admin0_pcode AND areas.parent = figures.admin0_pcode AND areas.area = COALESCE((CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END) COLLATE "C", '!')
) AS answer;

-- stock_over_time_admin2
SELECT
  admin0_pcode,
  admin0_name,
  operation,
  assessment_type,
  reporting_date,
  valid_until,
  round_number,
  admin1_pcode,
  admin1_name,
  admin2_pcode,
  admin2_name,
  is_misplaced,
  presence,
  idps,
  previous_idps,
  change,
  is_newest_of_operation,
  cod_pcode,
  is_name_confirmed
FROM (
-- The rows of a view of one level, with the P-code of each area.
SELECT figures.*, areas.cod_pcode, COALESCE(areas.is_name_confirmed, FALSE) AS is_name_confirmed
FROM (
-- Each area of one level in each round that reports it, and in the first one that no longer does.
WITH rounds AS (  -- next to each round the one after it
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS place,
    LEAD(reporting_date) OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS next_date,
    LEAD(round_number) OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS next_number,
    LEAD(is_newest_round) OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS next_is_newest,
    LEAD(reporting_date, 2) OVER (PARTITION BY admin0_pcode, operation, assessment_type ORDER BY reporting_date, round_number NULLS FIRST) AS date_after_next
  FROM (
  SELECT admin0_pcode, operation, assessment_type, reporting_date, round_number, (reporting_date = newest_reporting_date OR (round_number IS NOT NULL AND number_date = newest_reporting_date AND (newest_reporting_date - reporting_date) <= 31)) AS is_newest_round
  FROM (
    SELECT *, MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation) AS newest_reporting_date,
    MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation, round_number) AS number_date
    FROM (
      SELECT admin0_pcode, operation, assessment_type, reporting_date, round_number, MAX(CASE WHEN admin_level = 2 THEN 1 ELSE 0 END) AS is_here
      FROM (SELECT 0 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin0_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
        UNION ALL SELECT 1 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin1_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
        UNION ALL SELECT 2 AS admin_level, admin0_pcode, operation, assessment_type, reporting_date, round_number FROM "dtm".idp_admin2_current GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number) AS published
      GROUP BY admin0_pcode, operation, assessment_type, reporting_date, round_number
    ) AS distinct_rounds
  ) AS dated
  WHERE is_here = 1
) AS level_rounds
),
keyed AS (
  SELECT *, (CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END) COLLATE "C" AS area1, (CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END) COLLATE "C" AS area2 FROM (
  SELECT 2 AS admin_level, admin0_pcode, admin0_name, operation, row_number, reporting_date, round_number, assessment_type, year_reporting_date, month_reporting_date, admin1_pcode, admin1_name, admin2_pcode, admin2_name, num_present_idp_ind, CAST(NULL AS TEXT) AS displacement_reason, CAST(NULL AS BIGINT) AS number_males, CAST(NULL AS BIGINT) AS number_females, CAST(NULL AS TEXT) AS idp_origin_admin1_pcode, CAST(NULL AS TEXT) AS idp_origin_admin1_name
  FROM "dtm".idp_admin2_current
) AS published
),
sums AS (  -- here and in all windows below the district comes first, because it differs most
  SELECT
    area2, admin0_pcode, operation, assessment_type, reporting_date, round_number, area1,
    MAX(admin0_name) AS admin0_name,
    MAX(admin1_pcode) AS admin1_pcode,
    MAX(admin1_name) AS admin1_name,
    MAX(admin2_pcode) AS admin2_pcode,
    MAX(admin2_name) AS admin2_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps
  FROM keyed
  GROUP BY area2, admin0_pcode, operation, assessment_type, reporting_date, round_number, area1
),
stock AS (
  SELECT
    sums.*,
    rounds.place,
    rounds.is_newest_round,
    rounds.next_date,
    rounds.next_number,
    rounds.next_is_newest,
    rounds.date_after_next
  FROM sums
  LEFT JOIN rounds ON sums.admin0_pcode = rounds.admin0_pcode AND sums.operation = rounds.operation AND sums.reporting_date = rounds.reporting_date AND COALESCE(sums.assessment_type, '') = COALESCE(rounds.assessment_type, '') AND (sums.assessment_type IS NULL) = (rounds.assessment_type IS NULL) AND COALESCE(sums.round_number, 0) = COALESCE(rounds.round_number, 0) AND (sums.round_number IS NULL) = (rounds.round_number IS NULL)
),
counted AS (
  SELECT *, COUNT(*) OVER (PARTITION BY area2, admin0_pcode, operation, assessment_type, area1) AS round_count FROM stock
),
shared AS (
  SELECT
    *,
    COUNT(*) OVER (PARTITION BY area2, admin0_pcode, operation, assessment_type, place) AS area1_count,
    MAX(round_count) OVER (PARTITION BY area2, admin0_pcode, operation, assessment_type, place) AS most_rounds
  FROM counted
),
alone AS (
  SELECT *, CASE WHEN area1_count = 1 THEN area1 END AS only_area1 FROM shared
),
compared AS (  -- area1_around: the province that the rounds just before and after agree on, where each has one alone
  SELECT
    *,
    CASE
      WHEN area1_count = 1
        AND LAG(place) OVER district = place - 1
        AND LEAD(place) OVER district = place + 1
        AND LAG(only_area1) OVER district = LEAD(only_area1) OVER district
        THEN LAG(only_area1) OVER district
    END AS area1_around
  FROM alone
  WINDOW district AS (PARTITION BY area2, admin0_pcode, operation, assessment_type ORDER BY place)
),
judged AS (
  SELECT
    *,
    COALESCE(area2 = admin2_pcode, FALSE) AND round_count = 1 AND (most_rounds > 1 OR area1_around IS NOT NULL)
      AS is_misplaced
  FROM compared
),
homes AS (  -- a misplaced district that its round has nowhere else continues the series of its own province
  SELECT *, CASE WHEN is_misplaced THEN COALESCE(area1_around, area1) ELSE area1 END AS home FROM judged
),
neighbours AS (
  SELECT
    *,
    LAG(place) OVER area AS place_before,
    LAG(idps) OVER area AS idps_before,
    LEAD(place) OVER area AS place_after
  FROM homes
  WINDOW area AS (PARTITION BY area2, admin0_pcode, operation, assessment_type, home ORDER BY place)
),
areas AS (  -- step 1: the round after, which does not have the area
  SELECT
    admin0_pcode, operation, assessment_type, place + step AS place, admin0_name, admin1_pcode, admin1_name, admin2_pcode, admin2_name,
    step = 0 AND is_misplaced AS is_misplaced,
    CASE WHEN step = 0 THEN idps END AS idps,
    CASE WHEN step = 1 THEN idps WHEN place_before = place - 1 THEN idps_before END AS previous_idps,
    CASE
      WHEN step = 1 THEN 'vanished'
      WHEN is_misplaced THEN 'misplaced'
      WHEN place = 1 THEN 'first'
      WHEN place_before = place - 1 THEN 'stayed'
      ELSE 'appeared'
    END AS presence,
    CASE WHEN step = 0 THEN reporting_date ELSE next_date END AS reporting_date,
    CASE WHEN step = 0 THEN round_number ELSE next_number END AS round_number,
    CASE WHEN step = 0 THEN next_date ELSE date_after_next END AS valid_until,
    CASE WHEN step = 0 THEN is_newest_round ELSE next_is_newest END AS is_newest_round
  FROM neighbours
  CROSS JOIN (SELECT 0 AS step UNION ALL SELECT 1 AS step) AS steps
  WHERE step = 0 OR (NOT is_misplaced AND next_date IS NOT NULL AND (place_after IS NULL OR place_after > place + 1))
)
SELECT
  *,
  idps - previous_idps AS change,
  valid_until IS NULL AND is_newest_round AS is_newest_of_operation
FROM areas
) AS figures
LEFT JOIN (
  SELECT
    admin0_pcode, CASE WHEN admin_level = 1 THEN admin0_pcode ELSE '/' || COALESCE((CASE WHEN COALESCE(parent_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || parent_name ELSE parent_pcode END) COLLATE "C", '!') END AS parent,
    COALESCE((CASE WHEN COALESCE(area_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || area_name ELSE area_pcode END) COLLATE "C", '!') AS area, cod_pcode, is_name_confirmed
  FROM (SELECT *, pcode AS area_pcode, name AS area_name FROM "dtm".areas) AS named
) AS areas
  ON areas.admin0_pcode = figures.admin0_pcode AND areas.parent = '/' || COALESCE((CASE WHEN COALESCE(admin1_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin1_name ELSE admin1_pcode END) COLLATE "C", '!') AND areas.area = COALESCE((CASE WHEN COALESCE(admin2_pcode, '') IN ('', 'Not available', 'Unknown') THEN '?' || admin2_name ELSE admin2_pcode END) COLLATE "C", '!')
) AS answer;
