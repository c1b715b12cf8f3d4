"""The world that a sandbox serves: facts in, rows out, publication after publication."""

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
"""Changes the facts of a world; False when the world offers nothing to change."""

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


def _aggregate(cells: tuple[Cell, ...], level: Level, version: ApiVersion) -> tuple[Cell, ...]:
    """Sum the cells that look the same at a level, in a version of the API.

    At the finest level nothing is summed, so that rows published twice stay twice; an older version
    of the API has one row per area in any case.
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
    """Spell a line out as a record of the API: its field names, in its order."""
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
    """One publication: facts under its number; its lines are worked out once, when asked for.

    The order of rows and their ids depend on the seed and the number of the publication only, so that every answer
    of one publication agrees with every other, and no two publications agree on the ids.
    """

    def __init__(self, seed: int, publication: int, countries: tuple[Country, ...]) -> None:
        """Keep the facts; nothing is computed yet."""
        self.seed = seed
        self.publication = publication
        self.countries = countries
        self._lines: dict[tuple[str, Level, ApiVersion], list[Line]] = {}

    def lines(self, country: Country, level: Level, version: ApiVersion) -> list[Line]:
        """The lines of one country, oldest first; the order within a date changes with publications."""
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
        """The records of the country list: the countries that have an operation, by name."""
        listed = sorted((country.name, country.pcode) for country in self.countries if country.operations)
        return [{"admin0Name": name, "admin0Pcode": pcode} for name, pcode in listed]

    def operation_list(self) -> list[Row]:
        """The records of the operation list, by name, ignoring case."""
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
    """Invented facts, publication after publication.

    The current publication is one object, replaced in one step: a request sees it or the next one,
    never a mixture.
    """

    def __init__(self, seed: int, countries: tuple[Country, ...], publication: int = 1) -> None:
        """Publish these facts under this number."""
        self.seed = seed
        self.previous: tuple[Country, ...] | None = None
        """The facts of the publication before this one, if there was one."""
        self.edition = Edition(seed, publication, countries)
        self._held: dict[Level, Edition] = {}

    def hold_back(self, *levels: Level) -> None:
        """Let these levels go on showing the current publication while the others move on; without any, none."""
        self._held = {level: self.shown_at(level) for level in levels}

    def shown_at(self, level: Level | None) -> Edition:
        """The publication that a level, or a list, shows: the current one, unless it is held back."""
        return self.edition if level is None else self._held.get(level, self.edition)

    @property
    def publication(self) -> int:
        """The number of the current publication, from 1."""
        return self.edition.publication

    @property
    def countries(self) -> tuple[Country, ...]:
        """The facts. Assigning other facts changes the current publication in place."""
        return self.edition.countries

    @countries.setter
    def countries(self, countries: tuple[Country, ...]) -> None:
        self.edition = Edition(self.seed, self.publication, countries)

    def copy(self) -> World:
        """Return a world of the same facts with a future of its own."""
        twin = World(self.seed, self.countries, self.publication)
        twin.previous = self.previous
        return twin

    def publish(self, *mutations: Mutation, rng: Random | None = None) -> tuple[str, ...]:
        """Apply the mutations and publish the result: ids and the order within a date are new.

        Returns the names of the mutations that found something to change. Without mutations the
        facts stay and only the ids and the order change.
        """
        number = self.publication + 1
        rng = rng or chance("publish", self.seed, number)
        draft = self.copy()
        applied = tuple(mutate.__name__ for mutate in mutations if mutate(draft, rng))
        self.previous = self.countries
        self.edition = Edition(self.seed, number, draft.countries)
        return applied

    def rows(self, level: Level, version: ApiVersion = "v3", country: str | None = None) -> list[Row]:
        """Every record that the API serves at a level, of all countries or of one."""
        edition = self.shown_at(level)
        return [
            spell(line, level, version)
            for each in edition.countries
            if country in {None, each.pcode}
            for line in edition.lines(each, level, version)
        ]

    def country_list(self) -> list[Row]:
        """The records of the country list."""
        return self.edition.country_list()

    def operation_list(self) -> list[Row]:
        """The records of the operation list."""
        return self.edition.operation_list()
