"""One publication as the API shows it: facts in, rows out.

Aggregates the cells upwards, numbers the rows and orders them. The order and the ids depend on
the seed and the number of the publication only, so that every answer of one publication agrees with
every other, and no two publications agree on the ids.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from tap_dtm.sandbox.chance import chance
from tap_dtm.sandbox.model import Cell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_dtm.sandbox.model import Country, Level, Operation, Round, Version

Row = dict[str, Any]

_Key = tuple[str, str, str, str, str, str, str]
"""What tells cells apart: all of a cell but its figures."""

ID_SPAN = 1_000_000
"""Every country numbers its rows within a span of its own, so that ids are unique in any answer."""


class Line(NamedTuple):
    """One row before it is spelled out: cheap to keep and to filter."""

    id: int
    country: Country
    operation: Operation
    round: Round
    cell: Cell


def _known(cells: list[Cell], measure: Literal["males", "females"]) -> int | None:
    """Add what is known; unknown only if all are. Hence males + females < total in some sums."""
    known = [figure for cell in cells if (figure := getattr(cell, measure)) is not None]
    return sum(known) if known else None


def _to_admin1(cell: Cell) -> _Key:
    return (*cell[:2], "", "", *cell[4:7])


def _to_admin0(cell: Cell) -> _Key:
    return ("", "", "", "", *cell[4:7])


def _to_v2(cell: Cell) -> _Key:
    return (*cell[:4], "", "", "")


def _sum(cells: Iterable[Cell], coarser: Callable[[Cell], _Key]) -> tuple[Cell, ...]:
    """Sum the cells that look the same in the coarser view."""
    sums: dict[_Key, list[Cell]] = {}
    for cell in cells:
        sums.setdefault(coarser(cell), []).append(cell)
    return tuple(
        Cell(*key, sum(cell.idps for cell in alike), _known(alike, "males"), _known(alike, "females"))
        for key, alike in sums.items()
    )


def aggregate(cells: tuple[Cell, ...], level: Level, version: Version) -> tuple[Cell, ...]:
    """What these cells amount to at a level, in a version of the API.

    At the finest level nothing is summed, so that rows published twice stay twice; an older version
    of the API has one row per area in any case.
    """
    if level == 0:
        cells = _sum(cells, _to_admin0)
    elif level == 1 and any(cell.admin2_name for cell in cells):
        cells = _sum(cells, _to_admin1)
    return _sum(cells, _to_v2) if version == "v2" else cells


def spell(line: Line, level: Level, version: Version) -> Row:
    """Spell a line out as a record of the API: its field names, in its order."""
    _, country, operation, round_, cell = line
    row: Row = {} if version == "v3" and level == 0 else {"id": line.id}
    row["operation"] = operation.name
    row["admin0Name"] = country.name
    row["admin0Pcode"] = country.pcode
    if level:
        row["admin1Name"] = cell.admin1_name
        row["admin1Pcode"] = cell.admin1_pcode
    if level == 2:  # noqa: PLR2004 - the level itself
        row["admin2Name"] = cell.admin2_name
        row["admin2Pcode"] = cell.admin2_pcode
    row["numPresentIdpInd"] = cell.idps
    row["reportingDate"] = f"{round_.date.isoformat()}T00:00:00"
    row["yearReportingDate"] = round_.date.year
    row["monthReportingDate"] = round_.date.month
    row["roundNumber"] = round_.number
    if version == "v3":
        row["displacementReason"] = cell.reason
        row["numberMales"] = cell.males
        row["numberFemales"] = cell.females
        row["idpOriginAdmin1Name"] = cell.origin_name
        row["idpOriginAdmin1Pcode"] = cell.origin_pcode
    row["assessmentType"] = round_.assessment_type
    return row


class Edition:
    """The facts under the number of one publication; its lines are worked out once, when asked for."""

    def __init__(self, seed: int, publication: int, countries: tuple[Country, ...]) -> None:
        """Keep the facts; nothing is computed yet."""
        self.seed = seed
        self.publication = publication
        self.countries = countries
        self._lines: dict[tuple[str, Level, Version], list[Line]] = {}
        self._lock = threading.Lock()

    def lines(self, country: Country, level: Level, version: Version) -> list[Line]:
        """The lines of one country, oldest first; the order within a date changes with publications."""
        key = (country.pcode, level, version)
        with self._lock:
            if key not in self._lines:
                self._lines[key] = self._compose(country, level, version)
            return self._lines[key]

    def _compose(self, country: Country, level: Level, version: Version) -> list[Line]:
        lines = [
            (operation, round_, cell)
            for operation in country.operations
            for round_ in operation.published(level)
            for cell in aggregate(round_.cells, level, version)
        ]
        rng = chance("ids", self.seed, self.publication, country.pcode, level, version)
        first = rng.randrange(1, ID_SPAN // 2) + ID_SPAN * self.countries.index(country)
        ids = list(range(first, first + len(lines)))
        rng.shuffle(ids)
        rng.shuffle(lines)
        lines.sort(key=lambda line: line[1].date)
        return [Line(number, country, *line) for number, line in zip(ids, lines, strict=True)]

    def country_list(self) -> list[Row]:
        """The records of the country list: the countries that have an operation, by name."""
        listed = [country for country in self.countries if country.operations]
        return [
            {"admin0Name": country.name, "admin0Pcode": country.pcode}
            for country in sorted(listed, key=lambda country: country.name)
        ]

    def operation_list(self) -> list[Row]:
        """The records of the operation list, by name, ignoring case."""
        listed = [(operation, country) for country in self.countries for operation in country.operations]
        return [
            {
                "operation": operation.name,
                "operationStatus": operation.status,
                "admin0Name": country.name,
                "admin0Pcode": country.pcode,
            }
            for operation, country in sorted(listed, key=lambda pair: (pair[0].name.casefold(), pair[1].name))
        ]
