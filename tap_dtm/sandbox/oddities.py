"""Six countries, which together have all known oddities of the real data."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from tap_dtm.sandbox.fabric import SHARED_OPERATION, Fabric, Slot, areas, calendar, misplaced
from tap_dtm.sandbox.model import ALL_LEVELS, NOT_AVAILABLE, Area, Operation

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

_UPPER = ALL_LEVELS - {2}


def _twice_assessed(index: int, rng: Random) -> tuple[Operation, ...]:
    """Round 0; BA and SA of one round, on one date or weeks apart; two operations on one date; sexes known in part."""
    fabric = Fabric(areas(index, 3, 2), rng, genders="partly")
    both: list[Slot] = calendar(date(2022, 4, 30), 4, first=0)
    (_, (day, number, _), (later, next_number, _), _) = both
    both += [(day, number, "SA"), (later + timedelta(days=21), next_number, "SA")]
    shared = fabric.rounds(both, cells=6)
    two_dates = fabric.rounds([*both[:3], both[-1]], cells=5)
    return (
        Operation(SHARED_OPERATION, "Active", shared),
        # The newest round of this one has two dates.
        Operation("Réponse inventée à la sécheresse & aux inondations", "Active", two_dates),
    )


def _restarted(index: int, rng: Random) -> tuple[Operation, ...]:
    """A restart of the round numbers; one round with two dates; an old operation with the highest number.

    In one round of two operations, a district is under the wrong province.
    """
    places = areas(index, 2, 3)
    fabric = Fabric(places, rng)
    flood = fabric.rounds(calendar(date(2019, 2, 28), 3) + calendar(date(2023, 5, 31), 2), cells=6)
    two_dates = [*calendar(date(2024, 1, 31), 3, first=47), (date(2024, 6, 30), 48, "BA")]
    conflict = fabric.rounds(two_dates, cells=5)
    old = fabric.rounds(calendar(date(2017, 3, 31), 2, first=70), cells=4)
    strayed = (conflict[0], misplaced(conflict[1], places), *conflict[2:])
    return (
        Operation("Invented Flood Response", "Active", (*flood[:-1], misplaced(flood[-1], places))),
        Operation("Invented Conflict (Overview), North/South", "Active", strayed),
        Operation("Invented Monitoring of Long Ago", "Inactive", old),
    )


def _genderless(index: int, rng: Random) -> tuple[Operation, ...]:
    """No males and females; a round that writes one reason in lower case."""
    first, second, *others = Fabric(areas(index, 2, 2), rng, genders="none").rounds(
        calendar(date(2021, 6, 30), 4), cells=8
    )
    # A reason alone is in lower case, and a combination of reasons has a capital, both in one round.
    spelled = [
        cell._replace(reason="Conflict; Natural disaster" if place % 2 else "conflict")
        for place, cell in enumerate(second.cells)
    ]
    mixed = tuple({cell[:7]: cell for cell in spelled}.values())
    return (Operation(SHARED_OPERATION, "Active", (first, replace(second, cells=mixed), *others)),)


def _duplicated(index: int, rng: Random) -> tuple[Operation, ...]:
    """Rows published twice, exactly alike; host areas under a placeholder."""
    places = areas(index, 2, 2)
    nowhere = Area(*places[0][:2], NOT_AVAILABLE, NOT_AVAILABLE)
    unknown = Area("Unknown", "Unknown", "Unknown", "Unknown")
    slots = calendar(date(2023, 3, 31), 3)
    named = Fabric(places, rng).rounds(slots, cells=5)
    vague = Fabric((nowhere, unknown), rng).rounds(slots, cells=3)
    rounds = tuple(
        replace(one, cells=(*one.cells, *one.cells[:2], *two.cells)) for one, two in zip(named, vague, strict=True)
    )
    return (Operation("L'opération inventée d'été", "Active", rounds),)


def _shallow(index: int, rng: Random) -> tuple[Operation, ...]:
    """No admin 2 at all."""
    fabric = Fabric(areas(index, 4, 0), rng)
    recent = fabric.rounds(calendar(date(2022, 8, 31), 4), cells=8)
    old = fabric.rounds(calendar(date(2020, 8, 31), 2), cells=4)
    return (
        Operation("Invented Survey (Registration)", "Active", recent, _UPPER),
        Operation("Invented Survey, Border & Coast", "Inactive", old, _UPPER),
    )


def _uneven(index: int, rng: Random) -> tuple[Operation, ...]:
    """Operations that stop at admin 0, 1 and 2; a round that stops earlier; emergency tracking."""
    fabric = Fabric(areas(index, 3, 2), rng)
    full = fabric.rounds(calendar(date(2023, 11, 30), 4), cells=6)
    tracked = fabric.rounds(calendar(date(2024, 9, 10), 3, step=10, kind="ETT"), cells=4)
    estimate = fabric.rounds(calendar(date(2022, 12, 31), 2), cells=4)
    stopping = (*full[:2], replace(full[2], levels=_UPPER), full[3])
    return (
        Operation("Seguimiento inventado de la migración", "Active", stopping),
        Operation("Invented Storm 'Ñoña' (Emergency)", "Active", tracked, _UPPER),
        Operation("Invented Estimate", "Inactive", estimate, frozenset({0})),
    )


ODD_COUNTRIES: tuple[Callable[[int, Random], tuple[Operation, ...]], ...] = (
    _twice_assessed,
    _restarted,
    _genderless,
    _duplicated,
    _shallow,
    _uneven,
)
"""The operations of the countries at the first six places of a world."""
