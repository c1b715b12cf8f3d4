"""Changes at the finer levels, which admin 0 does not show.

Only `hide_from_admin0` changes the answer of admin 0 itself: it removes an operation.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_dtm.sandbox.fabric import operation_name
from tap_dtm.sandbox.model import NOT_AVAILABLE, Cell, Operation, Round
from tap_dtm.sandbox.spots import Spot, all_spots, evolve, somewhere, spare

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tap_dtm.sandbox.world import Mutation, World


class _District(NamedTuple):
    """A published area: its country's place in the world, its level, its code and its name."""

    country: int
    level: int
    pcode: str
    name: str


def _districts(world: World) -> list[_District]:
    """Return the published areas that have a code."""
    found = {
        _District(spot.country, level, *(cell[0:2] if level == 1 else cell[2:4])[::-1])
        for spot in all_spots(world)
        for level in (1, 2)
        for round_ in spot.operation.published(level)
        for cell in round_.cells
    }
    return sorted(area for area in found if area.pcode not in {NOT_AVAILABLE, "Unknown", ""})


def _redraw(world: World, rng: Random, change: Callable[[_District], dict[str, Any]]) -> bool:
    """Change one area as a place of displaced people. Areas of origin stay unchanged."""
    districts = _districts(world)
    if not districts:
        return False
    chosen = rng.choice(districts)
    new, code = change(chosen), f"admin{chosen.level}_pcode"

    def redrawn(cell: Cell) -> Cell:
        return cell._replace(**new) if getattr(cell, code) == chosen.pcode else cell

    for spot in all_spots(world):
        if spot.country == chosen.country:
            rounds = (replace(each, cells=tuple(map(redrawn, each.cells))) for each in spot.operation.rounds)
            spot.put(replace(spot.operation, rounds=tuple(rounds)))
    return True


def rename_district(world: World, rng: Random) -> bool:
    """An area gets another name in all rounds of its country. Its code stays."""
    return _redraw(
        world, rng, lambda area: {f"admin{area.level}_name": f"Invented Renamed Area {rng.randrange(10**6)}"}
    )


def recode_district(world: World, rng: Random) -> bool:
    """An area gets another code in all rounds of its country; its name stays."""
    return _redraw(world, rng, lambda area: {f"admin{area.level}_pcode": f"{area.pcode}X{rng.randrange(10**4)}"})


def _pairs(spot: Spot, round_: Round) -> list[tuple[Spot, Round, int, int]]:
    """Return the cells of a round between which people can move without a change at admin 0."""
    finest = max(spot.operation.levels if round_.levels is None else spot.operation.levels & round_.levels)
    cells = round_.cells
    return [
        (spot, round_, i, j)
        for i, one in enumerate(cells)
        if one.idps > 1 and finest
        for j, other in enumerate(cells)
        if one[4:7] == other[4:7]
        and (one.males is None) == (other.males is None)
        and one[: 2 * finest] != other[: 2 * finest]
    ]


def move_between_districts(world: World, rng: Random) -> bool:
    """Some of the people of one area are counted in another, in one round."""
    rounds = [
        (spot, each)
        for spot in all_spots(world)
        for each in spot.operation.rounds
        if any(each in spot.operation.published(level) for level in (1, 2))
    ]
    rng.shuffle(rounds)
    choices = next(filter(None, (_pairs(spot, each) for spot, each in rounds)), None)
    if choices is None:
        return False
    spot, old, source, target = rng.choice(choices)
    cells = list(old.cells)
    one, other = cells[source], cells[target]
    moved = rng.randint(1, one.idps - 1)
    males = females = 0
    if one.males is not None and one.females is not None:
        # Neither sex may become negative or change the total.
        males = min(one.males, moved)
        females = min(one.females, moved - males)
        moved = males + females
    cells[source] = one.plus(-moved, -males, -females)
    cells[target] = other.plus(moved, males, females)
    spot.put(spot.operation.without_round(old, replace(old, cells=tuple(cells))))
    return True


@somewhere(lambda world: [spot for spot in all_spots(world) if len(spot.operation.levels) > 1])
def drop_level(spot: Spot, _rng: Random) -> tuple[Operation, ...]:
    """An operation is no longer published at its finest level. It keeps another level."""
    levels = spot.operation.levels
    return (replace(spot.operation, levels=levels - {max(levels)}),)


def _may_go_finer(spot: Spot) -> bool:
    cells = spot.operation.rounds[0].cells
    return max(spot.operation.levels) < (2 if cells and cells[0].admin2_name else 1)


@somewhere(lambda world: list(filter(_may_go_finer, all_spots(world))))
def gain_level(spot: Spot, _rng: Random) -> tuple[Operation, ...]:
    """An operation starts to be published at the next finer level."""
    levels = spot.operation.levels
    return (replace(spot.operation, levels=levels | {max(levels) + 1}),)


@somewhere(lambda world: [spot for spot in spare(world) if max(spot.operation.levels)])
def hide_from_admin0(spot: Spot, _rng: Random) -> tuple[Operation, ...]:
    """Admin 0 no longer shows an operation that the finer levels show. The country keeps another operation."""
    return (replace(spot.operation, levels=spot.operation.levels - {0}),)


@somewhere(lambda world: [spot for spot in all_spots(world) if 1 in spot.operation.levels])
def add_hidden_operation(spot: Spot, rng: Random) -> tuple[Operation, ...]:
    """A new operation that the finer levels show and admin 0 never does."""
    like = rng.choice(spot.operation.rounds)
    first = replace(like, cells=evolve(like.cells, rng), levels=None)
    name = operation_name(rng, spot.names)
    return (spot.operation, Operation(name, "Active", (first,), spot.operation.levels - {0}))


INVISIBLE: tuple[Mutation, ...] = (
    rename_district,
    recode_district,
    move_between_districts,
    drop_level,
    gain_level,
    hide_from_admin0,
    add_hidden_operation,
)
"""Changes that the rows of admin 0 do not show, or, for `hide_from_admin0`, show wrongly."""
