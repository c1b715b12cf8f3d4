"""The invention of a world from a seed.

The first six countries carry, on purpose, every oddity that the real data are known for (see
`oddities.py`); further countries are plain. `rows` adds operations of many rounds until the world has
about that many rows over the three levels, two fifths of them in one large country; it never takes away.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from tap_dtm.sandbox.chance import chance
from tap_dtm.sandbox.fabric import Fabric, Genders, calendar, misplaced
from tap_dtm.sandbox.model import ALL_LEVELS, Country, Operation, Status
from tap_dtm.sandbox.names import areas, country_name, country_pcode, operation_name, style_of
from tap_dtm.sandbox.oddities import ODD_COUNTRIES
from tap_dtm.sandbox.spots import evolve
from tap_dtm.sandbox.world import World

if TYPE_CHECKING:
    from random import Random

MAX_COUNTRIES = 26 * 26
_LARGE = 1
"""The place of the large country: the first with ordinary districts."""
_LARGE_SHARE = 0.4
_ROWS_A_ROUND = 500


def invent(seed: int = 1, countries: int = 6, rows: int | None = None) -> World:
    """Invent a world. The same arguments give the same world, anywhere and at any time."""
    if not 1 <= countries <= MAX_COUNTRIES:
        raise ValueError(f"A world has 1 to {MAX_COUNTRIES} countries, not {countries}.")
    world = World(seed, tuple(invent_country(index, seed) for index in range(countries)))
    if rows is not None:
        _grow(world, rows)
    return world


def invent_country(index: int, seed: int) -> Country:
    """Invent the country at this place of the world."""
    rng = chance("country", seed, index)
    if index < len(ODD_COUNTRIES):
        return ODD_COUNTRIES[index](index, rng)
    return _plain_country(index, rng, operations=rng.randint(1, 3), rounds=rng.randint(2, 4), cells=5)


def tiny(rng: Random, countries: int = 2) -> World:
    """Invent a world of a few dozen rows, every time another, for tests of random histories."""
    return World(
        rng.randrange(10**9),
        tuple(
            _with_odd_rounds(
                index, _plain_country(index, rng, operations=rng.randint(1, 3), rounds=rng.randint(1, 3), cells=3), rng
            )
            for index in range(countries)
        ),
    )


def _with_odd_rounds(index: int, country: Country, rng: Random) -> Country:
    """Return the country with some rounds seen twice, and some districts under a wrong province."""
    places = areas(country.pcode, style_of(index), 2, 2)
    operations: list[Operation] = []
    for operation in country.operations:
        rounds = list(operation.rounds)
        if rng.random() < 0.3:  # noqa: PLR2004 - some
            seen = rng.choice(rounds)
            day = seen.date + timedelta(days=rng.choice((0, rng.randint(1, 31))))
            rounds.append(replace(seen, date=day, assessment_type="SA", cells=evolve(seen.cells, rng)))
        if rng.random() < 0.3:  # noqa: PLR2004 - some
            place = rng.randrange(len(rounds))
            rounds[place] = misplaced(rounds[place], places)
        operations.append(replace(operation, rounds=tuple(rounds)))
    return replace(country, operations=tuple(operations))


def _plain_country(index: int, rng: Random, *, operations: int, rounds: int, cells: int) -> Country:
    pcode = country_pcode(index)
    genders: Genders = rng.choice(("known", "known", "partly", "none"))
    has_admin2 = rng.random() < 0.9  # noqa: PLR2004 - nearly all countries
    places = areas(pcode, style_of(index), 2, 2 if has_admin2 else 0)
    fabric = Fabric(places, rng, genders=genders)
    made: list[Operation] = []
    for _ in range(operations):
        name = operation_name(rng, (operation.name for operation in made))
        levels = ALL_LEVELS if has_admin2 else ALL_LEVELS - {2}
        if rng.random() < 0.1:  # noqa: PLR2004 - a few operations stop early
            levels = frozenset(rng.choice(((0,), (0, 1))))
        dates = calendar(date(2021, 1, 31) + timedelta(days=rng.randrange(900)), rounds, step=91)
        status: Status = "Active" if rng.random() < 0.6 else "Inactive"  # noqa: PLR2004 - as observed
        made.append(Operation(name, status, fabric.rounds(dates, cells=rng.randint(1, cells)), levels))
    return Country(pcode, country_name(index, rng), tuple(made))


def _grow(world: World, rows: int) -> None:
    """Add long operations until the world has about so many rows."""
    missing = rows - sum(len(world.rows(level)) for level in (0, 1, 2))
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
    places = areas(country.pcode, style_of(index), admin1, 8 if has_admin2 else 0)
    fabric = Fabric(places, rng, genders=genders, dense=True)
    a_round = fabric.rows(levels=3 if has_admin2 else 2)
    rounds = max(1, round(rows / a_round))
    operations = max(1, round(rounds / 60))
    added: list[Operation] = []
    for number in range(operations):
        share = rounds // operations + (number < rounds % operations)
        step = max(1, min(91, 3000 // share))
        dates = calendar(date(2016, 1, 31) + timedelta(days=number), share, step=step)
        name = operation_name(rng, (each.name for each in (*country.operations, *added)))
        levels = ALL_LEVELS if has_admin2 else ALL_LEVELS - {2}
        added.append(Operation(name, "Active", fabric.rounds(dates), levels))
    return Country(country.pcode, country.name, (*country.operations, *added))
