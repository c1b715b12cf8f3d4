"""The history of a world: the changes there are, and the seeded mix of them that makes a publication."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_dtm.sandbox.chance import chance
from tap_dtm.sandbox.invent import MAX_COUNTRIES, invent, invent_country
from tap_dtm.sandbox.invisible import (
    add_hidden_operation,
    drop_level,
    gain_level,
    hide_from_admin0,
    move_between_districts,
    recode_district,
    rename_district,
)
from tap_dtm.sandbox.names import country_pcode
from tap_dtm.sandbox.visible import (
    add_operation,
    add_round,
    backfill_round,
    correct_figures,
    duplicate_rows,
    flip_status,
    rekey_round,
    rename_operation,
    rename_reason_case,
    show_at_admin0,
    withdraw_operation,
    withdraw_round,
)

if TYPE_CHECKING:
    from random import Random

    from tap_dtm.sandbox.world import Mutation, World

__all__ = [
    "COUNTRY",
    "INVISIBLE",
    "VISIBLE",
    "add_country",
    "add_hidden_operation",
    "add_operation",
    "add_round",
    "backfill_round",
    "correct_figures",
    "drop_level",
    "duplicate_rows",
    "flip_status",
    "gain_level",
    "hide_from_admin0",
    "move_between_districts",
    "publish",
    "recode_district",
    "rekey_round",
    "rename_district",
    "rename_operation",
    "rename_reason_case",
    "restore",
    "show_at_admin0",
    "withdraw_country",
    "withdraw_operation",
    "withdraw_round",
    "world_at",
]


def withdraw_country(world: World, rng: Random) -> bool:
    """A country leaves the lists and the answers; the world keeps at least one."""
    if len(world.countries) < 2:  # noqa: PLR2004 - one stays
        return False
    gone = rng.randrange(len(world.countries))
    world.countries = (*world.countries[:gone], *world.countries[gone + 1 :])
    return True


def add_country(world: World, rng: Random) -> bool:
    """A country that the world did not have appears."""
    used = {country.pcode for country in world.countries}
    free = [index for index in range(len(used) + 10) if index < MAX_COUNTRIES and country_pcode(index) not in used]
    if not free:
        return False
    world.countries = (*world.countries, invent_country(rng.choice(free), world.seed))
    return True


def restore(world: World, _rng: Random) -> bool:
    """Everything is again exactly as it was in the previous publication."""
    if world.previous is None or world.previous == world.countries:
        return False
    world.countries = world.previous
    return True


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

INVISIBLE: tuple[Mutation, ...] = (
    rename_district,
    recode_district,
    move_between_districts,
    drop_level,
    gain_level,
    hide_from_admin0,
    add_hidden_operation,
)
"""Changes of which the rows of admin 0 give no sign, or, for `hide_from_admin0`, a misleading one."""

COUNTRY: tuple[Mutation, ...] = (withdraw_country, add_country, restore)
"""Changes to which countries there are, and the way back."""

_MIX: tuple[Mutation, ...] = (
    add_round,
    add_round,
    backfill_round,
    correct_figures,
    rekey_round,
    withdraw_operation,
    add_operation,
    rename_operation,
    flip_status,
)


def publish(world: World, rng: Random | None = None) -> tuple[str, ...]:
    """Make the next publication: it adds, back-fills, corrects, re-keys, withdraws and renames.

    Returns the names of the changes. Without `rng` the history follows from the seed of the world.
    """
    rng = rng or chance("mix", world.seed, world.publication + 1)
    some = tuple(change for change in (withdraw_round, rename_reason_case, duplicate_rows) if rng.random() < 0.3)  # noqa: PLR2004
    return world.publish(*_MIX, *some, rng=rng)


def world_at(publication: int = 1, *, seed: int = 1, countries: int = 6, rows: int | None = None) -> World:
    """Return a world as it is at a publication of its seeded history."""
    if publication < 1:
        raise ValueError(f"Publications count from 1, so there is no publication {publication}.")
    world = invent(seed, countries, rows)
    while world.publication < publication:
        publish(world)
    return world
