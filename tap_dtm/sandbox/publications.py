"""The history of a world: countries that appear and disappear, and the mix of changes that makes a publication."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_dtm.errors import DtmError
from tap_dtm.sandbox import visible
from tap_dtm.sandbox.fabric import MAX_COUNTRIES, country_pcode
from tap_dtm.sandbox.invent import invent, invent_country
from tap_dtm.sandbox.model import chance

if TYPE_CHECKING:
    from random import Random

    from tap_dtm.sandbox.world import Mutation, World


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
