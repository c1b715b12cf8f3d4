"""Changes that admin 0 or a list shows. The API has been observed to make them."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from tap_dtm.sandbox.fabric import operation_name
from tap_dtm.sandbox.model import Operation
from tap_dtm.sandbox.spots import all_spots, evolve, somewhere, spare, visible

if TYPE_CHECKING:
    from random import Random

    from tap_dtm.sandbox.spots import Spot
    from tap_dtm.sandbox.world import Mutation, World

_REMARK = " (Registration)"


@somewhere(visible)
def add_round(spot: Spot, rng: Random) -> tuple[Operation, ...]:
    """A new round, later than all others of its operation."""
    last = max(spot.operation.published(0), key=lambda round_: round_.key)
    day = max(round_.date for round_ in spot.operation.rounds) + timedelta(days=rng.randint(20, 120))
    new = replace(last, number=last.number + 1, date=day, cells=evolve(last.cells, rng))
    return (spot.operation.with_round(new),)


@somewhere(visible)
def backfill_round(spot: Spot, rng: Random) -> tuple[Operation, ...]:
    """A missing round appears with its old date."""
    like = rng.choice(spot.operation.published(0))
    newest = max(round_.date for round_ in spot.operation.rounds)
    keys = {round_.key for round_ in spot.operation.rounds}
    new = like
    while new.key in keys:
        day = newest - timedelta(days=rng.randint(1, 700))
        new = replace(like, number=rng.randint(0, like.number + 1), date=day)
    return (spot.operation.with_round(replace(new, cells=evolve(like.cells, rng))),)


@somewhere(visible)
def correct_figures(spot: Spot, rng: Random) -> tuple[Operation, ...]:
    """One figure is corrected: the total, or only how it splits into males and females."""
    old = rng.choice(spot.operation.published(0))
    place = rng.randrange(len(old.cells))
    cell = old.cells[place]
    if cell.males and cell.females is not None and rng.random() < 0.3:  # noqa: PLR2004 - now and then
        corrected = cell.plus(0, -1, 1)
    else:
        more = rng.randint(1, 500)
        corrected = cell.plus(more, more, 0)
    cells = (*old.cells[:place], corrected, *old.cells[place + 1 :])
    return (spot.operation.without_round(old, replace(old, cells=cells)),)


@somewhere(visible)
def rekey_round(spot: Spot, rng: Random) -> tuple[Operation, ...] | None:
    """The number, the date or the assessment type of a round is corrected."""
    old = rng.choice(spot.operation.published(0))
    choices = [
        replace(old, number=old.number + 10),
        replace(old, number=max(0, old.number - 1)),
        *(replace(old, date=old.date + timedelta(days=days)) for days in (-365, -30, -1, 1, 30)),
        *(replace(old, assessment_type=kind) for kind in ("BA", "SA", "ETT")),
    ]
    keys = {round_.key for round_ in spot.operation.rounds}
    choices = [choice for choice in choices if choice.key not in keys]
    return (spot.operation.without_round(old, rng.choice(choices)),) if choices else None


@somewhere(lambda world: [spot for spot in visible(world) if len(spot.operation.published(0)) > 1])
def withdraw_round(spot: Spot, rng: Random) -> tuple[Operation, ...]:
    """A round disappears. An operation keeps at least one."""
    return (spot.operation.without_round(rng.choice(spot.operation.published(0))),)


@somewhere(spare)
def withdraw_operation(_spot: Spot, _rng: Random) -> tuple[Operation, ...]:
    """A whole operation disappears. A country keeps at least one."""
    return ()


@somewhere(visible)
def rename_operation(spot: Spot, rng: Random) -> tuple[Operation, ...]:
    """An operation gets another name: without accents, with a remark in parentheses, or a new one."""
    name, used = spot.operation.name, spot.names
    plain = "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))
    choices = [plain, f"{name.removesuffix(_REMARK)}{_REMARK}", operation_name(rng, used)]
    free = [choice for choice in choices if choice not in used and len(choice) < 100]  # noqa: PLR2004
    return (replace(spot.operation, name=rng.choice(free)),)


@somewhere(visible)
def add_operation(spot: Spot, rng: Random) -> tuple[Operation, ...]:
    """A new operation in a country that has one."""
    like = rng.choice(spot.operation.published(0))
    first = replace(like, number=1, date=like.date + timedelta(days=45), cells=evolve(like.cells, rng))
    name = operation_name(rng, spot.names)
    return (spot.operation, Operation(name, "Active", (first,), spot.operation.levels))


@somewhere(all_spots)
def flip_status(spot: Spot, _rng: Random) -> tuple[Operation, ...]:
    """An active operation becomes inactive, or vice versa. No row changes."""
    return (replace(spot.operation, status="Inactive" if spot.operation.status == "Active" else "Active"),)


def rename_reason_case(world: World, rng: Random) -> bool:
    """A round writes one reason in another case."""
    choices = [
        (spot, round_, reason, reason.lower() if reason != reason.lower() else reason.capitalize())
        for spot in visible(world)
        for round_ in spot.operation.published(0)
        for reason in sorted({cell.reason for cell in round_.cells})
    ]
    # If the same round has the other spelling already, rows would become one.
    choices = [each for each in choices if all(cell.reason != each[3] for cell in each[1].cells)]
    if not choices:
        return False
    spot, old, reason, other = rng.choice(choices)
    cells = tuple(cell._replace(reason=other) if cell.reason == reason else cell for cell in old.cells)
    spot.put(spot.operation.without_round(old, replace(old, cells=cells)))
    return True


@somewhere(lambda world: [spot for spot in visible(world) if 2 in spot.operation.levels])  # noqa: PLR2004
def duplicate_rows(spot: Spot, rng: Random) -> tuple[Operation, ...]:
    """Rows of the finest level are published twice, exactly alike, and counted twice above."""
    old = rng.choice(spot.operation.published(0))
    return (spot.operation.without_round(old, replace(old, cells=(*old.cells, rng.choice(old.cells)))),)


@somewhere(lambda world: [spot for spot in all_spots(world) if 0 not in spot.operation.levels])
def show_at_admin0(spot: Spot, _rng: Random) -> tuple[Operation, ...]:
    """Admin 0 starts to show an operation that only the finer levels had."""
    return (replace(spot.operation, levels=spot.operation.levels | {0}),)


VISIBLE: tuple[Mutation, ...] = (
    add_round,
    backfill_round,
    correct_figures,
    rekey_round,
    withdraw_round,
    withdraw_operation,
    rename_operation,
    add_operation,
    flip_status,
    rename_reason_case,
    duplicate_rows,
    show_at_admin0,
)
"""Changes that admin 0, or a list, shows."""
