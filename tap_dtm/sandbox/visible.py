"""Changes that show at admin 0, or in the lists: what the API has been seen to do between publications.

Each returns False, and changes nothing, when the world offers nothing to change.
"""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from tap_dtm.sandbox.model import Operation
from tap_dtm.sandbox.names import operation_name
from tap_dtm.sandbox.spots import all_spots, evolve, names, put, put_round, spare, taken, visible

if TYPE_CHECKING:
    from random import Random

    from tap_dtm.sandbox.world import World

_REMARK = " (Registration)"


def add_round(world: World, rng: Random) -> bool:
    """A new round, later than all others of its operation."""
    spots = visible(world)
    if not spots:
        return False
    spot = rng.choice(spots)
    last = max(spot.operation.published(0), key=lambda round_: round_.key)
    day = max(round_.date for round_ in spot.operation.rounds) + timedelta(days=rng.randint(20, 120))
    new = replace(last, number=last.number + 1, date=day, cells=evolve(last.cells, rng))
    put(world, spot, replace(spot.operation, rounds=(*spot.operation.rounds, new)))
    return True


def backfill_round(world: World, rng: Random) -> bool:
    """A round that was left out appears with its old date."""
    spots = visible(world)
    if not spots:
        return False
    spot = rng.choice(spots)
    like = rng.choice(spot.operation.published(0))
    newest = max(round_.date for round_ in spot.operation.rounds)
    keys = taken(spot)
    new = like
    while new.key in keys:
        day = newest - timedelta(days=rng.randint(1, 700))
        new = replace(like, number=rng.randint(0, like.number + 1), date=day)
    new = replace(new, cells=evolve(like.cells, rng))
    put(world, spot, replace(spot.operation, rounds=(*spot.operation.rounds, new)))
    return True


def correct_figures(world: World, rng: Random) -> bool:
    """One figure is corrected: the total, or only how it splits into males and females."""
    spots = visible(world)
    if not spots:
        return False
    spot = rng.choice(spots)
    old = rng.choice(spot.operation.published(0))
    place = rng.randrange(len(old.cells))
    cell = old.cells[place]
    if cell.males and cell.females is not None and rng.random() < 0.3:  # noqa: PLR2004 - now and then
        new = cell._replace(males=cell.males - 1, females=cell.females + 1)
    else:
        more = rng.randint(1, 500)
        males = None if cell.males is None else cell.males + more
        new = cell._replace(idps=cell.idps + more, males=males)
    put_round(world, spot, old, replace(old, cells=(*old.cells[:place], new, *old.cells[place + 1 :])))
    return True


def rekey_round(world: World, rng: Random) -> bool:
    """The number, the date or the assessment type of a round is corrected."""
    spots = visible(world)
    if not spots:
        return False
    spot = rng.choice(spots)
    old = rng.choice(spot.operation.published(0))
    choices = [
        replace(old, number=old.number + 10),
        replace(old, number=max(0, old.number - 1)),
        *(replace(old, date=old.date + timedelta(days=days)) for days in (-365, -30, -1, 1, 30)),
        *(replace(old, assessment_type=kind) for kind in ("BA", "SA", "ETT")),
    ]
    keys = taken(spot)
    choices = [choice for choice in choices if choice.key not in keys]
    if not choices:
        return False
    put_round(world, spot, old, rng.choice(choices))
    return True


def withdraw_round(world: World, rng: Random) -> bool:
    """A round disappears; an operation keeps at least one."""
    spots = [spot for spot in visible(world) if len(spot.operation.published(0)) > 1]
    if not spots:
        return False
    spot = rng.choice(spots)
    put_round(world, spot, rng.choice(spot.operation.published(0)))
    return True


def withdraw_operation(world: World, rng: Random) -> bool:
    """A whole operation disappears; a country keeps at least one."""
    spots = spare(world)
    if not spots:
        return False
    put(world, rng.choice(spots))
    return True


def rename_operation(world: World, rng: Random) -> bool:
    """An operation gets another name: its accents go, a remark in parentheses comes, or all changes."""
    spots = visible(world)
    if not spots:
        return False
    spot = rng.choice(spots)
    name = spot.operation.name
    plain = "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))
    used = names(world, spot.country)
    choices = [plain, f"{name.removesuffix(_REMARK)}{_REMARK}", operation_name(rng, used)]
    free = [choice for choice in choices if choice not in used and len(choice) < 100]  # noqa: PLR2004
    put(world, spot, replace(spot.operation, name=rng.choice(free)))
    return True


def add_operation(world: World, rng: Random) -> bool:
    """A new operation in a country that has one."""
    spots = visible(world)
    if not spots:
        return False
    spot = rng.choice(spots)
    like = rng.choice(spot.operation.published(0))
    first = replace(like, number=1, date=like.date + timedelta(days=45), cells=evolve(like.cells, rng))
    name = operation_name(rng, names(world, spot.country))
    put(world, spot, spot.operation, Operation(name, "Active", (first,), spot.operation.levels))
    return True


def flip_status(world: World, rng: Random) -> bool:
    """An active operation becomes inactive, or the other way round; no row changes."""
    spots = all_spots(world)
    if not spots:
        return False
    spot = rng.choice(spots)
    status = spot.operation.status
    put(world, spot, replace(spot.operation, status="Inactive" if status == "Active" else "Active"))
    return True


def rename_reason_case(world: World, rng: Random) -> bool:
    """A round writes one reason in another case."""
    choices = [
        (spot, round_, reason, reason.lower() if reason != reason.lower() else reason.capitalize())
        for spot in visible(world)
        for round_ in spot.operation.published(0)
        for reason in sorted({cell.reason for cell in round_.cells})
    ]
    # Where the other spelling is in the same round already, rows would run together.
    choices = [each for each in choices if all(cell.reason != each[3] for cell in each[1].cells)]
    if not choices:
        return False
    spot, old, reason, other = rng.choice(choices)
    cells = tuple(cell._replace(reason=other) if cell.reason == reason else cell for cell in old.cells)
    put_round(world, spot, old, replace(old, cells=cells))
    return True


def duplicate_rows(world: World, rng: Random) -> bool:
    """Rows of the finest level are published twice, exactly alike, and counted twice above."""
    spots = [spot for spot in visible(world) if 2 in spot.operation.levels]  # noqa: PLR2004 - the level
    if not spots:
        return False
    spot = rng.choice(spots)
    old = rng.choice(spot.operation.published(0))
    put_round(world, spot, old, replace(old, cells=(*old.cells, rng.choice(old.cells))))
    return True


def show_at_admin0(world: World, rng: Random) -> bool:
    """Admin 0 starts to show an operation that only the finer levels had."""
    spots = [spot for spot in all_spots(world) if 0 not in spot.operation.levels]
    if not spots:
        return False
    spot = rng.choice(spots)
    put(world, spot, replace(spot.operation, levels=spot.operation.levels | {0}))
    return True
