"""The levels checked against each other: sums, publications during the run, unknown operations, loose filters."""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import product
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.errors import DtmPartialSyncError
from tap_dtm.sandbox import Options, SandboxServer, World
from tap_dtm.sandbox.visible import add_round, correct_figures
from tests.extent import mostly
from tests.guards.support import (
    FLOOD,
    PATHS,
    a_round,
    add_a_round_in,
    an_operation,
    asked,
    assert_exact,
    config_for,
    idp_records,
    put_operations,
    rows_of,
    small_world,
    sync,
    warnings,
)
from tests.scripted import ScriptedServer, doctored
from tests.target import MemoryTarget, run_tap
from tests.world import LEVELS, assert_positions_are_whole

if TYPE_CHECKING:
    from tap_dtm.sandbox.api import Request
    from tap_dtm.sandbox.model import Round
    from tests.scripted import Rows


class TestSumsThatDiffer:
    """A level that does not add up to the index is asked again in two later runs, and then believed."""

    @staticmethod
    def one_more(level: int, year: int) -> Any:
        """Alter answers: in that year, each row of XBA at that level counts one more."""

        def alter(request: Request, rows: Rows) -> Rows | None:
            if PATHS.get(request.path) != level or request.params["admin0pcode"] != "XBA":
                return None
            return [
                {**row, "numPresentIdpInd": row["numPresentIdpInd"] + (row["yearReportingDate"] == year)}
                for row in rows
            ]

        return alter

    @staticmethod
    def asked_of(server: ScriptedServer, level: int) -> list[dict[str, str]]:
        return [
            {name: value for name, value in request.params.items() if name != "admin0pcode"}
            for request in server.requests
            if PATHS.get(request.path) == level and request.params["admin0pcode"] == "XBA"
        ]

    @pytest.mark.parametrize("level", [1, 2])
    def test_at_first_sight(self, level: int, caplog: pytest.LogCaptureFixture) -> None:
        world, target = small_world(), MemoryTarget()
        with ScriptedServer(doctored(world, self.one_more(level, 2022))) as server:
            config = config_for(server)
            run_tap(target, **config)
            what = f"Invented XBA (XBA), {FLOOD}, round 2 (2022-06-30, BA): admin {level} adds up to 322, "
            what += "admin 0 says 320."
            assert warnings(caplog) == [f"{what} Delivered as published. The next run asks again."]
            assert self.asked_of(server, level) == [{}]
            published = [
                row["num_present_idp_ind"]
                for row in target.live(f"idp_admin{level}")
                if row["admin0_pcode"] == "XBA" and row["reporting_date"] == "2022-06-30"
            ]
            assert sorted(published) == [111, 211]

            for outlook in ("The next run asks again.", "Three runs saw the same: it is taken as final."):
                caplog.clear()
                server.requests.clear()
                assert idp_records(run_tap(target, **config)) == []
                assert self.asked_of(server, level) == [{"operation": FLOOD}]
                assert len(self.asked_of(server, 0)) == 1
                assert warnings(caplog) == [f"{what} Delivered as published. {outlook}"]

            caplog.clear()
            server.requests.clear()
            run_tap(target, **config)
        assert self.asked_of(server, level) == []
        assert warnings(caplog) == []

    @pytest.mark.parametrize("level", [1, 2])
    def test_in_a_new_round(self, level: int, caplog: pytest.LogCaptureFixture) -> None:
        """The filtered answer is not believed; the whole country is asked for, once, and is."""
        world, target = small_world(), MemoryTarget()
        with ScriptedServer(doctored(world, self.one_more(level, 2024))) as server:
            config = config_for(server)
            run_tap(target, **config)
            assert warnings(caplog) == []
            world.publish(add_a_round_in(1))
            server.requests.clear()
            run_tap(target, **config)
        (warning,) = (record.getMessage() for record in caplog.records if record.levelno == logging.WARNING)
        assert f"{FLOOD}, round 3 (2024-06-30, BA): admin {level} adds up to 663, admin 0 says 660." in warning
        assert self.asked_of(server, level) == [{"operation": FLOOD, "fromreportingdate": "2024-06-30"}, {}]
        rows = target.live(f"idp_admin{level}")
        assert_positions_are_whole(rows)
        assert sum(row["num_present_idp_ind"] for row in rows if row["reporting_date"] == "2024-06-30") == 663

    def test_only_while_filtered_is_no_news(self, caplog: pytest.LogCaptureFixture) -> None:
        """A filter that leaves rows out costs one more request, and nothing else."""
        world, target = small_world(), MemoryTarget()

        def alter(request: Request, rows: Rows) -> Rows | None:
            return rows[:-1] if "operation" in request.params else None

        with ScriptedServer(doctored(world, alter)) as server:
            config = config_for(server)
            run_tap(target, **config)
            world.publish(add_a_round_in(1))
            server.requests.clear()
            run_tap(target, **config)
        assert_exact(world, target)
        assert warnings(caplog) == []
        assert len(self.asked_of(server, 1)) == len(self.asked_of(server, 2)) == 2


