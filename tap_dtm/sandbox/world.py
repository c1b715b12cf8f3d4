"""The world that a sandbox serves: the current publication, and how to get to the next one."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from tap_dtm.sandbox.chance import chance
from tap_dtm.sandbox.edition import Edition, Row, spell

if TYPE_CHECKING:
    from tap_dtm.sandbox.model import Country, Level, Version

Mutation = Callable[["World", Random], bool]
"""Changes the facts of a world; False when the world offers nothing to change."""


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

    def shown_at(self, level: Level) -> Edition:
        """The publication that a level shows: the current one, unless it is held back."""
        return self._held.get(level, self.edition)

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

    def rows(self, level: Level, version: Version = "v3", country: str | None = None) -> list[Row]:
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
