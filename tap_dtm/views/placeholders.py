"""The named placeholders of the queries in ``sql/``: each ``$name``, and what it becomes.

Some take arguments, ``$name(a, b)``, which replace ``{0}`` and so on, or ``{all}`` at once. Placeholders may contain
others. Those that a database defines are in `dialects`.

A query between ``{each_level}`` and ``{end}`` is repeated for each level that is loaded, with ``UNION ALL``. There,
``$level`` and ``$rows`` are that level and its rows.
"""

from __future__ import annotations

import re
from functools import cache, reduce
from typing import TYPE_CHECKING, Final

from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.model import (
    LAG_ROUNDS,
    LEVELS,
    PUBLICATION_LAG_DAYS,
    ROUND_SPAN_DAYS,
    SINGLE_ROUND_DAYS,
)
from tap_dtm.metadata.views import load_reason_classes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_dtm.views.warehouse import Warehouse

_PLACEHOLDER: Final = re.compile(r"\$(\w+)(?:\(((?:[^()]|\([^()]*\))*)\))?")

_UNION: Final = "\n  UNION ALL\n"
_EACH_LEVEL: Final = re.compile(r"( *)\{each_level\}\n(.*?\n) *\{end\}\n", re.DOTALL)

_SHARED: Final = {
    # The columns of a series of rounds, and those of a round. Figures are never added up over them.
    "series": "admin0_pcode, operation, assessment_type",
    "round": "$series, reporting_date, round_number",
    # The order of the rounds of a series, for OVER: a round without a number comes before all others of its date.
    "oldest_first": "PARTITION BY $series ORDER BY reporting_date, round_number NULLS FIRST",
    "newest_first": "PARTITION BY $series ORDER BY reporting_date DESC, round_number DESC NULLS LAST",
    "is_newest": "RANK() OVER ($newest_first) = 1",
    # The newest dates of the operation, and of the operation and the round number.
    "newest_dates": """MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation) AS newest_reporting_date,
    MAX(reporting_date) OVER (PARTITION BY admin0_pcode, operation, round_number) AS number_date""",
    # Whether no round of the operation is later, under any assessment type. Another type may date the same round a few
    # weeks later, under the same number. It needs $newest_dates.
    "is_newest_round": "(reporting_date = newest_reporting_date OR (round_number IS NOT NULL"
    " AND number_date = newest_reporting_date"
    f" AND $days(reporting_date, newest_reporting_date) <= {ROUND_SPAN_DAYS}))",
    # The rounds of the view's level, and whether no level has a later one.
    "level_rounds": """(
  SELECT $round, $is_newest_round AS is_newest_round
  FROM (
    SELECT *, $newest_dates
    FROM (
      SELECT $round, MAX(CASE WHEN admin_level = $level THEN 1 ELSE 0 END) AS is_here
      FROM ($published_rounds) AS published
      GROUP BY $round
    ) AS distinct_rounds
  ) AS dated
  WHERE is_here = 1
) AS level_rounds""",
    # Whether two relations have the same round, for ON. Only DuckDB joins fast on IS NOT DISTINCT FROM.
    "same_round": "{0}.admin0_pcode = {1}.admin0_pcode AND {0}.operation = {1}.operation"
    " AND {0}.reporting_date = {1}.reporting_date"
    " AND COALESCE({0}.assessment_type, '') = COALESCE({1}.assessment_type, '')"
    " AND ({0}.assessment_type IS NULL) = ({1}.assessment_type IS NULL)"
    " AND COALESCE({0}.round_number, 0) = COALESCE({1}.round_number, 0)"
    " AND ({0}.round_number IS NULL) = ({1}.round_number IS NULL)",
    # All levels show the same people, so the figures of a round are taken from the first level that has it.
    "first_level": "MIN(admin_level) OVER (PARTITION BY $round)",
    "round_idps": "CAST(SUM(idps) OVER (PARTITION BY $round) AS BIGINT)",
    "sexes": """CAST(SUM(number_males) AS BIGINT) AS males,
    CAST(SUM(number_females) AS BIGINT) AS females,
    CAST(SUM(COALESCE(number_males, 0) + COALESCE(number_females, 0)) AS BIGINT) AS sex_known""",
    # The names and codes of a group of rows; of several spellings, the last one in the alphabet.
    "area_names": """MAX(admin1_pcode) AS admin1_pcode,
    MAX(admin1_name) AS admin1_name,
    MAX(admin2_pcode) AS admin2_pcode,
    MAX(admin2_name) AS admin2_name""",
    # What distinguishes areas, such as $area_key(admin1): the code, or the name where there is no code.
    "area_key": "(CASE WHEN $is_unknown({0}_pcode) THEN '?' || {0}_name ELSE {0}_pcode END)$bytewise",
    "known_key": "COALESCE($area_key({0}), '!')",
    # The view areas, with the same keys. It is joined by keys alone, because Postgres expects few rows after a filter
    # on the level, and then compares each row with each.
    "areas": """(
  SELECT
    admin0_pcode, CASE WHEN admin_level = 1 THEN admin0_pcode ELSE '/' || $known_key(parent) END AS parent,
    $known_key(area) AS area, cod_pcode, is_name_confirmed
  FROM (SELECT *, pcode AS area_pcode, name AS area_name FROM $schema.areas) AS named
)""",
    "is_unknown": "COALESCE({0}, '') IN ($unknown)",
    # A code of an area in capital letters and digits alone.
    "plain_code": "UPPER(REGEXP_REPLACE({0}, $raw'[^A-Za-z0-9]+', ''$all))",
    # What follows the letters of the country in a code: its own three-letter code, or any two.
    "rest": "CASE WHEN STARTS_WITH({0}, admin0_pcode) THEN SUBSTR({0}, 4)"
    " ELSE REGEXP_REPLACE({0}, $raw'^[A-Z][A-Z]', '') END",
    # What follows the code of the parent, in countries whose codes begin with it.
    "own_part": "CASE WHEN STARTS_WITH($plain_code(code), plain_parent)"
    " THEN SUBSTR($plain_code(code), LENGTH(plain_parent) + 1) END",
    # Without the zeros before the first other digit.
    "unpadded": r"REGEXP_REPLACE({0}, $raw'^([A-Z]*)0+', $raw'\1')",
    # The parts of a code that are compared, from strict to loose.
    "code_keys": """
    $rest(code) AS rest,
    $plain_rest AS plain_rest,
    $unpadded($plain_rest) AS digits,
    $unpadded($own_part) AS own_digits""",
    "plain_rest": "$rest($plain_code(code))",
    # The words of a name in alphabetical order, in small letters without accents; null if there is none. TRANSLATE
    # replaces letters that Unicode does not decompose. The patterns list all signs, because the databases disagree on
    # what a letter is.
    "name_key": "NULLIF($sorted_words($words({0})), '')",
    "words": "TRIM(REGEXP_REPLACE($letters({0}),"
    " $raw'[$char(0001)-$char(002f)$char(003a)-$char(0060)$char(007b)-$char(00bf)$char(2000)-$char(206f)]+', ' '$all))",
    "letters": "TRANSLATE(REGEXP_REPLACE(LOWER($decomposed({0})), $raw'[$accents$apostrophes]', ''$all),"
    " 'øđłħı', 'odlhi')",
    "accents": "$char(0300)-$char(036f)$char(064b)-$char(065f)",
    "apostrophes": "$char(0027)$char(0060)$char(00b4)$char(2018)-$char(201b)$char(02b0)-$char(02ff)",
    "each_spelling": "PARTITION BY admin0_pcode, admin_level, parent, area, area_pcode, area_name",
    # A part of a whole as a number; null where the whole is 0.
    "share": "CAST({0} AS $float) / NULLIF({1}, 0)",
    # displacement_reason in lower case, its parts joined by "; "; null if there is none. The patterns list the blanks,
    # because the databases define \s differently.
    "folded_reason": r"NULLIF(LOWER(REGEXP_REPLACE(REGEXP_REPLACE(displacement_reason,"
    r" $raw'[ \t\n\r\f\v]*(;[ \t\n\r\f\v]*)+', '; '$all), $raw'^[; \t\n\r\f\v]+|[; \t\n\r\f\v]+$', ''$all)), '')",
    # The median of whole days, such as $middle(gap, place, count) where place numbers the gaps by size. The databases
    # share no function for it: it is the gap in the middle, or the mean of the two.
    "middle": "CAST(FLOOR(AVG(CASE WHEN {1} * 2 IN ({2}, {2} + 1, {2} + 2) THEN {0} END) + 0.5) AS BIGINT)",
    # Of a change in round_versions: the value of the row that the run at that time added, of this one or of the next.
    "of_that_run": "CASE WHEN step > 0 AND began_at = observed_at THEN {0}"
    " WHEN step < 0 AND ceased_at = next_at THEN {1} END",
    # The days that operations need for publication.
    "publication_days": str(PUBLICATION_LAG_DAYS),
    "is_lag_measured": "FALSE",
    "measured_lags": "",
    "single_days": str(SINGLE_ROUND_DAYS),
}
"""What does not depend on the warehouse."""