class TestAPublicationDuringTheRun:
    """The levels of a country are asked one after the other; DTM may publish in between."""

    @pytest.mark.parametrize("level", LEVELS)
    @pytest.mark.parametrize("first_run", [True, False])
    def test_once_is_waited_out(self, level: int, first_run: bool) -> None:  # noqa: FBT001
        world, target = small_world(), MemoryTarget()
        pending = [1]

        def publish(request: Request, _: Rows) -> None:
            if PATHS.get(request.path) == level and request.params["admin0pcode"] == "XBA" and pending:
                pending.pop()
                world.publish(add_a_round_in(1))

        with ScriptedServer(doctored(world, lambda *_: None)) as server:
            config = config_for(server)
            if not first_run:
                run_tap(target, **config)
                world.publish(correct_figures, correct_figures, rng=Random(5))
                grow(world)
            server.respond = _before_each_answer(world, publish)
            run_tap(target, **config)
            assert not pending
            for number in LEVELS:  # whatever was taken is one publication's
                rows = [row for row in target.live(f"idp_admin{number}") if row["admin0_pcode"] == "XBA"]
                assert_positions_are_whole(rows)
            sums = [_sums(target, number) for number in LEVELS]
            assert sums[0] == sums[1] == sums[2]
            server.respond = doctored(world, lambda *_: None)
            run_tap(target, **config)
        assert_exact(world, target)

    def test_again_and_again_is_an_error_of_the_country(self, caplog: pytest.LogCaptureFixture) -> None:
        world, target = small_world(), MemoryTarget()
        year = iter(range(2030, 2100))

        def publish(request: Request, _: Rows) -> None:
            if PATHS.get(request.path) and request.params["admin0pcode"] == "XBA":
                first, *others = world.countries[1].operations
                news = a_round(9, next(year), 7)
                put_operations(world, "XBA", replace(first, rounds=(*first.rounds, news)), *others)

        with ScriptedServer(_before_each_answer(world, publish)) as server:
            config = config_for(server)
            run_tap(target, **config, error=DtmPartialSyncError)
            (error,) = (record.getMessage() for record in caplog.records if record.levelno == logging.ERROR)
            assert "Invented XBA (XBA) changed each time while it was being read: DTM is publishing." in error
            assert not any(rows_of(target, "XBA").values())

            server.respond = doctored(world, lambda *_: None)
            run_tap(target, **config)
        assert_exact(world, target)


def _before_each_answer(world: World, happens: Any) -> Any:
    def respond(request: Request) -> Any:
        happens(request, [])
        return doctored(world, lambda *_: None)(request)

    return respond


def grow(world: World) -> None:
    """Publish a round more of each country, older than that of ``add_a_round_in``."""
    for country in world.countries:
        first, *others = country.operations
        put_operations(world, country.pcode, replace(first, rounds=(*first.rounds, a_round(3, 2023, 9))), *others)


def _sums(target: MemoryTarget, level: int) -> dict[tuple[str, str, str], int]:
    sums: dict[tuple[str, str, str], int] = {}
    for row in target.live(f"idp_admin{level}"):
        key = (row["admin0_pcode"], row["operation"], row["reporting_date"])
        sums[key] = sums.get(key, 0) + row["num_present_idp_ind"]
    return sums


