"""What a run asks for and emits when little or nothing has changed, and how scrubbing finds what does not show."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from functools import cache
from itertools import chain
from math import ceil
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_dtm.exact.scrub import due
from tap_dtm.sandbox import INVISIBLE, Mutation, SandboxServer, World, invent, tiny
from tap_dtm.sandbox.invisible import add_hidden_operation, move_between_districts, recode_district, rename_district
from tap_dtm.sandbox.spots import all_spots
from tap_dtm.sandbox.visible import add_round, backfill_round
from tests.pipeline import sandbox_config
from tests.target import MemoryTarget, Message, run_tap
from tests.test_postgres import ALL_CODES
from tests.world import LEVELS, assert_positions_are_whole, count, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_dtm.sandbox.model import Country

LISTS = Counter({"country-list": 1, "operation-list": 1})


def only(code: str, mutate: Mutation) -> Mutation:
    """Let something happen in one country."""

    def mutate_country(world: World, rng: Random) -> bool:
        everywhere = world.countries
        world.countries = tuple(country for country in everywhere if country.pcode == code)
        applied = mutate(world, rng)
        changed = {country.pcode: country for country in world.countries}
        world.countries = tuple(changed.get(country.pcode, country) for country in everywhere)
        return applied

    return mutate_country


def publish(sandbox: SandboxServer, *mutations: Mutation, seed: int = 1) -> None:
    """Publish, and make sure that each of the changes happened."""
    assert len(sandbox.world.publish(*mutations, rng=Random(seed))) == len(mutations)


def asked(sandbox: SandboxServer) -> Counter[str]:
    """Count the requests since the last look: the endpoint and its filters."""
    requests = Counter(
        " ".join([request.path.rpartition("/")[2], *(f"{name}={value}" for name, value in request.params.items())])
        for request in sandbox.requests
    )
    sandbox.requests.clear()
    return requests


def indexes(world: World) -> Counter[str]:
    return Counter(f"admin0 Admin0Pcode={country.pcode}" for country in world.countries)


def idp_records(messages: list[Message]) -> list[Message]:
    return [message for message in messages if message["type"] == "RECORD" and message["stream"].startswith("idp_")]


def assert_exact(target: MemoryTarget, world: World) -> None:
    for level in LEVELS:
        rows = target.live(f"idp_admin{level}")
        assert count(rows) == served(world, level)
        assert_positions_are_whole(rows)


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """The six countries with all the oddities: XEA has no admin 2, XFA stops here and there."""
    with SandboxServer(invent(1)) as server:
        yield server


def synced(sandbox: SandboxServer, **config: Any) -> MemoryTarget:
    """Load everything, and look again at what contradicts admin 0 until it is believed."""
    world = sandbox.world
    return deepcopy(_synced(world.seed, world.countries, world.publication, **config))


@cache
def _synced(seed: int, countries: tuple[Country, ...], publication: int, **config: Any) -> MemoryTarget:
    target = MemoryTarget()
    with SandboxServer(World(seed, countries, publication)) as sandbox:
        for _ in range(3):
            run_tap(target, **sandbox_config(sandbox, **config))
    return target


def test_a_first_run_asks_once_for_each_country_and_level(sandbox: SandboxServer) -> None:
    run_tap(MemoryTarget(), **sandbox_config(sandbox))

    codes = [country.pcode for country in sandbox.world.countries]
    assert asked(sandbox) == LISTS + Counter(f"admin{level} Admin0Pcode={code}" for level in LEVELS for code in codes)


@pytest.mark.parametrize("is_published_again", [False, True], ids=["same-publication", "other-ids-and-order"])
def test_nothing_new_costs_one_request_for_each_country(sandbox: SandboxServer, *, is_published_again: bool) -> None:
    target = synced(sandbox)
    ids = sandbox.world.rows(2)
    for _ in range(3):
        if is_published_again:
            sandbox.world.publish()
            assert sandbox.world.rows(2) != ids

        messages = run_tap(target, **sandbox_config(sandbox))

        assert asked(sandbox) == LISTS + indexes(sandbox.world)
        assert idp_records(messages) == []
    assert_exact(target, sandbox.world)


def test_a_new_round_costs_one_request_for_each_level_below(sandbox: SandboxServer) -> None:
    target = synced(sandbox)
    before = {level: served(sandbox.world, level) for level in LEVELS}
    taken = {stream: set(rows) for stream, rows in target.tables.items()}
    publish(sandbox, only("XBA", add_round))

    messages = run_tap(target, **sandbox_config(sandbox))

    records = [message["record"] for message in idp_records(messages)]
    ((operation, date),) = {(record["operation"], record["reporting_date"]) for record in records}
    below = {f"admin{level} Admin0Pcode=XBA Operation={operation} FromReportingDate={date}": 1 for level in (1, 2)}
    assert asked(sandbox) == LISTS + indexes(sandbox.world) + Counter(below)
    for level in LEVELS:
        stream = f"idp_admin{level}"
        emitted = [message["record"] for message in idp_records(messages) if message["stream"] == stream]
        assert count(emitted) == served(sandbox.world, level) - before[level]
        last = max(number for code, name, number in taken[stream] if (code, name) == ("XBA", operation))
        assert [row["row_number"] for row in emitted] == list(range(last + 1, last + 1 + len(emitted)))
    assert_exact(target, sandbox.world)


def test_a_back_filled_round_costs_its_operation_and_no_other(sandbox: SandboxServer) -> None:
    target = synced(sandbox)
    publish(sandbox, only("XBA", backfill_round))

    messages = run_tap(target, **sandbox_config(sandbox))

    ((code, operation),) = {
        (message["record"]["admin0_pcode"], message["record"]["operation"]) for message in idp_records(messages)
    }
    assert code == "XBA"
    below = {f"admin{level} Admin0Pcode=XBA Operation={operation}": 1 for level in (1, 2)}
    assert asked(sandbox) == LISTS + indexes(sandbox.world) + Counter(below)
    assert_exact(target, sandbox.world)


def test_a_level_that_does_not_exist_is_asked_for_when_the_index_changes_and_not_again(sandbox: SandboxServer) -> None:
    target = synced(sandbox)
    assert not served(sandbox.world, 2, countries=["XEA"])
    publish(sandbox, only("XEA", add_round))

    run_tap(target, **sandbox_config(sandbox))
    first = asked(sandbox)
    run_tap(target, **sandbox_config(sandbox))
    second = asked(sandbox)

    assert [request for request in first if request.startswith("admin2")] == ["admin2 Admin0Pcode=XEA"]
    assert second == LISTS + indexes(sandbox.world)
    assert_exact(target, sandbox.world)


# What admin 0 lacks, and the list of operations names.


def test_an_operation_that_admin_0_never_shows_is_found_in_the_list(sandbox: SandboxServer) -> None:
    target = synced(sandbox)
    publish(sandbox, only("XBA", add_hidden_operation))

    run_tap(target, **sandbox_config(sandbox))

    # Admin 0 is asked again, whether it lists by now what the levels have.
    found = {f"admin{level} Admin0Pcode=XBA": 1 for level in LEVELS}
    assert asked(sandbox) == LISTS + indexes(sandbox.world) + Counter(found)
    assert_exact(target, sandbox.world)


def shown_at(*levels: int) -> Mutation:
    """The first operation is listed, and shown at these levels only."""

    def show(world: World, _: Random) -> bool:
        spot = all_spots(world)[0]
        spot.put(replace(spot.operation, levels=frozenset(levels)))
        return True

    return only("XBA", show)


def test_a_listed_operation_without_rows_is_looked_for_once(sandbox: SandboxServer) -> None:
    target = synced(sandbox)
    publish(sandbox, shown_at())

    run_tap(target, **sandbox_config(sandbox))
    first = asked(sandbox)
    run_tap(target, **sandbox_config(sandbox))
    second = asked(sandbox)

    assert first - second == Counter({f"admin{level} Admin0Pcode=XBA": 1 for level in (1, 2)})
    assert second == LISTS + indexes(sandbox.world)
    assert_exact(target, sandbox.world)


@pytest.mark.parametrize("levels", [(0, 1, 2), (0, 1), (0,)])
def test_a_listed_operation_is_delivered_once_it_has_rows(sandbox: SandboxServer, levels: tuple[int, ...]) -> None:
    publish(sandbox, shown_at())
    target = synced(sandbox)
    publish(sandbox, shown_at(*levels))

    run_tap(target, **sandbox_config(sandbox))

    assert_exact(target, sandbox.world)


def delist(world: World, _: Random) -> bool:
    """The first operation leaves the list."""
    all_spots(world)[0].put()
    return True


def test_an_operation_that_comes_back_to_the_list_is_looked_for_again(sandbox: SandboxServer) -> None:
    publish(sandbox, shown_at())
    target = synced(sandbox)
    listed = sandbox.world.countries
    publish(sandbox, only("XBA", delist))
    run_tap(target, **sandbox_config(sandbox))
    sandbox.world.publish()
    sandbox.world.countries = listed
    publish(sandbox, shown_at(1))

    run_tap(target, **sandbox_config(sandbox))

    assert_exact(target, sandbox.world)


def test_an_operation_that_hides_while_a_round_comes_into_the_dates_is_found(sandbox: SandboxServer) -> None:
    spot = all_spots(sandbox.world)[0]
    last = min(round_.date for spot in all_spots(sandbox.world) for round_ in spot.operation.rounds) - timedelta(days=1)
    config = sandbox_config(sandbox, end_date=str(last))
    target = MemoryTarget()
    run_tap(target, **config)

    def hide_with_an_early_round(world: World, _: Random) -> bool:
        early = replace(spot.operation.rounds[0], number=0, date=last)
        hidden = replace(spot.operation, rounds=(early, *spot.operation.rounds), levels=frozenset({1, 2}))
        all_spots(world)[0].put(hidden)
        return True

    publish(sandbox, hide_with_an_early_round)
    run_tap(target, **config)

    assert target.live("idp_admin1")
    for level in LEVELS:
        assert count(target.live(f"idp_admin{level}")) == served(sandbox.world, level, end_date=str(last))


def test_a_listed_operation_that_the_settings_leave_out_is_not_looked_for(sandbox: SandboxServer) -> None:
    config = sandbox_config(sandbox, operations=[all_spots(sandbox.world)[-1].operation.name])
    target = MemoryTarget()
    run_tap(target, **config)
    sandbox.requests.clear()
    publish(sandbox, shown_at())

    run_tap(target, **config)

    assert asked(sandbox) == LISTS + indexes(sandbox.world)


# Scrubbing: what admin 0 does not show.


@pytest.mark.parametrize("change", INVISIBLE, ids=lambda change: change.__name__)
def test_a_hidden_change_is_found_at_once_when_every_run_reads_everything(
    sandbox: SandboxServer, change: Mutation
) -> None:
    target = synced(sandbox)
    for seed in range(2):
        publish(sandbox, change, seed=seed)

        # The operator's leave is needed where a country loses a level altogether.
        run_tap(target, **sandbox_config(sandbox, scrub_fraction=1, accept_withdrawn_countries=ALL_CODES))

        assert_exact(target, sandbox.world)


def test_only_operations_that_differ_are_emitted_again(sandbox: SandboxServer) -> None:
    target = synced(sandbox)
    publish(sandbox, only("XBA", move_between_districts))

    messages = run_tap(target, **sandbox_config(sandbox, scrub_fraction=1))

    assert len({(m["record"]["admin0_pcode"], m["record"]["operation"]) for m in idp_records(messages)}) == 1
    assert_exact(target, sandbox.world)


@pytest.mark.parametrize(("countries", "runs"), [(12, 10), pytest.param(33, 20, marks=pytest.mark.everything)])
def test_a_hidden_change_is_found_within_as_many_runs_as_read_a_share_of_everything(countries: int, runs: int) -> None:
    with SandboxServer(tiny(Random(4), countries=countries)) as sandbox:
        config = sandbox_config(sandbox, scrub_fraction=1 / runs)
        target = synced(sandbox, scrub_fraction=1 / runs)
        publish(sandbox, rename_district, recode_district, move_between_districts)
        reread: list[list[str]] = []
        for _ in range(runs):
            run_tap(target, **config)
            reread.append([request.removeprefix("admin1 ") for request in asked(sandbox) if "admin1" in request])

        assert_exact(target, sandbox.world)
        assert max(map(len, reread)) <= ceil(countries / runs) + 1
        every = [f"Admin0Pcode={country.pcode}" for country in sandbox.world.countries]
        assert sorted(chain.from_iterable(reread)) == sorted(every)


def test_without_scrubbing_nothing_is_read_again(sandbox: SandboxServer) -> None:
    target = synced(sandbox)
    publish(sandbox, rename_district, move_between_districts)
    for _ in range(4):
        run_tap(target, **sandbox_config(sandbox))

        assert asked(sandbox) == LISTS + indexes(sandbox.world)
    assert count(target.live("idp_admin2")) != served(sandbox.world, 2)  # the price, which the operator has chosen


FRACTIONS = (1, 0.5, 0.3, 0.07, 1 / 3, 0.05, 0.15, 2 / 7, 0.99, 0.011)


@pytest.mark.parametrize("fraction", FRACTIONS)
@pytest.mark.parametrize("countries", [1, 3, 7, 20, 61])
def test_every_turn_comes_in_time_and_the_load_is_even(fraction: float, countries: int) -> None:
    codes = [f"X{number:02}" for number in range(countries)]
    read_whole = dict.fromkeys(codes, 1)
    loads = []
    for run in range(2, 200):
        chosen = due(codes, read_whole, run, fraction)
        loads.append(len(chosen))
        read_whole |= dict.fromkeys(chosen, run)
        assert all(run - last <= 1 / fraction for last in read_whole.values())
    assert max(loads) <= ceil(fraction * countries) + 1
    assert sum(loads) == pytest.approx(198 * fraction * countries, rel=0.1, abs=2)


@settings(max_examples=30, deadline=None)
@given(
    fraction=st.sampled_from(FRACTIONS) | st.floats(0.01, 1),
    moves=st.lists(st.tuples(st.sampled_from("+-="), st.integers(0, 30)), min_size=30, max_size=60),
)
def test_every_turn_comes_in_time_while_countries_come_and_go(fraction: float, moves: list[tuple[str, int]]) -> None:
    read_whole: dict[str, int] = {}
    present = {"X00"}
    for run, (move, number) in enumerate(moves, start=1):
        present = {"+": present | {f"X{number:02}"}, "-": present - {f"X{number:02}"}, "=": present}[move]
        read_whole = {code: last for code, last in read_whole.items() if code in present}
        new = present - read_whole.keys()  # what was never read is read whole in any case

        chosen = due(present, read_whole, run, fraction)

        assert chosen <= present
        read_whole |= dict.fromkeys(chosen | new, run)
        assert all(run - last <= 1 / fraction for last in read_whole.values())


@settings(max_examples=30, deadline=None)
@given(run=st.integers(1, 10**6), countries=st.sets(st.text("XYZ", max_size=3), max_size=10))
def test_no_share_is_nobodys_turn_and_the_whole_is_everybodys(run: int, countries: set[str]) -> None:
    assert due(countries, {}, run, 0) == frozenset()
    assert due(countries, dict.fromkeys(countries, run - 1), run, 1) == countries