_WITH_HISTORY: Final = {
    "publication_days": f"COALESCE(lag_days, {PUBLICATION_LAG_DAYS})",
    "is_lag_measured": "lag_days IS NOT NULL",
    "measured_lags": "LEFT JOIN ("
    f"SELECT admin0_pcode, operation, lag_days FROM $schema.publication_lag WHERE look_count >= {LAG_ROUNDS}"
    ") AS lags USING (admin0_pcode, operation)\n",
}


def placeholders(warehouse: Warehouse, level: int | None) -> dict[str, str]:
    """Return all placeholders.

    Args:
        warehouse: Where the views are to be.
        level: That of the view; None if it has none.
    """
    fields = load_catalogue().fields
    unknown = sorted({"", *(text for field in fields.values() for text in field.missing_values)})
    has_reason = warehouse.api_version in fields["displacement_reason"].versions
    levels = warehouse.levels if level is None else (level,)
    return _SHARED | {
        **(_WITH_HISTORY if warehouse.has_history else {}),
        **warehouse.dialect.expressions,
        "schema": warehouse.dialect.quoted_schema,
        "level": str(level),
        "history": f"$schema.idp_admin{level}_history",
        "added_rows": f"admin{level}_rows",
        "follows": f"admin{level}_follows",
        "content": _content(warehouse, level),
        # The area of a row as people name it, and the areas of several rows.
        "area": f"CASE WHEN $is_unknown(admin{level}_pcode) THEN COALESCE(admin{level}_name, '')"
        f" ELSE admin{level}_pcode END"
        if level
        else "''",
        "changed_areas": "ARRAY_AGG(CAST(area AS $text) ORDER BY area)" if level else "$split(CAST(NULL AS $text))",
        "highest_level": str(min(warehouse.levels)),
        "area_of_row": f"$known_key(admin{level})",
        "parent_of_row": "'/' || $known_key(admin1)" if level == LEVELS[-1] else "figures.admin0_pcode",
        "level_count": str(len(warehouse.levels)),
        # The day from which ages are counted.
        "today": f"DATE '{warehouse.today}'" if warehouse.today else "CURRENT_DATE",
        # Texts that the API publishes in place of a code.
        "unknown": ", ".join(f"'{text}'" for text in unknown),
        "reason_class": _reason_class() if has_reason else "CAST(NULL AS $text)",
        "reason": "$folded_reason" if has_reason else "CAST(NULL AS $text)",
        "published_rounds": "\n        UNION ALL ".join(
            f"SELECT {each} AS admin_level, $round FROM $schema.idp_admin{each}_current GROUP BY $round"
            for each in warehouse.levels
        ),
        # The rows of the view's level, or of all that are loaded, with the columns of every level and API version.
        "rows": f"(\n{_UNION.join(_rows(warehouse, each) for each in levels)}\n) AS published",
        # The sums of each level by these columns, which all levels have. Postgres is faster if each level is summed
        # by itself, because it knows how many groups a table has, and keeps them in memory.
        "level_sums": f"(\n{_UNION.join(map(_sums, warehouse.levels))}\n) AS level_sums",
        "same_area": "is_same_code" if warehouse.has_pcodes else "is_same_area",
    }