class TestOperationsUnknownToAdmin0:
    """Point 13: delivered, flagged, and re-read every time, because the index tells nothing of them."""

    HIDDEN = "Invented Hidden Survey"

    @pytest.fixture
    def sandbox(self, sandbox: SandboxServer) -> SandboxServer:
        self.publish_hidden(sandbox.world, a_round(1, 2022, 5, 6))
        return sandbox

    def publish_hidden(self, world: World, *rounds: Round) -> None:
        country = next(each for each in world.countries if each.pcode == "XBA")
        known = [each for each in country.operations if each.name != self.HIDDEN]
        hidden = [an_operation(self.HIDDEN, *rounds, levels=frozenset({1, 2}))] if rounds else []
        put_operations(world, "XBA", *known, *hidden)

    def test_are_delivered_and_flagged(
        self, sandbox: SandboxServer, target: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        sync(sandbox, target)
        assert_exact(sandbox.world, target)
        assert warnings(caplog) == [
            f"Invented XBA (XBA), {self.HIDDEN}, round 1 (2022-06-30, BA): admin {level} adds up to 11, "
            "admin 0 does not list the round. Delivered as published. The next run asks again."
            for level in (1, 2)
        ]

    def test_are_read_again_each_time(self, sandbox: SandboxServer, loaded: MemoryTarget) -> None:
        messages = sync(sandbox, loaded)
        assert {each for each in asked(sandbox) if each[0]} == {(1, "XBA", self.HIDDEN), (2, "XBA", self.HIDDEN)}
        assert not [each for each in messages if each["type"] == "RECORD" and "idp" in each["stream"]]

    @pytest.mark.parametrize(
        "rounds",
        [
            pytest.param((a_round(1, 2022, 5, 7),), id="corrected"),
            pytest.param((a_round(1, 2022, 5, 6), a_round(2, 2023, 8)), id="new round"),
            pytest.param((a_round(1, 2022, 5),), id="shorter"),
            pytest.param((), id="withdrawn"),
        ],
    )
    def test_change_at_once(self, sandbox: SandboxServer, loaded: MemoryTarget, rounds: tuple[Round, ...]) -> None:
        self.publish_hidden(sandbox.world, *rounds)
        sync(sandbox, loaded)
        assert_exact(sandbox.world, loaded)

    def test_may_be_all_that_a_country_has(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        hidden = an_operation(self.HIDDEN, a_round(1, 2022, 5, 6), levels=frozenset({1, 2}))
        put_operations(sandbox.world, "XBA", hidden)
        for _ in range(2):
            sync(sandbox, target)
            assert_exact(sandbox.world, target)


class TestFilters:
    """Point 12: what the API's filters match is not documented, so the result never depends on it."""

    @pytest.mark.parametrize(
        "filters",
        mostly(
            [
                ("exact", "nothing"),
                ("prefix", "exact"),
                ("prefix", "ignored"),
                ("ignored", "nothing"),
                ("nothing", "ignored"),
                ("nothing", "nothing"),
            ],
            product(["exact", "prefix", "ignored", "nothing"], ["exact", "ignored", "nothing"]),
        ),
    )
    def test_match_as_they_like(self, sandbox: SandboxServer, target: MemoryTarget, filters: tuple[Any, Any]) -> None:
        operation_filter, date_filter = filters
        sandbox.options = Options(operation_filter=operation_filter, date_filter=date_filter)
        name = FLOOD + " and Storm"  # which a filter by prefix takes along
        for country in sandbox.world.countries:
            storm = an_operation(name, a_round(1, 2021, 1), a_round(2, 2025, 2))
            put_operations(sandbox.world, country.pcode, *country.operations, storm)
        sync(sandbox, target)
        for seed in range(2):
            sandbox.world.publish(add_round, correct_figures, rng=Random(seed))
            sync(sandbox, target)
            assert_exact(sandbox.world, target)

    def test_the_tap_s_own_are_exact(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        sandbox.options = Options(operation_filter="ignored", date_filter="ignored")
        filters: dict[str, Any] = {"start_date": "2021-06-30", "end_date": "2022-06-30", "operations": [FLOOD]}
        sync(sandbox, target, **filters)
        assert_exact(sandbox.world, target, **filters)
