"""The histories and the runs: what a run adds, why, what it asks for, and what is refused."""

from __future__ import annotations

import datetime as dt
import json
from random import Random
from typing import Any

import pytest

from tap_dtm.errors import DtmPartialSyncError
from tap_dtm.sandbox import Fault, SandboxServer
from tap_dtm.sandbox.invisible import recode_district
from tap_dtm.singer import history
from tap_dtm.singer.figures import LevelStream
from tests.asof import as_of, without_additions
from tests.guards.support import (
    DROUGHT,
    FLOOD,
    a_country,
    a_round,
    add_a_round_in,
    an_operation,
    asked,
    put_operations,
    small_world,
    sync,
)
from tests.history_messages import ALL, assert_remembers, records, runs, what
from tests.remembered import HISTORIES, LISTS, TABLES
from tests.target import MemoryTarget, selecting
from tests.world import LEVELS, count, served

TABLES_ONLY = selecting(*LISTS, *TABLES)
HISTORIES_ONLY = selecting(*HISTORIES, "runs")


class TestWhatIsAdded:
    def test_nothing_unless_the_catalog_selects_it(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        messages = sync(sandbox, target)

        assert {each["stream"] for each in messages if "stream" in each} == {*LISTS, *TABLES}
        assert target.state["bookmarks"].keys() == {*LISTS, *TABLES}

    def test_what_goes_into_the_table_with_the_time_of_the_run(
        self, sandbox: SandboxServer, target: MemoryTarget
    ) -> None:
        sync(sandbox, target, catalog=ALL)
        sandbox.world.publish(add_a_round_in(1))
        messages = sync(sandbox, target, catalog=ALL)

        assert len(what(messages, "observed_at", "runs", *HISTORIES)) == 1
        for table, its_history in zip(TABLES, HISTORIES, strict=True):
            rows, states = records(messages, table), records(messages, its_history)
            assert count(without_additions(states)) == count(rows)
            assert [row["row_number"] for row in states] == list(range(1, len(rows) + 1))
            assert not any(row["is_withdrawn"] for row in states)

    def test_a_withdrawn_round_as_a_row_without_figures(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        sync(sandbox, target, catalog=ALL)
        put_operations(sandbox.world, "XAA", an_operation(FLOOD, a_round(1, 2021, 100, 200)))
        messages = sync(sandbox, target, catalog=ALL)

        gone = records(messages, "idp_admin2_history")
        key = ("operation", "round_number", "assessment_type", "row_number")
        assert sorted(tuple(row[name] for name in key) for row in gone) == [
            (DROUGHT, 1, "BA", 1),
            (DROUGHT, 2, "BA", 2),
            (FLOOD, 2, "BA", 1),
        ]
        known = {*key, "reporting_date", "admin0_pcode", "observed_at", "is_withdrawn", "cause", "seen_by"}
        assert all(row[name] is None for row in gone for name in row.keys() - known)
        assert what(messages, "is_withdrawn") == {True}
        assert {row["cause"] for row in gone} == {"published"}

    @pytest.mark.parametrize(
        ("rounds", "added"),
        [
            ([(1, 100, 200), (2, 150, 251), (3, 7, 8)], [(2, 150), (2, 251)]),
            ([(1, 100, 200), (3, 7, 8)], [(2, None)]),
            ([(0, 1, 2, 3), (1, 100, 200), (2, 150, 250), (3, 7, 8)], [(0, 1), (0, 2), (0, 3)]),
            ([(1, 100), (2, 150, 250), (4, 9)], [(1, 100), (3, None), (4, 9)]),
        ],
        ids=["corrected", "withdrawn", "back-filled", "everything at once"],
    )
    def test_only_rounds_that_are_not_as_they_were(
        self, sandbox: SandboxServer, target: MemoryTarget, rounds: list[tuple[int, ...]], added: list[tuple[int, Any]]
    ) -> None:
        def publish(*published: tuple[int, ...]) -> None:
            each = [a_round(number, 2020 + number, *figures) for number, *figures in published]
            put_operations(sandbox.world, "XAA", an_operation(FLOOD, *each))

        publish((1, 100, 200), (2, 150, 250), (3, 7, 8))
        sync(sandbox, target, catalog=ALL)
        publish(*rounds)
        messages = sync(sandbox, target, catalog=ALL)

        rows = records(messages, "idp_admin2_history")
        assert sorted((row["round_number"], row["num_present_idp_ind"] or 0) for row in rows) == [
            (number, figure or 0) for number, figure in added
        ]
        assert [row["row_number"] for row in rows] == list(range(1, len(added) + 1))
        assert_remembers(target, messages, sandbox.world)

    def test_old_rounds_are_known_after_a_run_that_asked_for_new_ones_alone(
        self, sandbox: SandboxServer, target: MemoryTarget
    ) -> None:
        old, new = (a_round(number, 2020 + number, 100, 200) for number in (1, 2))
        put_operations(sandbox.world, "XAA", an_operation(FLOOD, old))
        sync(sandbox, target, catalog=ALL)
        put_operations(sandbox.world, "XAA", an_operation(FLOOD, old, new))
        sync(sandbox, target, catalog=ALL)
        put_operations(sandbox.world, "XAA", an_operation(FLOOD, new))
        messages = sync(sandbox, target, catalog=ALL)

        rows = records(messages, "idp_admin2_history")
        assert [(row["round_number"], row["is_withdrawn"]) for row in rows] == [(1, True)]
        assert_remembers(target, messages, sandbox.world)

    def test_rows_that_a_scrub_sends_again_only_to_the_tables(
        self, sandbox: SandboxServer, target: MemoryTarget
    ) -> None:
        sync(sandbox, target, catalog=ALL)
        messages = sync(sandbox, target, catalog=ALL, scrub_fraction=1, scrub_resends=True)

        assert records(messages, *TABLES)
        assert not records(messages, *HISTORIES)

    @pytest.mark.parametrize("selects", [ALL, HISTORIES_ONLY], ids=["all", "histories"])
    def test_the_same_records_whether_or_not_the_sdk_writes_them(
        self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, selects: dict[str, Any]
    ) -> None:
        monkeypatch.setattr(history, "now", lambda: dt.datetime(2025, 1, 1, tzinfo=dt.timezone.utc))
        fast = records(sync(sandbox, MemoryTarget(), catalog=selects), *HISTORIES, "runs")
        monkeypatch.setattr(LevelStream, "_is_plain", False)
        slow = records(sync(sandbox, MemoryTarget(), catalog=selects), *HISTORIES, "runs")

        assert [sorted(row.items()) for row in fast] == [sorted(row.items()) for row in slow]


class TestTheCause:
    def test_what_dtm_did(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        sync(sandbox, target, catalog=ALL)
        sandbox.world.publish(add_a_round_in(0))

        assert what(sync(sandbox, target, catalog=ALL), "cause") == {"published"}

    def test_that_there_is_no_state(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        messages = sync(sandbox, target, catalog=ALL)

        assert what(messages, "cause") == {"reset"}
        assert {row["admin1_follows"] for row in runs(messages).values()} == {None}

    def test_that_a_history_begins_later_than_its_table(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        sync(sandbox, target, catalog=TABLES_ONLY)
        messages = sync(sandbox, target, catalog=ALL)

        assert what(messages, "cause") == {"first"}
        assert not records(messages, *TABLES)
        assert_remembers(target, messages, sandbox.world)

    @pytest.mark.parametrize(
        "changed", [{"start_date": "2022-01-01"}, {"stream_maps": {"idp_*": {"a": "admin0_name"}}}], ids=str
    )
    def test_that_the_user_changed_something(
        self, sandbox: SandboxServer, target: MemoryTarget, changed: dict[str, Any]
    ) -> None:
        sync(sandbox, target, catalog=ALL)
        messages = sync(sandbox, target, catalog=ALL, **changed)

        assert what(messages, "cause") == {"settings"}
        assert None not in {row["admin2_follows"] for row in runs(messages).values()}

    def test_that_dtm_lists_a_country_that_it_did_not_list(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        sync(sandbox, target, catalog=ALL)
        sandbox.world.countries += (a_country("XDA", an_operation(FLOOD, a_round(1, 2021, 5))),)

        messages = sync(sandbox, target, catalog=ALL)
        assert what(messages, "cause") == {"published"}
        assert what(messages, "admin0_pcode") == {"XDA"}

    def test_that_an_unreleased_version_had_written_positions_and_no_rounds(
        self, sandbox: SandboxServer, target: MemoryTarget
    ) -> None:
        sync(sandbox, target, catalog=ALL)
        bookmarks = target.state["bookmarks"]
        for its_history, table in zip(
            bookmarks["idp_admin2_history"]["partitions"], bookmarks["idp_admin2"]["partitions"], strict=True
        ):
            its_history["operations"] = table["operations"]
        messages = sync(sandbox, target, catalog=ALL)

        assert what(messages, "cause", "idp_admin2_history") == {"first"}
        assert {row["admin2_follows"] for row in runs(messages).values()} == {None}
        assert not records(messages, "idp_admin1_history")
        assert_remembers(target, messages, sandbox.world)

    def test_that_the_state_has_no_time_of_a_country(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        sync(sandbox, target, catalog=ALL)
        target.state["bookmarks"]["idp_admin0_history"]["partitions"][0]["observed_at"] = None
        messages = sync(sandbox, target, catalog=ALL)

        follows = {code: run["admin0_follows"] for code, run in runs(messages).items()}
        assert [code for code, before in follows.items() if before is None] == ["XAA"]
        assert_remembers(target, messages, sandbox.world)

    def test_that_programs_that_join_states_left_a_country_twice(
        self, sandbox: SandboxServer, target: MemoryTarget
    ) -> None:
        sync(sandbox, target, catalog=ALL)
        older = target.state["bookmarks"]["idp_admin2_history"]["partitions"]
        sandbox.world.publish(add_a_round_in(0))
        sync(sandbox, target, catalog=ALL)
        target.state["bookmarks"]["idp_admin2_history"]["partitions"] += older[:1]
        messages = sync(sandbox, target, catalog=ALL)

        follows = {code: run["admin2_follows"] for code, run in runs(messages).items()}
        assert [code for code, before in follows.items() if before is None] == ["XAA"]
        assert_remembers(target, messages, sandbox.world)

    @pytest.mark.parametrize("is_older", [True, False], ids=["older", "missing"])
    def test_that_the_state_does_not_know_the_run_that_a_history_would_follow(
        self, sandbox: SandboxServer, target: MemoryTarget, *, is_older: bool
    ) -> None:
        sync(sandbox, target, catalog=ALL)
        older = target.state["bookmarks"]["runs"]
        sandbox.world.publish(add_a_round_in(0))
        sync(sandbox, target, catalog=ALL)
        target.state["bookmarks"].pop("runs")
        if is_older:
            target.state["bookmarks"]["runs"] = older
        messages = sync(sandbox, target, catalog=ALL)

        assert {run["admin2_follows"] for run in runs(messages).values()} == {None}
        assert_remembers(target, messages, sandbox.world)

    def test_that_the_settings_name_one_more_country(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        sync(sandbox, target, catalog=ALL, countries=["XAA"])

        assert what(sync(sandbox, target, catalog=ALL, countries=["XAA", "XBA"]), "cause") == {"first"}


class TestWhatShowedIt:
    def test_the_index(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        sync(sandbox, target, catalog=ALL)
        sandbox.world.publish(add_a_round_in(0))

        assert what(sync(sandbox, target, catalog=ALL, scrub_fraction=1), "seen_by") == {"index"}

    def test_a_scrub(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        sync(sandbox, target, catalog=ALL)
        sandbox.world.publish(recode_district, rng=Random(1))
        unseen = sync(sandbox, target, catalog=ALL)
        messages = sync(sandbox, target, catalog=ALL, scrub_fraction=1)

        assert not records(unseen, *HISTORIES)
        assert what(messages, "seen_by") == {"scrub"}
        assert what(messages, "cause") == {"published"}


class TestTheRuns:
    def test_are_all_that_grows_when_nothing_is_new(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        first = runs(sync(sandbox, target, catalog=ALL))
        messages = sync(sandbox, target, catalog=ALL)

        assert not records(messages, *TABLES, *HISTORIES)
        for code, run in runs(messages).items():
            before = first[code]["observed_at"]
            assert run["outcome"] == "asked"
            assert {run[f"admin{level}_rows"] for level in LEVELS} == {0}
            assert {run[f"admin{level}_follows"] for level in LEVELS} == {before}

    def test_say_how_many_rows_each_history_has_of_them(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        sync(sandbox, target, catalog=ALL)
        put_operations(sandbox.world, "XAA", an_operation(FLOOD, a_round(1, 2021, 100, 200)))
        messages = sync(sandbox, target, catalog=ALL)

        for level in LEVELS:
            for code, run in runs(messages).items():
                rows = records(messages, HISTORIES[level])
                assert run[f"admin{level}_rows"] == sum(row["admin0_pcode"] == code for row in rows)

    def test_say_what_was_read_whole(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        assert what(sync(sandbox, target, catalog=ALL), "outcome", "runs") == {"read_whole"}
        assert what(sync(sandbox, target, catalog=ALL), "outcome", "runs") == {"asked"}
        assert what(sync(sandbox, target, catalog=ALL, scrub_fraction=1), "outcome", "runs") == {"read_whole"}

    def test_say_what_failed_and_go_on_from_the_run_before(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        before = runs(sync(sandbox, target, catalog=ALL))["XBA"]["observed_at"]
        sandbox.faults.add(Fault("status", country="XBA"))
        failed = runs(sync(sandbox, target, catalog=ALL, error=DtmPartialSyncError))
        sandbox.faults.clear()
        after = runs(sync(sandbox, target, catalog=ALL))

        assert (failed["XAA"]["outcome"], failed["XBA"]["outcome"]) == ("asked", "failed")
        assert [failed["XBA"][f"admin{level}_rows"] for level in LEVELS] == [None] * 3
        assert after["XBA"]["admin0_follows"] == before
        assert after["XAA"]["admin0_follows"] == failed["XAA"]["observed_at"]

    def test_say_nothing_of_countries_that_were_not_looked_at(
        self, sandbox: SandboxServer, target: MemoryTarget
    ) -> None:
        sync(sandbox, target, catalog=ALL)
        world = sandbox.world
        world.countries = tuple(country for country in world.countries if country.pcode != "XCA")
        left = runs(sync(sandbox, target, catalog=ALL, error=DtmPartialSyncError, countries=["XAA", "XCA"]))

        assert left.keys() == {"XAA"}

    def test_say_that_a_country_is_withdrawn(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        sync(sandbox, target, catalog=ALL)
        world = sandbox.world
        world.countries = tuple(country for country in world.countries if country.pcode != "XCA")
        messages = sync(sandbox, target, catalog=ALL, accept_withdrawn_countries=["XCA"])

        assert runs(messages)["XCA"]["outcome"] == "withdrawn"
        assert what(messages, "is_withdrawn") == {True}
        assert_remembers(target, messages, world)

    def test_are_later_than_those_before_whatever_the_clock_says(
        self, sandbox: SandboxServer, target: MemoryTarget, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        times: list[str] = []
        for day in (3, 3, 1, 2):
            monkeypatch.setattr(history, "now", lambda day=day: dt.datetime(2025, 1, day, tzinfo=dt.timezone.utc))
            times += what(sync(sandbox, target, catalog=ALL), "observed_at", "runs")

        assert times == [f"2025-01-03T00:00:00.{tick:03}+00:00" for tick in range(4)]

    def test_warn_of_a_clock_that_was_far_ahead_before(
        self,
        sandbox: SandboxServer,
        target: MemoryTarget,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        for year in (2999, 2025):
            clock = dt.datetime(year, 1, 1, tzinfo=dt.timezone.utc)
            monkeypatch.setattr(history, "now", lambda clock=clock: clock)
            assert "Check the clock." not in caplog.text
            sync(sandbox, target, catalog=ALL)

        assert "so the histories date this run 2999-01-01T00:00:00.001+00:00. Check the clock." in caplog.text

    def test_are_later_than_one_that_was_killed(
        self, sandbox: SandboxServer, target: MemoryTarget, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(history, "now", lambda: dt.datetime(2025, 1, 1, tzinfo=dt.timezone.utc))
        (killed,) = what(sync(sandbox, target, catalog=ALL, killed_at=0.6), "observed_at", "runs")
        (after,) = what(sync(sandbox, target, catalog=ALL), "observed_at", "runs")

        assert killed < after


class TestWhatIsAsked:
    def test_the_same_as_without_histories(self, sandbox: SandboxServer) -> None:
        questions = []
        for catalog in (TABLES_ONLY, ALL, HISTORIES_ONLY):
            target, world = MemoryTarget(), small_world()
            sandbox.world = world
            for mutations in ((), (), (add_a_round_in(1),)):
                world.publish(*mutations)
                sync(sandbox, target, catalog=catalog)
                questions.append(sorted(asked(sandbox)))

        assert questions[:3] == questions[3:6] == questions[6:]
        assert questions[1] == [(0, code, "") for code in ("XAA", "XBA", "XCA")]

    def test_each_country_whole_once_when_a_history_begins(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        sync(sandbox, target, catalog=TABLES_ONLY)
        sandbox.world.publish(add_a_round_in(1))
        messages = sync(sandbox, target, catalog=ALL)

        assert sorted(asked(sandbox)) == [(level, code, "") for level in LEVELS for code in ("XAA", "XBA", "XCA")]
        assert len(records(messages, "idp_admin2")) == 3  # the table gets the new round alone
        assert_remembers(target, messages, sandbox.world)

    def test_one_answer_from_the_first_new_round_of_either(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        sync(sandbox, target, catalog=ALL)
        sandbox.world.publish(add_a_round_in(1))
        sync(sandbox, target, catalog=HISTORIES_ONLY)
        first, *others = sandbox.world.countries[1].operations
        newer = an_operation(FLOOD, *first.rounds, a_round(4, 2025, 1, 2))
        put_operations(sandbox.world, "XBA", newer, *others)
        messages = sync(sandbox, target, catalog=ALL)

        assert sorted(each for each in asked(sandbox) if each[0]) == [(1, "XBA", FLOOD), (2, "XBA", FLOOD)]
        assert (len(records(messages, "idp_admin2")), len(records(messages, "idp_admin2_history"))) == (5, 2)
        assert count(target.live("idp_admin2")) == served(sandbox.world, 2)
        assert_remembers(target, messages, sandbox.world)

    def test_countries_by_workers_with_a_state_each(self, sandbox: SandboxServer) -> None:
        together, workers = MemoryTarget(), {code: MemoryTarget() for code in ("XAA", "XBA", "XCA")}
        for _ in range(2):
            for code, worker in workers.items():
                worker.tables, worker.keys = together.tables, together.keys
                messages = sync(sandbox, worker, catalog=ALL, countries=[code])
            sandbox.world.publish(add_a_round_in(1))
        sandbox.world.publish()

        (at,) = what(messages, "observed_at", "runs")
        found = as_of(together.tables["runs"].values(), together.tables[HISTORIES[2]].values(), 2, at)
        assert {row["admin0_pcode"] for row in found} == workers.keys()


def test_the_state_of_an_unchanged_history_is_no_longer_than_that_of_its_table(
    sandbox: SandboxServer, target: MemoryTarget
) -> None:
    sync(sandbox, target, catalog=ALL)
    states = [each for each in sync(sandbox, target, catalog=ALL) if each["type"] == "STATE"]
    plain = MemoryTarget()
    sync(sandbox, plain, catalog=TABLES_ONLY)

    bookmarks = target.state["bookmarks"]
    for table, its_history in zip(TABLES, HISTORIES, strict=True):
        assert len(json.dumps(bookmarks[its_history])) <= len(json.dumps(bookmarks[table]))
    assert len(json.dumps(bookmarks["runs"])) <= 60 * (1 + len(sandbox.world.countries))
    assert len(states) == sum(each["type"] == "STATE" for each in sync(sandbox, plain, catalog=TABLES_ONLY))
