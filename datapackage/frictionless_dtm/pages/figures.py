"""What the charts and the coverage show of each operation.

Nothing is added up across operations, rounds, dates or assessment types. Within one round, the rows of an area
are parts of it (one per reason and origin), and the rows of a level are parts of the country.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from unicodedata import combining, normalize

from frictionless_dtm.quality.database import key_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from frictionless_dtm.quality.database import Database, RoundKey, Row


@dataclass(frozen=True)
class Place:
    """An area, by code and name; not known if both say so."""

    code: str
    name: str
    is_known: bool


@dataclass(frozen=True, kw_only=True)
class RoundFigures:
    """A round, with the figures of the coarsest level that has it.

    Attributes:
        idps: The people of all rows that have a figure; None when none has one, which is unknown and not 0.
        unknown_rows: The number of rows without a figure.
        reasons: People by reason; as flows and areas, of the newest round of each assessment type only.
        flows: People by area of origin and area of stay.
        areas: People by area of stay.
    """

    country: str
    operation: str
    reporting_date: str
    round_number: int | None
    assessment_type: str | None
    admin_level: int
    idps: int | None
    is_newest: bool
    is_newest_of_operation: bool
    unknown_rows: int
    males: int
    females: int
    reasons: list[tuple[str, int | None]]
    flows: list[tuple[Place, Place, int | None]]
    areas: list[tuple[Place, int | None]]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """An operation of one country, as the view ``operation_freshness`` has it, and its rounds, the oldest first."""

    country: str
    country_name: str
    name: str
    status: str
    first: str
    last: str
    age_days: int
    interval_days: int | None
    age_in_intervals: float | None
    freshness: str
    rounds: list[RoundFigures]
    levels: list[int]

    @property
    def newest(self) -> list[RoundFigures]:
        """Its newest round, once for each assessment type that reports it; the latest first."""
        return [each for each in self.snapshots if each.is_newest_of_operation]

    @property
    def snapshots(self) -> list[RoundFigures]:
        """The newest round of each assessment type, the latest first."""
        newest = sorted((each for each in self.rounds if each.is_newest), key=lambda each: each.assessment_type or "")
        return sorted(newest, key=lambda each: each.reporting_date, reverse=True)


def operations_of(database: Database) -> list[Operation]:
    """Return the operations by country name and name."""
    rounds = _rounds(database)
    levels: dict[tuple[str, str], set[int]] = defaultdict(set)
    for (country, operation, *_), unknown in database.unknown_rows().items():
        levels[country, operation].update(unknown)
    found = [
        Operation(**row, rounds=rounds[row["country"], row["name"]], levels=sorted(levels[row["country"], row["name"]]))
        for row in database.rows("""
            SELECT
              admin0_pcode AS country,
              COALESCE(admin0_name, admin0_pcode) AS country_name,
              operation AS name,
              COALESCE(operation_status, '') AS status,
              first_reporting_date AS first,
              newest_reporting_date AS last,
              age_days,
              interval_days,
              age_in_intervals,
              freshness
            FROM dtm.operation_freshness""")
    ]
    return sorted(found, key=lambda each: (plain(each.country_name), each.country, plain(each.name), each.name))


def _rounds(database: Database) -> dict[tuple[str, str], list[RoundFigures]]:
    unknown = database.unknown_rows()
    sexes, reasons, flows = (_by_round(database.rows(query)) for query in (_SEXES, _REASONS, _FLOWS))
    found: dict[tuple[str, str], list[RoundFigures]] = defaultdict(list)
    for row in database.rows(_ROUNDS):
        key = key_of(row)
        (sex,) = sexes[key]
        found[row["country"], row["operation"]].append(
            RoundFigures(
                **row,
                unknown_rows=unknown[key][row["admin_level"]],
                males=sex["males"] or 0,
                females=sex["females"] or 0,
                reasons=[(spell_reason(each["reason"]), each["idps"]) for each in reasons[key]],
                flows=[(_place(each, "origin"), _place(each, "host"), each["idps"]) for each in flows[key]],
                areas=_areas(flows[key]),
            )
        )
    return found


_ROUNDS: Final = """
    SELECT $key, admin_level, idps, is_newest, is_newest_of_operation
    FROM dtm.operation_rounds
    ORDER BY $in_order"""
_SEXES: Final = "SELECT $key, males, females FROM dtm.stock_by_sex"
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
      MAX(idp_origin_admin1_pcode) OVER origin AS origin_code,
      MAX(idp_origin_admin1_name) OVER origin AS origin_name,
      NOT ($is_unknown(idp_origin_admin1_pcode) AND $is_unknown(idp_origin_admin1_name)) AS is_origin_known,
      MAX(admin1_pcode) OVER host AS host_code,
      MAX(admin1_name) OVER host AS host_name,
      NOT ($is_unknown(admin1_pcode) AND $is_unknown(admin1_name)) AS is_host_known
    FROM flows
    WHERE ROW($round) IN (SELECT ROW($round) FROM dtm.operation_rounds WHERE is_newest)
    WINDOW
      origin AS (PARTITION BY $round, $area_key(idp_origin_admin1)),
      host AS (PARTITION BY $round, $area_key(admin1))"""


def _by_round(rows: Iterable[Row]) -> dict[RoundKey, list[Row]]:
    found: dict[RoundKey, list[Row]] = defaultdict(list)
    for row in rows:
        found[key_of(row)].append(row)
    return found


def _place(flow: Row, end: str) -> Place:
    return Place(flow[f"{end}_code"] or "", flow[f"{end}_name"] or "", is_known=flow[f"is_{end}_known"])


def _areas(flows: Iterable[Row]) -> list[tuple[Place, int | None]]:
    """Return the people by area of stay."""
    found: dict[Place, int | None] = {}
    for flow in flows:
        if flow["is_area"]:
            place = _place(flow, "host")
            known = [each for each in (found.get(place), flow["idps"]) if each is not None]
            found[place] = sum(known) if known else None
    return list(found.items())


def plain(text: str) -> str:
    """Return text without case and accents, to sort by."""
    return "".join(letter for letter in normalize("NFKD", text.casefold()) if not combining(letter))


def spell_reason(reason: str | None) -> str:
    """Return a reason, which comes in small letters, as it is shown."""
    return "; ".join(part[:1].upper() + part[1:] for part in (reason or "not recorded").split("; "))
