"""The data of the page's charts, as compact as the page needs it.

Rounds are lists ``[date, number, assessment type, persons, males, females, level, rows without a figure]``. Persons are
null if no row has a figure. Areas are in ``places`` of an operation, ``[code, name, 0 if neither is known]``, and are
referred to by position. The areas of a headline are lists ``[code, name, persons]``, at the second level with the
position of the parent.

In a package with histories, each operation has a ``past``: the rounds in every state in which they were seen. Its
``times`` are in UTC. Its ``rounds`` are lists ``[date, number, assessment type, persons, from, until, event, date
before, persons before]``, where the state was seen from one of these times until another, or until the end. The event
is null where the change was not DTM's. Persons are null in a state in which the round was withdrawn.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.quality.database import histories_of, key_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from frictionless_dtm.descriptor.contents import Contents, RoundKey
    from frictionless_dtm.quality.database import Database, Row

_REASONS: Final = "SELECT $key, reason, idps FROM dtm.stock_by_reason WHERE is_newest"
# The view lacks rounds that are published by country alone. For these, the country is the place of stay.
_FLOWS: Final = """
    WITH flows AS (
      SELECT $round, idp_origin_admin1_pcode, idp_origin_admin1_name, admin1_pcode, admin1_name, idps, TRUE AS is_area
      FROM dtm.origin_to_host
      UNION ALL
      SELECT $round, MAX(idp_origin_admin1_pcode), MAX(idp_origin_admin1_name), admin0_pcode, MAX(admin0_name),
        CAST(SUM(num_present_idp_ind) AS BIGINT), FALSE
      FROM $rows
      WHERE ROW($round) NOT IN (SELECT ROW($round) FROM dtm.origin_to_host)
      GROUP BY $round, $area_key(idp_origin_admin1)
    )
    SELECT
      $key,
      is_area,
      idps,
      ROW(
        COALESCE(MAX(idp_origin_admin1_pcode) OVER origin, ''),
        COALESCE(MAX(idp_origin_admin1_name) OVER origin, ''),
        CAST(NOT ($is_unknown(idp_origin_admin1_pcode) AND $is_unknown(idp_origin_admin1_name)) AS INT)
      ) AS origin,
      ROW(
        COALESCE(MAX(admin1_pcode) OVER host, ''),
        COALESCE(MAX(admin1_name) OVER host, ''),
        CAST(NOT ($is_unknown(admin1_pcode) AND $is_unknown(admin1_name)) AS INT)
      ) AS host
    FROM flows
    WHERE ROW($round) IN (SELECT ROW($round) FROM dtm.operation_rounds WHERE is_newest)
    WINDOW
      origin AS (PARTITION BY $round, $area_key(idp_origin_admin1)),
      host AS (PARTITION BY $round, $area_key(admin1))"""

_AREAS: Final = """
    SELECT
      admin0_pcode AS country,
      $published(admin{level}_pcode) AS code,
      $published(admin{level}_name) AS name,
      num_present_idp_ind AS idps,
      {parent} AS parent
    FROM dtm.headline_stock_admin{level}
    ORDER BY ALL"""
_PARENTS: Final = {1: "NULL", 2: "COALESCE(NULLIF($published(admin1_name), ''), $published(admin1_pcode))"}
_STATES: Final = """
    SELECT
      admin0_pcode AS country, operation, reporting_date, round_number, assessment_type, idps,
      CASE WHEN event IN (SELECT event FROM dtm.revisions) THEN event END AS event,
      previous_reporting_date, previous_idps,
      STRFTIME(valid_from, '%Y-%m-%d %H:%M:%S.%g') AS begins, STRFTIME(valid_until, '%Y-%m-%d %H:%M:%S.%g') AS ends
    FROM dtm.round_versions
    QUALIFY admin_level = MIN(admin_level) OVER (
      PARTITION BY admin0_pcode, operation, assessment_type, reporting_date, round_number
    )
    ORDER BY ALL"""
_Place = tuple[str, str, int]


def payload(database: Database, operations: Iterable[Row], headlines: Iterable[Row]) -> dict[str, Any]:
    """Return the figures of all operations, and of the areas of the headlines."""
    areas, parents = _headline_areas(database)
    reasons, flows = (_by_round(database.rows(query)) for query in (_REASONS, _FLOWS))
    return {
        "countries": dict(sorted((each["country"], each["country_name"]) for each in operations)),
        "headlines": [
            {
                "country": each["country"],
                "operation": each["place"],
                "type": each["assessment_type"],
                "date": each["reporting_date"],
                "areas": areas[each["country"]],
                "parents": list(parents[each["country"]]),
            }
            for each in headlines
        ],
        "operations": [_operation(each, database, reasons, flows) for each in operations],
    }


def past_of(contents: Contents, operations: Iterable[Row]) -> Mapping[tuple[str, str], dict[str, list[Any]]] | None:
    """Return the past of each operation, by country and name; None for a package without histories.

    The figures of a round are those of the first level that has it, as in the chart of rounds. So only the histories of
    levels that this chart has figures of are read: mostly that of the country level, which is the shortest by far.

    Raises:
        DtmError: The histories cannot be read.
    """
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    levels = {each["admin_level"] for operation in operations for each in operation["rounds"]}
    with histories_of(contents, sorted(levels)) as database:
        if database is None:
            return None
        for row in database.answer(_STATES):
            found[row["country"], row["operation"]].append(row)
    return {key: _past(rows) for key, rows in found.items()}


def _past(rows: list[Row]) -> dict[str, list[Any]]:
    times = sorted({row[end] for row in rows for end in ("begins", "ends") if row[end]})
    places = {time: place for place, time in enumerate(times)}
    rounds = [
        [
            *(row[name] for name in ("reporting_date", "round_number", "assessment_type", "idps")),
            places[row["begins"]],
            places.get(row["ends"]),
            *(row[name] for name in ("event", "previous_reporting_date", "previous_idps")),
        ]
        for row in rows
    ]
    return {"times": [time[:19] for time in times], "rounds": rounds}


def _headline_areas(database: Database) -> tuple[dict[str, list[list[Any]]], dict[str, dict[str, int]]]:
    """Return the areas of the headlines, and the positions of their parents, by country."""
    areas: dict[str, list[list[Any]]] = defaultdict(list)
    parents: dict[str, dict[str, int]] = defaultdict(dict)
    for level in sorted({1, 2} & set(database.levels)):
        for row in database.rows(_AREAS.format(level=level, parent=_PARENTS[level])):
            known = parents[row["country"]]
            parent = [] if row["parent"] is None else [known.setdefault(row["parent"], len(known))]
            areas[row["country"]].append([row["code"], row["name"], row["idps"], *parent])
    return areas, parents


def _operation(
    operation: Row, database: Database, reasons: Mapping[RoundKey, list[Row]], flows: Mapping[RoundKey, list[Row]]
) -> dict[str, Any]:
    places: dict[_Place, int] = {}
    has_sex = database.has("number_males", "number_females")

    def position(place: _Place) -> int:
        return places.setdefault(place, len(places))

    def snapshot(each: Row) -> dict[str, Any]:
        key = key_of(each)
        return {
            "round": [each["reporting_date"], each["round_number"], each["assessment_type"]],
            "areas": [[position(host), persons] for host, persons in _largest_first(_areas(flows[key]))],
            "reasons": _largest_first((_spelled(of["reason"]), of["idps"]) for of in reasons[key])
            if database.has("displacement_reason")
            else None,
            # All pairs, so that the drawing adds up to the round, whichever of them the page puts together.
            "flows": [
                [position(origin), position(host), persons]
                for origin, host, persons in _largest_first((of["origin"], of["host"], of["idps"]) for of in flows[key])
            ]
            if database.has("idp_origin_admin1_pcode", "idp_origin_admin1_name")
            else None,
        }

    return {
        "country": operation["country"],
        "name": operation["operation"],
        "status": operation["status"],
        "sex": has_sex,
        "rounds": [
            [each["reporting_date"], each["round_number"], each["assessment_type"], each["idps"]]
            + ([each["males"], each["females"]] if has_sex else [None, None])
            + [each["admin_level"], each["unknown"]]
            for each in operation["rounds"]
        ],
        "snapshots": [snapshot(each) for each in operation["snapshots"]],
        "places": list(places),
    }


def _areas(flows: Iterable[Row]) -> Iterable[tuple[_Place, int | None]]:
    """Return the people by area of stay; None if no row of an area has a figure."""
    areas: dict[_Place, int | None] = {}
    for flow in flows:
        if flow["is_area"]:
            known = [each for each in (areas.get(flow["host"]), flow["idps"]) if each is not None]
            areas[flow["host"]] = sum(known) if known else None
    return areas.items()


def _by_round(rows: Iterable[Row]) -> dict[RoundKey, list[Row]]:
    by_round: dict[RoundKey, list[Row]] = defaultdict(list)
    for row in rows:
        by_round[key_of(row)].append(row)
    return by_round


def _largest_first(parts: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return parts, each of which ends with its size, by size; those of unknown size last."""
    return sorted(parts, key=lambda part: (part[-1] is None, -(part[-1] or 0), str(part)))


def _spelled(reason: str | None) -> str:
    """Return a reason, which the views have in small letters, as it is shown."""
    return "; ".join(part[:1].upper() + part[1:] for part in (reason or "not recorded").split("; "))
