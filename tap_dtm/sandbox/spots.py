"""The places where a world can change: its operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from tap_dtm.sandbox.model import Operation

if TYPE_CHECKING:
    from tap_dtm.sandbox.model import Cell
    from tap_dtm.sandbox.world import Mutation, World


class Spot(NamedTuple):
    """An operation, the place of its country in the world, and its own place in the country."""

    operation: Operation
    world: World
    country: int
    place: int

    @property
    def names(self) -> set[str]:
        """The operation names that the country uses."""
        return {operation.name for operation in self.world.countries[self.country].operations}

    def put(self, *operations: Operation) -> None:
        """Replace this operation by others, or by none."""
        countries = list(self.world.countries)
        old = countries[self.country].operations
        new = (*old[: self.place], *operations, *old[self.place + 1 :])
        countries[self.country] = replace(countries[self.country], operations=new)
        self.world.countries = tuple(countries)


def all_spots(world: World) -> list[Spot]:
    """Every operation of the world."""
    return [
        Spot(operation, world, i, j)
        for i, country in enumerate(world.countries)
        for j, operation in enumerate(country.operations)
    ]


def visible(world: World) -> list[Spot]:
    """The operations that admin 0 shows."""
    return [spot for spot in all_spots(world) if spot.operation.published(0)]


def spare(world: World) -> list[Spot]:
    """Return the visible operations of countries that show another one, so that the country stays."""
    shown = visible(world)
    crowded = {spot.country for spot in shown if sum(each.country == spot.country for each in shown) > 1}
    return [spot for spot in shown if spot.country in crowded]


Change = Callable[[Spot, Random], tuple[Operation, ...] | None]
"""Returns the operations that replace an operation; None if the change is impossible."""


def somewhere(spots: Callable[[World], list[Spot]]) -> Callable[[Change], Mutation]:
    """Make a mutation of a change to one operation, which is chosen at random from these."""

    def mutation(change: Change) -> Mutation:
        @wraps(change)
        def mutate(world: World, rng: Random) -> bool:
            choices = spots(world)
            if not choices:
                return False
            spot = rng.choice(choices)
            operations = change(spot, rng)
            if operations is None:
                return False
            spot.put(*operations)
            return True

        return mutate

    return mutation


def evolve(cells: tuple[Cell, ...], rng: Random) -> tuple[Cell, ...]:
    """Return the figures of another round: nearly the same areas, with other numbers of people.

    A district that is under two provinces keeps the first one.
    """
    own: dict[str, str] = {}
    for cell in cells:
        own.setdefault(cell.admin2_pcode or cell.admin1_pcode, cell.admin1_pcode)
    at_home = [cell for cell in cells if own[cell.admin2_pcode or cell.admin1_pcode] == cell.admin1_pcode]
    kept = [cell for cell in dict.fromkeys(at_home) if rng.random() < 0.9]  # noqa: PLR2004 - some areas vanish
    changed = []
    for cell in kept or cells[:1]:
        idps = max(1, int(cell.idps * rng.uniform(0.7, 1.4)))
        males = None if cell.males is None else idps * rng.randint(42, 52) // 100
        changed.append(cell._replace(idps=idps, males=males, females=None if males is None else idps - males))
    return tuple(changed)
