"""The world that a sandbox serves: from facts to rows, in each publication."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from tap_dtm.sandbox.model import Cell, chance

if TYPE_CHECKING:
    from tap_dtm.metadata.model import ApiVersion, Level
    from tap_dtm.sandbox.model import Country, Operation, Round

Row = dict[str, Any]
Mutation = Callable[["World", Random], bool]
"""Changes the facts of a world; returns False if there is nothing to change."""

ID_SPAN = 1_000_000
"""The ids of each country are within a separate span, so that they are unique in any answer."""


class Line(NamedTuple):
    """One row in a form that is cheap to keep and to filter."""

    id: int
    country: Country
    operation: Operation
    round: Round
    cell: Cell


def _known(cells: list[Cell], measure: Literal["males", "females"]) -> int | None:
    """Add the known numbers; None if there are none. So males + females < total in some sums."""
    known = [figure for cell in cells if (figure := getattr(cell, measure)) is not None]
    return sum(known) if known else None


def _aggregate(cells: tuple[Cell, ...], level: Level, version: ApiVersion) -> tuple[Cell, ...]:
    """Sum the cells that are alike at a level, in a version of the API.

    At the finest level, nothing is summed, so that rows can be published twice. Version 2 has one row per area.
    """
    if version == "v3" and (level == 2 or (level == 1 and not any(cell.admin2_name for cell in cells))):  # noqa: PLR2004
        return cells
    alike: dict[tuple[str, str, str, str, str, str, str], list[Cell]] = {}
    for cell in cells:
        area = cell[:4] if level == 2 else (*cell[:2], "", "") if level == 1 else ("", "", "", "")  # noqa: PLR2004
        cause = cell[4:7] if version == "v3" else ("", "", "")
        alike.setdefault((*area, *cause), []).append(cell)
    return tuple(
        Cell(*key, sum(cell.idps for cell in each), _known(each, "males"), _known(each, "females"))
        for key, each in alike.items()
    )


def spell(line: Line, level: Level, version: ApiVersion) -> Row:
    """Return a line as a row of the API, with its field names in its order."""
    _, country, operation, round_, cell = line
    row: Row = {} if version == "v3" and level == 0 else {"id": line.id}
    row |= {"operation": operation.name, "admin0Name": country.name, "admin0Pcode": country.pcode}
    if level:
        row |= {"admin1Name": cell.admin1_name, "admin1Pcode": cell.admin1_pcode}
    if level == 2:  # noqa: PLR2004 - the level itself
        row |= {"admin2Name": cell.admin2_name, "admin2Pcode": cell.admin2_pcode}
    row |= {
        "numPresentIdpInd": cell.idps,
        "reportingDate": f"{round_.date.isoformat()}T00:00:00",
        "yearReportingDate": round_.date.year,
        "monthReportingDate": round_.date.month,
        "roundNumber": round_.number,
    }
    if version == "v3":
        row |= {
            "displacementReason": cell.reason,
            "numberMales": cell.males,
            "numberFemales": cell.females,
            "idpOriginAdmin1Name": cell.origin_name,
            "idpOriginAdmin1Pcode": cell.origin_pcode,
        }
    row["assessmentType"] = round_.assessment_type
    return row


class Edition:
    """One publication. Its lines are computed once, at the first request.

    The order of rows and their ids depend only on the seed and the number of the publication. So all answers of one
    publication agree, and publications have different ids.
    """

    def __init__(self, seed: int, publication: int, countries: tuple[Country, ...]) -> None:  # noqa: D107
        self.seed = seed
        self.publication = publication
        self.countries = countries
        self._lines: dict[tuple[str, Level, ApiVersion], list[Line]] = {}

    def lines(self, country: Country, level: Level, version: ApiVersion) -> list[Line]:
        """Return the lines of one country, the oldest first. The order within a date changes with publications."""
        key = (country.pcode, level, version)
        if key not in self._lines:  # two threads at once compose the same lines
            self._lines[key] = self._compose(country, level, version)
        return self._lines[key]

    def _compose(self, country: Country, level: Level, version: ApiVersion) -> list[Line]:
        lines = [
            (operation, round_, cell)
            for operation in country.operations
            for round_ in operation.published(level)
            for cell in _aggregate(round_.cells, level, version)
        ]
        rng = chance("ids", self.seed, self.publication, country.pcode, level, version)
        first = rng.randrange(1, ID_SPAN // 2) + ID_SPAN * self.countries.index(country)
        ids = list(range(first, first + len(lines)))
        rng.shuffle(ids)
        rng.shuffle(lines)
        lines.sort(key=lambda line: line[1].date)
        return [Line(number, country, *line) for number, line in zip(ids, lines, strict=True)]

    def country_list(self) -> list[Row]:
        """Return the list of the countries that have an operation, by name."""
        listed = sorted((country.name, country.pcode) for country in self.countries if country.operations)
        return [{"admin0Name": name, "admin0Pcode": pcode} for name, pcode in listed]

    def operation_list(self) -> list[Row]:
        """Return the list of operations by name, ignoring case."""
        rows: list[Row] = [
            {
                "operation": operation.name,
                "operationStatus": operation.status,
                "admin0Name": country.name,
                "admin0Pcode": country.pcode,
            }
            for country in self.countries
            for operation in country.operations
        ]
        return sorted(rows, key=lambda row: (row["operation"].casefold(), row["admin0Name"]))


class World:
    """Invented facts, in one publication after another.

    The current publication is one object, which is replaced in one step: a request never sees a mixture of two.
    """

    def __init__(self, seed: int, countries: tuple[Country, ...], publication: int = 1) -> None:
        """Publish the facts under a number."""
        self.seed = seed
        self.previous: tuple[Country, ...] | None = None
        """The facts of the previous publication, if any."""
        self.edition = Edition(seed, publication, countries)
        self._held: dict[Level, Edition] = {}

    def hold_back(self, *levels: Level) -> None:
        """Let these levels continue to show the current publication until the next call."""
        self._held = {level: self.shown_at(level) for level in levels}

    def shown_at(self, level: Level | None) -> Edition:
        """Return the publication that a level, or a list, shows."""
        return self.edition if level is None else self._held.get(level, self.edition)

    @property
    def publication(self) -> int:
        """The number of the current publication, from 1."""
        return self.edition.publication

    @property
    def countries(self) -> tuple[Country, ...]:
        """The facts. An assignment changes the current publication."""
        return self.edition.countries

    @countries.setter
    def countries(self, countries: tuple[Country, ...]) -> None:
        self.edition = Edition(self.seed, self.publication, countries)

    def copy(self) -> World:
        """Return a world with the same facts that changes independently."""
        copy = World(self.seed, self.countries, self.publication)
        copy.previous = self.previous
        return copy

    def publish(self, *mutations: Mutation, rng: Random | None = None) -> tuple[str, ...]:
        """Apply mutations, and publish the result with new ids and another order within a date.

        Returns the names of the mutations that had something to change.
        """
        number = self.publication + 1
        rng = rng or chance("publish", self.seed, number)
        draft = self.copy()
        applied = tuple(mutate.__name__ for mutate in mutations if mutate(draft, rng))
        self.previous = self.countries
        self.edition = Edition(self.seed, number, draft.countries)
        return applied

    def rows(self, level: Level, version: ApiVersion = "v3", country: str | None = None) -> list[Row]:
        """Return all rows that the API serves at a level, of all countries or of one."""
        edition = self.shown_at(level)
        return [
            spell(line, level, version)
            for each in edition.countries
            if country in {None, each.pcode}
            for line in edition.lines(each, level, version)
        ]

    def country_list(self) -> list[Row]:
        """Return the country list."""
        return self.edition.country_list()

    def operation_list(self) -> list[Row]:
        """Return the operation list."""
        return self.edition.operation_list()
