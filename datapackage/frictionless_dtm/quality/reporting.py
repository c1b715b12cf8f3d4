"""The quality report: facts about the data as published, counted by DuckDB."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.quality.pcodes import pcodes
from tap_dtm.metadata.model import PUBLICATION_LAG_DAYS, ROUND_SPAN_DAYS
from tap_dtm.metadata.views import load_reason_classes

if TYPE_CHECKING:
    from frictionless_dtm.quality.database import Database, Row

EXAMPLES: Final = 20
"""The most examples of one finding."""

RULE: Final = (
    "An operation is stale if the next round should have been published by now: if its newest figures are older than "
    f"its usual interval between rounds plus {PUBLICATION_LAG_DAYS} days for publication. The usual interval is the "
    "median of the days from one of its rounds to the next round of the same assessment type, if the dates and the "
    "numbers of both differ (a round without a number differs from all others). An operation with the status Inactive "
    "is closed. An operation in which no round follows another has no interval."
)
CHECKS: Final = {
    "reconciliation": "Rounds whose levels do not add up to the same",
    "assessed_twice": "Rounds that two assessment types report",
    "exact_duplicates": "Rows that repeat an earlier row",
    "pcodes": "P-codes that break their country's pattern",
    "areas": "Areas that OCHA's list of P-codes does not have, or has under another name",
    "reasons": "Reasons of displacement that are not known",
    "sex": "Rows with more males and females than people",
    "missing_levels": "Operations that lack a level, or rounds of it",
    "staleness": "Operations that are stale",
}


def report(database: Database) -> dict[str, Any]:
    """Return the quality report of a package for ``quality.json``: plain values in a fixed order."""
    if not database.tables:
        return {
            "about": "This package has no displacement figures of DTM, so there is nothing to check.",
            "summary": [],
        }
    counts = _counts(database)
    sections: dict[str, dict[str, Any]] = {
        "reconciliation": _reconciliation(database),
        "assessed_twice": _assessed_twice(database),
        "exact_duplicates": _duplicates(database),
        "pcodes": pcodes(database, EXAMPLES),
        "reasons": _reasons(database),
        "sex": _sex(database),
        "missing_levels": _missing_levels(database),
        "staleness": _staleness(database),
    }
    if database.has_areas:
        sections["areas"] = _areas(database)
    return {
        "about": "Facts about the data as published. Nothing was repaired, dropped or filled in.",
        "reference_date": database.reference,
        "levels": database.levels,
        "rows": {each["name"]: each["rows"] for each in counts},
        "rows_without_figure": {each["name"]: each["unknown"] for each in counts if each["unknown"]},
        "summary": [
            {"check": name, "title": title, "checked": sections[name]["checked"], "found": sections[name]["found"]}
            for name, title in CHECKS.items()
            if name in sections
        ],
        **sections,
    }


def _counts(database: Database) -> list[Row]:
    counted = "SELECT '{0}' AS name, COUNT(*) AS rows, COUNT(*) - COUNT(num_present_idp_ind) AS unknown FROM {1}"
    parts = (counted.format(table.name, table.relation) for table in database.tables)
    return database.answer(" UNION ALL ".join(parts) + " ORDER BY name")


def _reconciliation(database: Database) -> dict[str, Any]:
    levels = database.levels
    without = {level: f"rows_without_figure_at_admin{level}" for level in levels}
    sums = ", ".join(f"idps_admin{level} AS admin{level}" for level in levels)
    unknown = ", ".join(f"MAX(unknown) FILTER (admin_level = {level}) AS {name}" for level, name in without.items())
    rounds = database.rows(f"""
        SELECT $key, {sums}, {", ".join(without.values())}, verdict
        FROM (SELECT *, ROW($round) AS round FROM dtm.reconciliation)
        JOIN (SELECT ROW($round) AS round, {unknown} FROM dtm.round_levels GROUP BY round) USING (round)
        ORDER BY $in_order""")
    verdicts = Counter(each["verdict"] for each in rounds)
    return {
        "about": "The sum of the figures of each round at each administrative level. All levels show the same people, "
        "so the sums of a round are expected to be equal. A sum of null is not known; it is not 0. If some rows of a "
        "round have no figure, the sum is that of the other rows, and the sums are not compared.",
        "checked": len(rounds) if len(levels) > 1 else 0,
        "found": verdicts["different"],
        "equal": verdicts["equal"] if len(levels) > 1 else 0,
        "level_missing": verdicts["level_missing"],
        "figure_missing": verdicts["figure_missing"],
        "rounds": [
            {name: value for name, value in each.items() if value or name not in without.values()} for each in rounds
        ],
    }


def _assessed_twice(database: Database) -> dict[str, Any]:
    pairs = database.rows(f"""
        WITH placed AS (SELECT *, ROW_NUMBER() OVER (ORDER BY $in_order) AS place FROM dtm.operation_rounds)
        SELECT
          one.admin0_pcode AS country,
          one.operation,
          one.round_number,
          [one.assessment_type, other.assessment_type] AS assessment_types,
          [CAST(one.reporting_date AS TEXT), CAST(other.reporting_date AS TEXT)] AS reporting_dates,
          [one.idps, other.idps] AS persons
        FROM placed AS one
        JOIN placed AS other USING (admin0_pcode, operation, round_number)
        WHERE one.place < other.place
          AND one.assessment_type IS DISTINCT FROM other.assessment_type
          AND $days(one.reporting_date, other.reporting_date) <= {ROUND_SPAN_DAYS}
        ORDER BY one.place, other.place""")
    return {
        "about": "Rounds of one operation that two assessment types report under one number, with dates at most "
        f"{ROUND_SPAN_DAYS} days apart. Both figures may count the same people: take one of them, never their sum.",
        "checked": len(database.rows("SELECT 1 FROM dtm.operation_rounds")),
        "found": len(pairs),
        "rounds": pairs,
    }


def _duplicates(database: Database) -> dict[str, Any]:
    by_operation: list[Row] = []
    examples: list[Row] = []
    for table in database.tables:
        # By digest first: a package may have millions of rows, and few of them repeat another.
        names = [name for name in table.columns if name != "row_number" and not name.startswith("_")]
        columns = ", ".join(f'"{name}"' for name in names)  # no name has a quote: the target refuses those
        repeated = f"""(
          SELECT {columns}, COUNT(*) AS _times, MIN(rowid) AS _place
          FROM {table.relation}
          WHERE HASH({columns}) IN (SELECT HASH({columns}) FROM {table.relation} GROUP BY ALL HAVING COUNT(*) > 1)
          GROUP BY {columns}
          HAVING COUNT(*) > 1
        )"""
        by_operation += database.answer(f"""
            SELECT
              admin0_pcode AS country, operation, '{table.name}' AS resource, CAST(SUM(_times - 1) AS BIGINT) AS rows
            FROM {repeated}
            GROUP BY ALL""")
        if any(each["resource"] == table.name for each in by_operation):
            first = database.answer(f"FROM {repeated} ORDER BY _place LIMIT {EXAMPLES - len(examples)}")
            examples += [
                {"resource": table.name, "times": row["_times"], "row": {name: row[name] for name in names}}
                for row in first
            ]
    return {
        "about": "Rows that are equal to an earlier row in every column except their position. DTM published them; the "
        "reader decides whether to drop them.",
        "checked": sum(table["rows"] for table in _counts(database)),
        "found": sum(each["rows"] for each in by_operation),
        "by_operation": sorted(by_operation, key=lambda each: (each["country"], each["operation"], each["resource"])),
        "examples": examples,
    }


def _reasons(database: Database) -> dict[str, Any]:
    words = database.rows("""
        SELECT country, word, CAST(SUM(rows) AS BIGINT) AS rows
        FROM (
          SELECT country, UNNEST($split($reason)) AS word, rows
          FROM (SELECT admin0_pcode AS country, displacement_reason, COUNT(*) AS rows FROM $rows GROUP BY ALL)
        )
        GROUP BY country, word
        ORDER BY country, word""")
    known = load_reason_classes().known
    unknown = [each for each in words if each["word"] not in known]
    return {
        "about": "Reasons of displacement, one by one and in lower case, that belong to no class. In the views of a "
        "warehouse, their class is other.",
        "checked": len({each["word"] for each in words}),
        "found": len({each["word"] for each in unknown}),
        "by_country": unknown,
    }


def _sex(database: Database) -> dict[str, Any]:
    entries: list[Row] = []
    examples: list[Row] = []
    for table in database.tables:
        if not table.has("number_males", "number_females"):
            continue
        entries += database.answer(f"""
            SELECT
              admin0_pcode AS country,
              '{table.name}' AS resource,
              COUNT(*) AS rows,
              COUNT(*) FILTER (males + females = persons) AS add_up_to_total,
              COUNT(*) FILTER (males + females < persons) AS less_than_total,
              COUNT(*) FILTER (males + females > persons) AS more_than_total,
              COUNT(*) FILTER (persons IS NOT NULL AND (males IS NULL) <> (females IS NULL)) AS one_unknown,
              COUNT(*) FILTER (persons IS NOT NULL AND males IS NULL AND females IS NULL) AS both_unknown,
              COUNT(*) FILTER (persons IS NULL) AS total_unknown,
              CAST(SUM(COALESCE(males, 0) + COALESCE(females, 0)) FILTER (persons IS NOT NULL) AS BIGINT) AS known,
              CAST(SUM(persons) AS BIGINT) AS persons
            FROM (
              SELECT admin0_pcode, number_males AS males, number_females AS females, num_present_idp_ind AS persons
              FROM {table.relation}
            )
            GROUP BY admin0_pcode""")
        contradictions = database.answer(
            f"FROM {table.relation} WHERE number_males + number_females > num_present_idp_ind"
            f" ORDER BY rowid LIMIT {EXAMPLES - len(examples)}"
        )
        examples += [{"resource": table.name, "row": row} for row in contradictions]
    for each in entries:
        known, persons = each.pop("known"), each.pop("persons")
        each["share_of_persons_known"] = round(known / persons, 4) if persons else None
    return {
        "about": "Males plus females, compared with the total of each row. Less than the total means that the sex of "
        "some people is not known, which is usual. More than the total is a contradiction. The shares of persons weigh "
        "rows and rounds. They describe coverage, and are not numbers of people.",
        "checked": sum(each["rows"] for each in entries),
        "found": sum(each["more_than_total"] for each in entries),
        "by_country": sorted(entries, key=lambda each: (each["country"], each["resource"])),
        "examples": examples,
    }


def _missing_levels(database: Database) -> dict[str, Any]:
    at_levels = {level: f"rounds_at_admin{level}" for level in database.levels}
    counts = ", ".join(f"COUNT(*) FILTER (admin_level = {level}) AS {name}" for level, name in at_levels.items())
    operations = database.rows(f"""
        SELECT admin0_pcode AS country, operation, COUNT(DISTINCT ROW($round)) AS rounds, {counts}
        FROM dtm.round_levels
        GROUP BY ALL
        ORDER BY ALL""")
    lacking = [
        {**each, "missing_levels": [level for level, name in at_levels.items() if not each[name]]}
        for each in operations
        if any(each[name] < each["rounds"] for name in at_levels.values())
    ]
    return {
        "about": "Operations with rounds that some administrative level of this package does not have. Not every "
        "operation is published at every level. A round that is missing is unknown; it is not zero.",
        "checked": len(operations),
        "found": len(lacking),
        "operations": lacking,
    }


def _staleness(database: Database) -> dict[str, Any]:
    entries = database.rows("""
        SELECT
          admin0_pcode AS country,
          operation,
          operation_status AS status,
          newest_reporting_date,
          date_count AS reporting_dates,
          interval_days AS usual_interval_days,
          age_days,
          age_in_intervals,
          freshness AS verdict
        FROM dtm.operation_freshness
        ORDER BY admin0_pcode, operation""")
    for each in entries:
        if each["age_in_intervals"] is not None:
            each["age_in_intervals"] = round(each["age_in_intervals"], 1)
    return {
        "about": RULE,
        "checked": len(entries),
        "found": sum(entry["verdict"] == "stale" for entry in entries),
        "operations": entries,
    }


def _areas(database: Database) -> dict[str, Any]:
    by_country = database.rows(_COUNTED_AREAS)
    examples = database.rows(_UNCONFIRMED_AREAS)
    return {
        "about": "The areas as published, compared with OCHA's list of P-codes in this package. An area is not "
        "confirmed if the list has its code with another name: the spelling differs, or the code now belongs to "
        "another area. People are those of the newest round of each operation and assessment type: never add them up. "
        "An area whose code and name are placeholders is not checked, but the people in it count as not matched.",
        "checked": sum(each["areas"] for each in by_country),
        "found": sum(each["not_matched"] + each["not_confirmed"] for each in by_country),
        "by_country": by_country,
        "people": [row for level in database.levels if level for row in database.rows(_PEOPLE.format(level=level))],
        "claimed_twice": database.rows(_CLAIMED_TWICE),
        "parents_differ": database.rows(_OTHER_PARENTS),
        "not_matched": [each for each in examples if each["match"] == "none"][:EXAMPLES],
        "not_confirmed": [each for each in examples if each["match"] != "none"][:EXAMPLES],
    }


_COUNTED_AREAS: Final = """
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
_UNCONFIRMED_AREAS: Final = """
    SELECT admin0_pcode AS country, admin_level, pcode, name, parent_name, match, candidates, cod_pcode, cod_name
    FROM dtm.areas
    WHERE NOT is_name_confirmed AND NOT ($is_unknown(pcode) AND $is_unknown(name))
    ORDER BY ALL"""
_CLAIMED_TWICE: Final = """
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
_OTHER_PARENTS: Final = """
    SELECT
      area.admin0_pcode AS country, area.pcode, area.name, area.parent_pcode, area.cod_pcode, area.cod_parent_pcode,
      parent.cod_pcode AS parent_cod_pcode
    FROM dtm.areas AS area
    JOIN dtm.areas AS parent
      ON parent.admin0_pcode = area.admin0_pcode AND parent.admin_level = 1 AND parent.pcode = area.parent_pcode
    WHERE area.admin_level = 2 AND area.cod_parent_pcode <> parent.cod_pcode
    ORDER BY ALL"""
