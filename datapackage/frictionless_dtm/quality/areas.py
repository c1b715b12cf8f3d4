"""The areas of a package that OCHA's list of P-codes lacks or does not confirm, and the people in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from frictionless_dtm.quality.database import Database

_ABOUT: Final = (
    "The areas as published, compared with OCHA's list of P-codes in this package. An area is not confirmed if the "
    "list has its code with another name: the spelling differs, or the code now belongs to another area. People are "
    "those of the newest round of each operation and assessment type: never add them up. An area whose code and name "
    "are placeholders is not checked, but the people in it count as not matched."
)


def areas(database: Database, limit: int) -> dict[str, Any]:
    """Return the section of the report about areas, with so many examples at most."""
    by_country = database.rows(_COUNTED)
    examples = database.rows(_EXAMPLES)
    return {
        "about": _ABOUT,
        "checked": sum(each["areas"] for each in by_country),
        "found": sum(each["not_matched"] + each["not_confirmed"] for each in by_country),
        "by_country": by_country,
        "people": [row for level in database.levels if level for row in database.rows(_PEOPLE.format(level=level))],
        "claimed_twice": database.rows(_CLAIMED),
        "parents_differ": database.rows(_PARENTS),
        "not_matched": [each for each in examples if each["match"] == "none"][:limit],
        "not_confirmed": [each for each in examples if each["match"] != "none"][:limit],
    }


_COUNTED: Final = """
    SELECT
      admin0_pcode AS country,
      admin_level,
      COUNT(*) AS areas,
      COUNT(*) FILTER (match = 'none') AS not_matched,
      COUNT(*) FILTER (match <> 'none' AND NOT is_name_confirmed) AS not_confirmed,
      COUNT(*) FILTER (match NOT IN ('exact', 'none')) AS repaired
    FROM dtm.areas
    WHERE NOT ($is_unknown(pcode) AND $is_unknown(name))
    GROUP BY ALL
    ORDER BY ALL"""
_EXAMPLES: Final = """
    SELECT admin0_pcode AS country, admin_level, pcode, name, parent_name, match, candidates, cod_pcode, cod_name
    FROM dtm.areas
    WHERE NOT is_name_confirmed AND NOT ($is_unknown(pcode) AND $is_unknown(name))
    ORDER BY ALL"""
_CLAIMED: Final = """
    SELECT
      admin0_pcode AS country, cod_pcode, cod_name,
      LIST(pcode ORDER BY pcode) AS pcodes, LIST(name ORDER BY pcode) AS names
    FROM dtm.areas
    WHERE cod_pcode IS NOT NULL
    GROUP BY ALL
    HAVING COUNT(DISTINCT (pcode, name)) > 1
    ORDER BY ALL"""
_PEOPLE: Final = """
    SELECT
      admin0_pcode AS country,
      {level} AS admin_level,
      operation,
      assessment_type,
      reporting_date,
      CAST(SUM(idps) AS BIGINT) AS persons,
      CAST(COALESCE(SUM(idps) FILTER (cod_pcode IS NULL), 0) AS BIGINT) AS not_matched,
      CAST(COALESCE(SUM(idps) FILTER (cod_pcode IS NOT NULL AND NOT is_name_confirmed), 0) AS BIGINT) AS not_confirmed
    FROM dtm.latest_stock_admin{level}
    GROUP BY ALL
    ORDER BY ALL"""
_PARENTS: Final = """
    SELECT
      area.admin0_pcode AS country, area.pcode, area.name, area.parent_pcode, area.cod_pcode, area.cod_parent_pcode,
      parent.cod_pcode AS parent_cod_pcode
    FROM dtm.areas AS area
    JOIN dtm.areas AS parent
      ON parent.admin0_pcode = area.admin0_pcode AND parent.admin_level = 1 AND parent.pcode = area.parent_pcode
    WHERE area.admin_level = 2 AND area.cod_parent_pcode <> parent.cod_pcode
    ORDER BY ALL"""
