"""The invention of a world from a seed, and its publications.

The first six countries have all known oddities of the real data (see `oddities.py`); further countries are plain.
`rows` adds operations of many rounds until the world has about that many rows in all three levels, two fifths of them
in one large country.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from tap_dtm.errors import DtmError
from tap_dtm.metadata.model import LEVELS
from tap_dtm.sandbox import visible
from tap_dtm.sandbox.fabric import (
    MAX_COUNTRIES,
    Fabric,
    Genders,
    areas,
    calendar,
    country_name,
    country_pcode,
    misplaced,
    operation_name,
)
from tap_dtm.sandbox.model import ALL_LEVELS, Country, Operation, Status, chance
from tap_dtm.sandbox.oddities import ODD_COUNTRIES
from tap_dtm.sandbox.spots import evolve
from tap_dtm.sandbox.world import World

if TYPE_CHECKING:
    from random import Random

    from tap_dtm.sandbox.world import Mutation

_LARGE = 1
"""The place of the large country, the first one with ordinary districts."""
_LARGE_SHARE = 0.4
_ROWS_A_ROUND = 500


def invent(seed: int = 1, countries: int = 6, rows: int | None = None) -> World:
    """Invent a world. The same arguments always give the same world."""
    if not 1 <= countries <= MAX_COUNTRIES:
        raise DtmError(f"A world has 1 to {MAX_COUNTRIES} countries, not {countries}.")
    world = World(seed, tuple(invent_country(index, seed) for index in range(countries)))
    if rows is not None:
        _grow(world, rows)
    return world


def invent_country(index: int, seed: int) -> Country:
    """Invent the country at this place of the world."""
    rng = chance("country", seed, index)
    if index < len(ODD_COUNTRIES):
        operations = ODD_COUNTRIES[index](index, rng)
    else:
        operations = _plain_operations(index, rng, rng.randint(1, 3), rounds=rng.randint(2, 4), cells=5)
    return Country(country_pcode(index), country_name(index, rng), operations)


def tiny(rng: Random, countries: int = 2) -> World:
    """Invent another world of a few dozen rows at each call, for tests of random histories.

    Some rounds are assessed twice, and some districts are under a wrong province.
    """
    seed = rng.randrange(10**9)
    made: list[Country] = []
    for index in range(countries):
        operations = _plain_operations(index, rng, rng.randint(1, 3), rounds=rng.randint(1, 3), cells=3)
        name = country_name(index, rng)
        odd = tuple(_with_odd_rounds(index, each, rng) for each in operations)
        made.append(Country(country_pcode(index), name, odd))
    return World(seed, tuple(made))


def _with_odd_rounds(index: int, operation: Operation, rng: Random) -> Operation:
    rounds = list(operation.rounds)
    if rng.random() < 0.3:  # noqa: PLR2004 - some
        seen = rng.choice(rounds)
        day = seen.date + timedelta(days=rng.choice((0, rng.randint(1, 31))))
        rounds.append(replace(seen, date=day, assessment_type="SA", cells=evolve(seen.cells, rng)))
    if rng.random() < 0.3:  # noqa: PLR2004 - some
        place = rng.randrange(len(rounds))
        rounds[place] = misplaced(rounds[place], areas(index, 2, 2))
    return replace(operation, rounds=tuple(rounds))


def _plain_operations(index: int, rng: Random, count: int, *, rounds: int, cells: int) -> tuple[Operation, ...]:
    genders: Genders = rng.choice(("known", "known", "partly", "none"))
    has_admin2 = rng.random() < 0.9  # noqa: PLR2004 - nearly all countries
    fabric = Fabric(areas(index, 2, 2 if has_admin2 else 0), rng, genders=genders)
    made: list[Operation] = []
    for _ in range(count):
        name = operation_name(rng, (operation.name for operation in made))
        levels = ALL_LEVELS if has_admin2 else ALL_LEVELS - {2}
        if rng.random() < 0.1:  # noqa: PLR2004 - a few operations stop early
            levels = frozenset(rng.choice(((0,), (0, 1))))
        dates = calendar(date(2021, 1, 31) + timedelta(days=rng.randrange(900)), rounds)
        status: Status = "Active" if rng.random() < 0.6 else "Inactive"  # noqa: PLR2004 - as observed
        made.append(Operation(name, status, fabric.rounds(dates, cells=rng.randint(1, cells)), levels))
    return tuple(made)


def _grow(world: World, rows: int) -> None:
    """Add long operations until the world has about this number of rows."""
    missing = rows - sum(len(world.rows(level)) for level in LEVELS)
    count = len(world.countries)
    large = _LARGE if count > _LARGE else 0
    share = _LARGE_SHARE if count > 1 else 1.0
    rest = max(count - 1, 1)
    world.countries = tuple(
        _grown(index, country, world.seed, round(missing * (share if index == large else (1 - share) / rest)))
        for index, country in enumerate(world.countries)
    )


def _grown(index: int, country: Country, seed: int, rows: int) -> Country:
    if rows < 20:  # noqa: PLR2004 - less than a round
        return country
    rng = chance("growth", seed, country.pcode)
    has_admin2 = any(2 in operation.levels for operation in country.operations)  # noqa: PLR2004
    cells = [cell for operation in country.operations for each in operation.rounds for cell in each.cells]
    genders: Genders = "none" if all(cell.males is None for cell in cells) else "partly"
    # An admin 1 area with eight districts of three figures each has 24 rows at admin 2 and 4 at admin 1.
    admin1 = max(1, min(rows, _ROWS_A_ROUND) // (28 if has_admin2 else 3))
    fabric = Fabric(areas(index, admin1, 8 if has_admin2 else 0), rng, genders=genders, dense=True)
    rounds = max(1, round(rows / fabric.rows(levels=3 if has_admin2 else 2)))
    count = max(1, round(rounds / 60))
    levels = ALL_LEVELS if has_admin2 else ALL_LEVELS - {2}
    operations = list(country.operations)
    for number in range(count):
        share = rounds // count + (number < rounds % count)
        step = max(1, min(91, 3000 // share))
        dates = calendar(date(2016, 1, 31) + timedelta(days=number), share, step=step)
        name = operation_name(rng, (each.name for each in operations))
        operations.append(Operation(name, "Active", fabric.rounds(dates), levels))
    return replace(country, operations=tuple(operations))


def withdraw_country(world: World, rng: Random) -> bool:
    """A country leaves the lists and the answers. The world keeps at least one."""
    if len(world.countries) < 2:  # noqa: PLR2004 - one stays
        return False
    gone = rng.randrange(len(world.countries))
    world.countries = (*world.countries[:gone], *world.countries[gone + 1 :])
    return True


def add_country(world: World, rng: Random) -> bool:
    """A new country appears."""
    used = {country.pcode for country in world.countries}
    free = [index for index in range(len(used) + 10) if index < MAX_COUNTRIES and country_pcode(index) not in used]
    if not free:
        return False
    world.countries = (*world.countries, invent_country(rng.choice(free), world.seed))
    return True


def restore(world: World, _rng: Random) -> bool:
    """Everything is as in the previous publication."""
    if world.previous is None or world.previous == world.countries:
        return False
    world.countries = world.previous
    return True


COUNTRY: tuple[Mutation, ...] = (withdraw_country, add_country, restore)
"""Changes of the countries, and the return to the previous publication."""

_MIX = (
    visible.add_round,
    visible.add_round,
    visible.backfill_round,
    visible.correct_figures,
    visible.rekey_round,
    visible.withdraw_operation,
    visible.add_operation,
    visible.rename_operation,
    visible.flip_status,
)
_NOW_AND_THEN = (visible.withdraw_round, visible.rename_reason_case, visible.duplicate_rows)


def publish(world: World, rng: Random | None = None) -> tuple[str, ...]:
    """Make the next publication, and return the names of its changes.

    It adds, back-fills, corrects, re-keys, withdraws and renames. Without `rng`, the seed of the world decides.
    """
    rng = rng or chance("mix", world.seed, world.publication + 1)
    some = [change for change in _NOW_AND_THEN if rng.random() < 0.3]  # noqa: PLR2004
    return world.publish(*_MIX, *some, rng=rng)


def world_at(publication: int = 1, *, seed: int = 1, countries: int = 6, rows: int | None = None) -> World:
    """Return a world at a publication of its history."""
    if publication < 1:
        raise DtmError(f"Publications count from 1, so there is no publication {publication}.")
    world = invent(seed, countries, rows)
    while world.publication < publication:
        publish(world)
    return world