def fill(sql: str, values: Mapping[str, str]) -> str:
    """Return SQL with its placeholders replaced."""
    return _PLACEHOLDER.sub(
        lambda found: fill(values[found[1]].format(*(found[2] or "").split(", "), all=found[2]), values), sql
    )


def of_each_level(sql: str, warehouse: Warehouse) -> str:
    """Return a query with what is between ``{each_level}`` and ``{end}`` written out for each level."""
    return _EACH_LEVEL.sub(
        lambda found: f"{found[1]}UNION ALL\n".join(
            fill(found[2], placeholders(warehouse, level)) for level in warehouse.levels
        ),
        sql,
    )


def _content(warehouse: Warehouse, level: int | None) -> str:
    """Return all values of the API in a row as one text. No value has the character that separates them."""
    fields = load_catalogue().resources[f"idp_admin{level or 0}"].fields_for(warehouse.api_version)
    names = (field.name for field in fields if field.api_name)
    return " || CHR(31) || ".join(f"COALESCE('=' || CAST({name} AS $text), '')" for name in names)


def _rows(warehouse: Warehouse, level: int) -> str:
    tables = load_catalogue().resources
    published = {field.name for field in tables[f"idp_admin{level}"].fields_for(warehouse.api_version)}
    columns = [
        field.name
        if field.name in published
        else f"CAST(NULL AS {'$text' if field.type == 'string' else 'BIGINT'}) AS {field.name}"
        for field in tables["idp_admin2"].fields  # which has the columns of all levels
        if not field.name.startswith("_")
    ]
    return f"  SELECT {level} AS admin_level, {', '.join(columns)}\n  FROM $schema.idp_admin{level}_current"


