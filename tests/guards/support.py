"""A world of known figures, three countries of two operations, of two rounds each; and what the tests do with it."""

from __future__ import annotations

import logging
from copy import deepcopy
from dataclasses import replace
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

from tap_dtm.sandbox import SANDBOX_KEY, Mutation, SandboxServer, World
from tap_dtm.sandbox.model import ALL_LEVELS, Cell, Country, Operation, Round
from tests.target import MemoryTarget, run_tap
from tests.world import LEVELS, assert_positions_are_whole, count, served

if TYPE_CHECKING:
    from random import Random

    import pytest

    from tests.scripted import ScriptedServer

PATHS = {f"/v3/displacement/admin{level}": level for level in LEVELS}
FLOOD, DROUGHT = "Invented Flood", "Invented Drought"


def a_round(number: int, year: int, *figures: int) -> Round:
    cells = (
        Cell(f"Region {place}", f"X{place}", f"District {place}", f"X{place}0", "Conflict", "Here", "X1", figure, 1, 2)
        for place, figure in enumerate(figures, start=1)
    )
    return Round(number, date(year, 6, 30), "BA", tuple(cells))


def an_operation(name: str, *rounds: Round, levels: frozenset[int] = ALL_LEVELS) -> Operation:
    return Operation(name, "Active", rounds, levels)


def a_country(code: str, *operations: Operation) -> Country:
    return Country(code, f"Invented {code}", operations)


def small_world() -> World:
    return World(
        1,
        tuple(
            a_country(
                code,
                an_operation(FLOOD, a_round(1, 2021, 100, 200), a_round(2, 2022, 110, 210)),
                an_operation(DROUGHT, a_round(1, 2020, 30), a_round(2, 2023, 40)),
            )
            for code in ("XAA", "XBA", "XCA")
        ),
    )


def put_operations(world: World, code: str, *operations: Operation) -> None:
    """Publish other facts about a country."""
    world.publish()
    world.countries = tuple(
        replace(country, operations=operations) if country.pcode == code else country for country in world.countries
    )


def add_a_round_in(place: int) -> Mutation:
    """A publication in which the first operation of one country has a new round."""

    def add(world: World, _: Random) -> bool:
        country = world.countries[place]
        first, *others = country.operations
        news = a_round(3, 2024, 120, 220, 320)
        grown = replace(country, operations=(replace(first, rounds=(*first.rounds, news)), *others))
        world.countries = (*world.countries[:place], grown, *world.countries[place + 1 :])
        return True

    return add


def config_for(server: SandboxServer | ScriptedServer) -> dict[str, Any]:
    return {"api_url": server.url, "subscription_key": SANDBOX_KEY, "scrub_fraction": 0, "max_retries": 0}


def sync(sandbox: SandboxServer, target: MemoryTarget, **options: Any) -> list[dict[str, Any]]:
    sandbox.requests.clear()
    return run_tap(target, **(config_for(sandbox) | options))


def load(world: World) -> MemoryTarget:
    """Return a target that holds everything a world shows. The tap runs once for each world."""
    return deepcopy(_loaded(world.seed, world.countries, world.publication))


@cache
def _loaded(seed: int, countries: tuple[Country, ...], publication: int) -> MemoryTarget:
    target = MemoryTarget()
    with SandboxServer(World(seed, countries, publication)) as sandbox:
        sync(sandbox, target)
    return target


def asked(sandbox: SandboxServer) -> list[tuple[int, str, str]]:
    """Return what was asked of the three levels: level, country and operation ("" for all)."""
    return [
        (PATHS[request.path], request.params["Admin0Pcode"], request.params.get("Operation", ""))
        for request in sandbox.requests
        if request.path in PATHS
    ]


def assert_exact(world: World, target: MemoryTarget, **filters: Any) -> None:
    for level in LEVELS:
        rows = target.live(f"idp_admin{level}")
        assert count(rows) == served(world, level, **filters)
        assert_positions_are_whole(rows)


def idp_records(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message for message in messages if message["type"] == "RECORD" and message["stream"].startswith("idp_")]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the lines of the log that an operator should read."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def rows_of(target: MemoryTarget, code: str) -> dict[str, Any]:
    return {
        stream: {key: row for key, row in rows.items() if row["admin0_pcode"] == code}
        for stream, rows in target.tables.items()
        if stream.startswith("idp_")
    }


def bookmarks_of(target: MemoryTarget, code: str) -> dict[str, Any]:
    return {
        stream: [part.get("operations") for part in state["partitions"] if part["context"]["admin0_pcode"] == code]
        for stream, state in target.state["bookmarks"].items()
        if "partitions" in state
    }
