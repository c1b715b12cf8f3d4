"""Scrubbing by level, and sending again: whatever happened to a table, it is right again within 1 / fraction runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tap_dtm.errors import DtmPartialSyncError
from tap_dtm.sandbox import SandboxServer, World, tiny
from tap_dtm.sandbox.invisible import recode_district
from tap_dtm.sandbox.visible import add_round, withdraw_operation, withdraw_round
from tests.guards.support import a_round, an_operation, asked, assert_exact, load, put_operations, small_world, sync
from tests.target import MemoryTarget, selecting

STREAMS = ("countries", "operations", "idp_admin0", "idp_admin1", "idp_admin2")
COUNTRY_LEVEL = selecting("countries", "operations", "idp_admin0")
EVERYTHING = selecting(*STREAMS)
SENT_AGAIN = selecting(*STREAMS, full_table=True)
ALWAYS = {"scrub_fraction": 1, "scrub_resends": True}
STATE_OF_0_1_0 = Path(__file__).parents[1] / "fixtures" / "state-0.1.0.json"


class TestEveryLevelHasItsTurn:
    def test_when_runs_of_the_country_level_alternate_with_runs_of_everything(self) -> None:
        target = MemoryTarget()
        with SandboxServer(tiny(Random(4), countries=12)) as sandbox:
            config = {"scrub_fraction": 0.1}
            for _ in range(4):
                sync(sandbox, target, catalog=EVERYTHING, **config)
            sandbox.world.publish(*[recode_district] * 6, rng=Random(1))

            for catalog in (COUNTRY_LEVEL, EVERYTHING) * 5:
                sync(sandbox, target, catalog=catalog, **config)

            assert_exact(sandbox.world, target)

    def test_and_no_run_reads_more_than_its_share_and_that_of_the_run_before(self) -> None:
        target = MemoryTarget()
        with SandboxServer(tiny(Random(4), countries=10)) as sandbox:
            config = {"scrub_fraction": 0.2}
            for _ in range(4):
                sync(sandbox, target, catalog=EVERYTHING, **config)

            read = []
            for catalog in (COUNTRY_LEVEL, EVERYTHING) * 5:
                sync(sandbox, target, catalog=catalog, **config)
                read.append(len([level for level, _, _ in asked(sandbox) if level == 2]))

        assert max(read) <= 5
        assert sum(read) >= 18


class TestTablesThatSomebodyChanged:
    """Edited, restored from a backup, or left by a run that was killed before it confirmed its state."""

    def damage(self, target: MemoryTarget) -> None:
        for stream, rows in target.tables.items():
            for place, (key, row) in enumerate(sorted(rows.items())):
                if place % 3 == 0 and stream.startswith("idp_"):
                    rows[key] = {**row, "num_present_idp_ind": None, "_sdc_deleted_at": "2026-01-01T00:00:00+00:00"}
                elif place % 3 == 1:
                    del rows[key]

    def test_are_right_again_within_as_many_runs_as_it_takes_to_read_every_country(self) -> None:
        target = MemoryTarget()
        with SandboxServer(tiny(Random(4), countries=7)) as sandbox:
            config = {"scrub_fraction": 0.2, "scrub_resends": True}
            for _ in range(4):
                sync(sandbox, target, **config)
            self.damage(target)

            for _ in range(5):
                sync(sandbox, target, **config)

            assert_exact(sandbox.world, target)
            assert len(target.live("countries")) == len(sandbox.world.country_list())

    def test_stay_as_they_are_when_nothing_is_sent_again(self, sandbox: SandboxServer) -> None:
        target = load(sandbox.world)
        self.damage(target)

        sync(sandbox, target, scrub_fraction=1)

        with pytest.raises(AssertionError):
            assert_exact(sandbox.world, target)

    @pytest.mark.parametrize("how", [ALWAYS, {"catalog": SENT_AGAIN}], ids=["scrub_resends", "full_refresh"])
    def test_lose_what_came_back_with_an_old_backup(self, sandbox: SandboxServer, how: dict[str, Any]) -> None:
        target = MemoryTarget()
        world = sandbox.world
        put_operations(
            world, "XBA", *world.countries[1].operations, an_operation("Invented Old", a_round(1, 2019, 5, 6))
        )
        sync(sandbox, target)
        backup = {stream: dict(rows) for stream, rows in target.tables.items()}
        put_operations(world, "XBA", replace(world.countries[1].operations[0], rounds=(a_round(1, 2021, 100),)))
        sync(sandbox, target)
        world.publish(withdraw_round, rng=Random(2))
        sync(sandbox, target)
        target.tables = backup

        sync(sandbox, target, **how)

        assert_exact(world, target)
        assert len(target.live("operations")) == len(world.operation_list())

    @pytest.mark.parametrize("how", [ALWAYS, {"catalog": SENT_AGAIN}], ids=["scrub_resends", "full_refresh"])
    def test_lose_the_rows_of_a_country_that_left_long_ago(self, sandbox: SandboxServer, how: dict[str, Any]) -> None:
        target = load(sandbox.world)
        backup = {stream: dict(rows) for stream, rows in target.tables.items()}
        sandbox.world.publish(remove("XBA"))
        sync(sandbox, target, accept_withdrawn_countries=["XBA"])
        target.tables = backup

        sync(sandbox, target, **how)

        assert_exact(sandbox.world, target)
        assert len(target.live("countries")) == 2

    @pytest.mark.parametrize("how", [ALWAYS, {"catalog": SENT_AGAIN}], ids=["scrub_resends", "full_refresh"])
    def test_lose_the_rows_of_a_country_whose_run_was_killed_when_they_were_gone(
        self, sandbox: SandboxServer, how: dict[str, Any]
    ) -> None:
        target = load(sandbox.world)
        backup = {stream: dict(rows) for stream, rows in target.tables.items()}
        sandbox.world.publish(remove("XBA"))
        messages = sync(sandbox, target, accept_withdrawn_countries=["XBA"])
        states = [message["value"] for message in messages if message["type"] == "STATE"]
        target.state = [each for each in states if "unfinished" in each["bookmarks"]["countries"]][-1]
        target.tables = backup

        sync(sandbox, target, accept_withdrawn_countries=["XBA"], **how)

        assert_exact(sandbox.world, target)

    def test_a_setting_tried_in_a_run_that_was_killed_before_it_confirmed_anything(
        self, sandbox: SandboxServer
    ) -> None:
        target = MemoryTarget()
        sync(sandbox, target, **ALWAYS)
        confirmed = target.state
        sync(sandbox, target, start_date="2025-01-01")
        assert target.live("idp_admin2") == []
        target.state = confirmed

        sync(sandbox, target, **ALWAYS)

        assert_exact(sandbox.world, target)

    def test_are_sent_again_in_a_run_that_reports_no_revision(
        self, sandbox: SandboxServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        target = load(sandbox.world)
        sandbox.world.publish(withdraw_operation, rng=Random(1))
        sync(sandbox, target)
        caplog.set_level("INFO")
        caplog.clear()

        sync(sandbox, target, **ALWAYS)

        (total,) = [line for line in caplog.messages if line.startswith("Read 3 countries")]
        assert "0 new, 0 with new rounds, 0 revised, 0 withdrawn" in total
        assert total.endswith("0 removed")


class TestStreamsThatAreNotSelected:
    def test_a_country_that_left_meanwhile_is_marked_once_the_list_is_selected_again(
        self, sandbox: SandboxServer
    ) -> None:
        target = load(sandbox.world)
        gone = sandbox.world.countries[1]
        sandbox.world.publish(remove("XBA"))
        figures = selecting("idp_admin0", "idp_admin1", "idp_admin2")
        sync(sandbox, target, catalog=figures, accept_withdrawn_countries=["XBA"])
        assert gone.pcode in {row["admin0_pcode"] for row in target.live("countries")}

        sync(sandbox, target)

        assert gone.pcode not in {row["admin0_pcode"] for row in target.live("countries")}
        assert_exact(sandbox.world, target)

    def test_a_country_that_left_is_reported_with_the_lists_alone(self, sandbox: SandboxServer) -> None:
        target = load(sandbox.world)
        sandbox.world.publish(remove("XBA"))

        sync(sandbox, target, catalog=selecting("countries", "operations"), error=DtmPartialSyncError)

        assert "XBA" in {row["admin0_pcode"] for row in target.live("countries")}

    def test_the_figures_of_an_accepted_country_leave_once_they_are_selected(self, sandbox: SandboxServer) -> None:
        target = MemoryTarget()
        accepted = {"accept_withdrawn_countries": ["XBA"]}
        sync(sandbox, target)
        sandbox.world.publish(remove("XBA"))
        sync(sandbox, target, catalog=selecting("countries", "operations"), **accepted)
        assert "XBA" in {row["admin0_pcode"] for row in target.live("idp_admin0")}

        sync(sandbox, target, **accepted)

        assert_exact(sandbox.world, target)


class TestAStateOf010:
    """What the first release left behind: read without a row lost, doubled or left behind."""

    @pytest.fixture
    def world(self) -> World:
        world = small_world()
        hidden = an_operation("Invented Hidden Survey", a_round(1, 2022, 5, 6), levels=frozenset({1, 2}))
        national = an_operation("Invented National Survey", a_round(1, 2022, 7), levels=frozenset({0, 1}))
        put_operations(world, "XBA", *world.countries[1].operations, hidden, national)
        return world

    def loaded(self, sandbox: SandboxServer) -> MemoryTarget:
        target = load(sandbox.world)
        target.state = json.loads(STATE_OF_0_1_0.read_text("utf-8"))
        return target

    def test_nothing_new_is_nothing_sent(self, world: World) -> None:
        with SandboxServer(world) as sandbox:
            target = self.loaded(sandbox)

            for _ in range(3):
                messages = sync(sandbox, target)

                records = [each for each in messages if each["type"] == "RECORD" and "idp" in each["stream"]]
                assert records == []
                assert_exact(world, target)

    def test_what_dtm_changed_meanwhile_arrives(self, world: World) -> None:
        with SandboxServer(world) as sandbox:
            target = self.loaded(sandbox)
            world.publish(add_round, withdraw_round, withdraw_operation, rng=Random(3))

            sync(sandbox, target)

            assert_exact(world, target)

    def test_what_was_read_whole_is_remembered_for_every_level(self, world: World) -> None:
        with SandboxServer(world) as sandbox:
            target = self.loaded(sandbox)

            sync(sandbox, target, catalog=COUNTRY_LEVEL)

            assert "read_whole" not in target.state["bookmarks"]["countries"]
            partitions = target.state["bookmarks"]["idp_admin2"]["partitions"]
            assert [partition["read_whole"] for partition in partitions] == [1, 1, 1]


def remove(code: str) -> Any:
    """A publication after which a country is in no list and has no rows."""

    def mutate(world: World, _: Random) -> bool:
        world.countries = tuple(country for country in world.countries if country.pcode != code)
        return True

    return mutate
