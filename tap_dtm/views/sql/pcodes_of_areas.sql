-- The rows of a view of one level, with the P-code of each area.
SELECT figures.*, areas.cod_pcode, COALESCE(areas.is_name_confirmed, FALSE) AS is_name_confirmed
FROM (
{figures}
) AS figures
LEFT JOIN $areas AS areas
  ON areas.admin0_pcode = figures.admin0_pcode AND areas.parent = $parent_of_row AND areas.area = $area_of_row