def _sums(level: int) -> str:
    return f"""\
  SELECT
    {level} AS admin_level,
    {{all}},
    MAX(admin0_name) AS admin0_name,
    CAST(SUM(num_present_idp_ind) AS BIGINT) AS idps,
    COUNT(*) AS row_count,
    COUNT(*) - COUNT(num_present_idp_ind) AS rows_without_figure
  FROM $schema.idp_admin{level}_current
  GROUP BY {{all}}"""


@cache
def _reason_class() -> str:
    """Return the class of ``displacement_reason``.

    Most rows have one reason, spelled as in the catalogue except for case. These are looked up first, because to split
    a text takes ten times as long.
    """
    words = load_reason_classes()
    # Each part with two separators: `;conflict;;natural disaster;`.
    parts = "(';' || REPLACE($folded_reason, '; ', ';;') || ';')"
    known = (*words.conflict, *words.disaster, *words.not_reported)
    rest = reduce(lambda text, word: f"REPLACE({text}, ';{word};', '')", known, parts)
    conflict, disaster, other = _has(parts, words.conflict), _has(parts, words.disaster), f"{rest} <> ''"
    lower = "LOWER(displacement_reason)"
    return f"""CASE
    WHEN {lower} IN ({_listed(words.conflict)}) THEN 'conflict'
    WHEN {lower} IN ({_listed(words.disaster)}) THEN 'disaster'
    WHEN {lower} IN ({_listed(words.not_reported)}) OR $folded_reason IS NULL THEN 'not reported'
    WHEN {conflict} THEN CASE WHEN {disaster} OR {other} THEN 'mixed' ELSE 'conflict' END
    WHEN {disaster} THEN CASE WHEN {other} THEN 'mixed' ELSE 'disaster' END
    WHEN {other} THEN 'other'
    ELSE 'not reported'
  END"""


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _has(parts: str, words: Iterable[str]) -> str:
    return " OR ".join(f"{parts} LIKE '%;{word};%'" for word in words)
