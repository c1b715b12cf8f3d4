"""Where a world can change: finding an operation and putting another in its place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import date
    from random import Random

    from tap_dtm.sandbox.model import Cell, Operation, Round
    from tap_dtm.sandbox.world import World


class Spot(NamedTuple):
    """An operation, a country's place in the world, and its own place in the country."""

    operation: Operation
    country: int
    place: int


def all_spots(world: World) -> list[Spot]:
    """Every operation of the world."""
    return [
        Spot(operation, i, j)
        for i, country in enumerate(world.countries)
        for j, operation in enumerate(country.operations)
    ]


def visible(world: World) -> list[Spot]:
    """The operations that admin 0 shows."""
    return [spot for spot in all_spots(world) if spot.operation.published(0)]


def spare(world: World) -> list[Spot]:
    """The visible operations of countries that show another one, so that the country stays."""
    shown = visible(world)
    crowded = {spot.country for spot in shown if sum(each.country == spot.country for each in shown) > 1}
    return [spot for spot in shown if spot.country in crowded]


def put(world: World, spot: Spot, *operations: Operation) -> None:
    """Put operations (or none) in the place of one."""
    country = world.countries[spot.country]
    kept = country.operations
    put = replace(country, operations=(*kept[: spot.place], *operations, *kept[spot.place + 1 :]))
    world.countries = (*world.countries[: spot.country], put, *world.countries[spot.country + 1 :])


def put_round(world: World, spot: Spot, old: Round, *new: Round) -> None:
    """Put rounds (or none) in the place of one."""
    rounds = spot.operation.rounds
    place = next(i for i, round_ in enumerate(rounds) if round_ is old)
    put(world, spot, replace(spot.operation, rounds=(*rounds[:place], *new, *rounds[place + 1 :])))


def taken(spot: Spot) -> set[tuple[date, int, str]]:
    """The keys that the rounds of the operation use."""
    return {round_.key for round_ in spot.operation.rounds}


def names(world: World, country: int) -> set[str]:
    """The operation names that the country uses."""
    return {operation.name for operation in world.countries[country].operations}


def evolve(cells: tuple[Cell, ...], rng: Random) -> tuple[Cell, ...]:
    """Return the figures of another round: nearly the same areas, other numbers of people.

    A district that was under a wrong province as well is under its own again, which is the first that it comes under.
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
