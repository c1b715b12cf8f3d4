"""The six countries that carry, between them, every oddity that the real data are known for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from tap_dtm.sandbox.fabric import Fabric, Genders, Slot, calendar, misplaced
from tap_dtm.sandbox.model import ALL_LEVELS, NOT_AVAILABLE, Country, Operation, Round, Status
from tap_dtm.sandbox.names import SHARED_OPERATION, Area, areas, country_name, country_pcode, style_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random


def _fabric(index: int, rng: Random, admin1: int, admin2: int, genders: Genders = "known") -> Fabric:
    return Fabric(areas(country_pcode(index), style_of(index), admin1, admin2), rng, genders=genders)


def _operation(
    name: str,
    rounds: tuple[Round, ...],
    status: Status = "Active",
    levels: frozenset[int] = ALL_LEVELS,
) -> Operation:
    return Operation(name, status, rounds, levels)


def _country(index: int, rng: Random, *operations: Operation) -> Country:
    return Country(country_pcode(index), country_name(index, rng), operations)


def _twice_assessed(index: int, rng: Random) -> Country:
    """Round 0; BA and SA of one round, on one date or weeks apart; two operations on one date; sexes known in part."""
    fabric = _fabric(index, rng, 3, 2, "partly")
    start = date(2022, 4, 30)
    both: list[Slot] = calendar(start, 4, first=0)
    (_, (day, number, _), (later, next_number, _), _) = both
    both += [(day, number, "SA"), (later + timedelta(days=21), next_number, "SA")]
    return _country(
        index,
        rng,
        _operation(SHARED_OPERATION, fabric.rounds(both, cells=6)),
        # The newest round of this one has two dates.
        _operation("Réponse inventée à la sécheresse & aux inondations", fabric.rounds([*both[:3], both[-1]], cells=5)),
    )


def _restarted(index: int, rng: Random) -> Country:
    """A restart of the round numbers; one round with two dates; an old operation with the highest number.

    In one round of two operations, a district is under the wrong province.
    """
    places = areas(country_pcode(index), style_of(index), 2, 3)
    fabric = Fabric(places, rng)
    restarted = calendar(date(2019, 2, 28), 3) + calendar(date(2023, 5, 31), 2)
    two_dates: list[Slot] = calendar(date(2024, 1, 31), 3, first=47)
    two_dates.append((date(2024, 6, 30), 48, "BA"))
    flood = fabric.rounds(restarted, cells=6)
    conflict = fabric.rounds(two_dates, cells=5)
    return _country(
        index,
        rng,
        _operation("Invented Flood Response", (*flood[:-1], misplaced(flood[-1], places))),
        _operation(
            "Invented Conflict (Overview), North/South", (conflict[0], misplaced(conflict[1], places), *conflict[2:])
        ),
        _operation(
            "Invented Monitoring of Long Ago",
            fabric.rounds(calendar(date(2017, 3, 31), 2, first=70), cells=4),
            status="Inactive",
        ),
    )


def _genderless(index: int, rng: Random) -> Country:
    """No males and females anywhere; a round that writes one reason in lower case."""
    fabric = _fabric(index, rng, 2, 2, "none")
    rounds = fabric.rounds(calendar(date(2021, 6, 30), 4), cells=8)
    # Alone in lower case, in combination with the capital, both in one round.
    spelled = [
        cell._replace(reason="Conflict; Natural disaster" if place % 2 else "conflict")
        for place, cell in enumerate(rounds[1].cells)
    ]
    mixed = tuple({cell[:7]: cell for cell in spelled}.values())
    return _country(
        index,
        rng,
        _operation(SHARED_OPERATION, (rounds[0], replace(rounds[1], cells=mixed), *rounds[2:])),
    )


def _duplicated(index: int, rng: Random) -> Country:
    """Rows published twice, exactly alike; host areas under a placeholder."""
    places = areas(country_pcode(index), style_of(index), 2, 2)
    nowhere = Area(places[0].admin1_name, places[0].admin1_pcode, NOT_AVAILABLE, NOT_AVAILABLE)
    unknown = Area("Unknown", "Unknown", "Unknown", "Unknown")
    slots = calendar(date(2023, 3, 31), 3)
    named = Fabric(places, rng).rounds(slots, cells=5)
    vague = Fabric((nowhere, unknown), rng).rounds(slots, cells=3)
    rounds = tuple(
        replace(one, cells=(*one.cells, *one.cells[:2], *two.cells)) for one, two in zip(named, vague, strict=True)
    )
    return _country(index, rng, _operation("L'opération inventée d'été", rounds))


def _shallow(index: int, rng: Random) -> Country:
    """No admin 2 at all."""
    fabric = _fabric(index, rng, 4, 0)
    upper = ALL_LEVELS - {2}
    return _country(
        index,
        rng,
        _operation(
            "Invented Survey (Registration)",
            fabric.rounds(calendar(date(2022, 8, 31), 4), cells=8),
            levels=upper,
        ),
        _operation(
            "Invented Survey, Border & Coast",
            fabric.rounds(calendar(date(2020, 8, 31), 2), cells=4),
            status="Inactive",
            levels=upper,
        ),
    )


def _uneven(index: int, rng: Random) -> Country:
    """Operations that stop at admin 0, 1 and 2; a round that stops earlier; emergency tracking."""
    fabric = _fabric(index, rng, 3, 2)
    full = fabric.rounds(calendar(date(2023, 11, 30), 4), cells=6)
    full = (*full[:2], replace(full[2], levels=ALL_LEVELS - {2}), full[3])
    tracked = fabric.rounds(calendar(date(2024, 9, 10), 3, step=10, kind="ETT"), cells=4)
    return _country(
        index,
        rng,
        _operation("Seguimiento inventado de la migración", full),
        _operation("Invented Storm 'Ñoña' (Emergency)", tracked, levels=ALL_LEVELS - {2}),
        _operation(
            "Invented Estimate",
            fabric.rounds(calendar(date(2022, 12, 31), 2), cells=4),
            status="Inactive",
            levels=frozenset({0}),
        ),
    )


ODD_COUNTRIES: tuple[Callable[[int, Random], Country], ...] = (
    _twice_assessed,
    _restarted,
    _genderless,
    _duplicated,
    _shallow,
    _uneven,
)
