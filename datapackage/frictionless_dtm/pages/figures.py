"""One pass over the rows of the displacement tables, keeping what the charts and the coverage show.

Nothing is added up across operations, rounds, dates or assessment types. Within one round, the rows of an area
are parts of it (one per reason and origin), and the rows of a level are parts of the country.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, TypeVar
from unicodedata import combining, normalize

from frictionless_dtm.quality.runs import plus, total
from tap_dtm.exact.round import sortable

if TYPE_CHECKING:
    from frictionless_dtm.quality.runs import OperationKey, Run
    from tap_dtm.exact.round import Round

_ORIGIN = ("idp_origin_admin1_pcode", "idp_origin_admin1_name")
Place = tuple[str | None, str | None]
"""Code and name of an area."""
Part = TypeVar("Part")
Parts = dict[Part, "int | None"]
"""People by part of a round; None where no row of the part has a figure."""


@dataclass(eq=False)
class RoundFigures:
    """What one administrative level says of one round of one operation.

    Attributes:
        level: The coarsest level that has the round; persons, sexes and reasons come from it.
        area_level: The coarsest level below the country that has it; areas and flows come from it.
        is_newest: Whether no round of the same assessment type has a newer date.
        persons: The people of all rows that have a figure; None when none has one, which is unknown and not 0.
        unknown_rows: The number of rows without a figure.
        reasons, origins, areas, flows: Persons by part; kept for the newest date of each assessment type only.
    """

    round: Round
    level: int
    area_level: int | None = None
    persons: int | None = None
    unknown_rows: int = 0
    males: int = 0
    females: int = 0
    is_newest: bool = False
    reasons: Parts[str] = field(default_factory=dict)
    origins: Parts[Place] = field(default_factory=dict)
    areas: Parts[Place] = field(default_factory=dict)
    flows: Parts[tuple[Place, Place]] = field(default_factory=dict)

    @property
    def date(self) -> str:
        """Its reporting date."""
        return self.round.reporting_date

    @property
    def number(self) -> int | None:
        """Its number."""
        return self.round.round_number

    @property
    def assessment(self) -> str | None:
        """Its assessment type."""
        return self.round.assessment_type

    def outdate(self) -> None:
        """Drop what is kept for the newest date only."""
        self.is_newest = False
        for parts in (self.reasons, self.origins, self.areas, self.flows):
            parts.clear()


@dataclass
class Operation:
    """An operation of one country, round by round."""

    country: str
    country_name: str
    name: str
    rounds: dict[Round, RoundFigures] = field(default_factory=dict)
    newest: dict[str | None, list[RoundFigures]] = field(default_factory=lambda: defaultdict(list))
    levels: set[int] = field(default_factory=set)
    has_sex: bool = False
    has_reasons: bool = False
    has_origins: bool = False

    @property
    def dates(self) -> set[str]:
        """All reporting dates."""
        return {each.reporting_date for each in self.rounds}

    def in_order(self) -> list[RoundFigures]:
        """Return the rounds from the oldest to the newest."""
        return sorted(self.rounds.values(), key=lambda each: each.round.order)

    def snapshots(self) -> list[RoundFigures]:
        """Return the rounds of the newest date of each assessment type, newest first."""
        rounds = [each for of_type in self.newest.values() for each in of_type]
        rounds.sort(key=lambda each: (each.assessment or "", sortable(each.number)))
        return sorted(rounds, key=lambda each: each.date, reverse=True)

    def round_of(self, key: Round, level: int) -> RoundFigures:
        """Return a round, begun if it is not known yet."""
        known = self.rounds.get(key)
        if known is None:
            known = self.rounds[key] = RoundFigures(key, level)
            newest = self.newest[known.assessment]
            if newest and newest[0].date < known.date:
                for each in newest:
                    each.outdate()
                newest.clear()
            if not newest or newest[0].date == known.date:
                known.is_newest = True
                newest.append(known)
        return known


@dataclass
class FiguresObserver:
    """Gathers operations, one run of rows after the other, from the country level down."""

    operations: dict[OperationKey, Operation] = field(default_factory=dict)

    def take(self, run: Run) -> None:
        """Gather the figures of one run."""
        operation = self._operation(run)
        this = operation.round_of(run.key[2], run.level)
        if this.level == run.level:
            this.persons = plus(this.persons, total(run.persons))
            this.unknown_rows += run.persons.count(None)
            if run.has("number_males", "number_females"):
                this.males += sum(filter(None, run.column("number_males")))
                this.females += sum(filter(None, run.column("number_females")))
            if this.is_newest:
                _add_parts(this, run)
        if run.has("admin1_pcode", "admin1_name"):
            if this.area_level is None:
                this.area_level = run.level
            if this.is_newest and this.area_level == run.level:
                _add_areas(this, run)

    def in_order(self) -> list[Operation]:
        """Return the operations by country name and name."""
        return sorted(
            self.operations.values(),
            key=lambda each: (plain(each.country_name), each.country, plain(each.name), each.name),
        )

    def _operation(self, run: Run) -> Operation:
        country, name, *_ = run.key
        operation = self.operations.get((country, name))
        if operation is None:
            country_name = run.rows[0].get("admin0_name") or country
            operation = self.operations[country, name] = Operation(country, country_name, name)
        operation.levels.add(run.level)
        operation.has_sex |= run.has("number_males", "number_females")
        operation.has_reasons |= run.has("displacement_reason")
        operation.has_origins |= run.has(*_ORIGIN)
        return operation


def _add_parts(this: RoundFigures, run: Run) -> None:
    if run.has("displacement_reason"):
        for reason, persons in zip(run.column("displacement_reason"), run.persons, strict=True):
            _add(this.reasons, spell_reason(reason), persons)
    if run.has(*_ORIGIN):
        for origin, persons in zip(map(itemgetter(*_ORIGIN), run.rows), run.persons, strict=True):
            _add(this.origins, origin, persons)


def _add_areas(this: RoundFigures, run: Run) -> None:
    hosts: list[Place] = list(map(itemgetter("admin1_pcode", "admin1_name"), run.rows))
    for host, persons in zip(hosts, run.persons, strict=True):
        _add(this.areas, host, persons)
    if run.has(*_ORIGIN):
        for origin, host, persons in zip(map(itemgetter(*_ORIGIN), run.rows), hosts, run.persons, strict=True):
            _add(this.flows, (origin, host), persons)


def _add(parts: Parts[Part], part: Part, persons: int | None) -> None:
    parts[part] = plus(parts.get(part), persons)


def plain(text: str) -> str:
    """Return text without case and accents, to sort by."""
    return "".join(letter for letter in normalize("NFKD", text.casefold()) if not combining(letter))


def spell_reason(reason: str | None) -> str:
    """Return a reason in one spelling, because upper and lower case vary in the data; combinations stay together."""
    parts = [part.strip() for part in (reason or "").split(";")]
    return "; ".join(part[:1].upper() + part[1:].lower() for part in parts if part) or "Not recorded"
