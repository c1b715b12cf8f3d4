"""A level that is not yet, or no longer, in step with admin 0 is asked for again until it is, or is believed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tap_dtm.errors import DtmPartialSyncError
from tap_dtm.sandbox import Fault, SandboxServer, World
from tests.guards.support import (
    FLOOD,
    a_round,
    add_a_round_in,
    an_operation,
    asked,
    assert_exact,
    bookmarks_of,
    idp_records,
    put_operations,
    sync,
    warnings,
)

if TYPE_CHECKING:
    from random import Random

    from tap_dtm.sandbox import Mutation
    from tap_dtm.sandbox.model import Operation
    from tests.target import MemoryTarget

INDEXES = {(0, "XAA", ""), (0, "XBA", ""), (0, "XCA", "")}


def correct_a_figure(world: World, _: Random) -> bool:
    """The first round of XBA has other figures."""
    first, *others = world.countries[1].operations
    rounds = (a_round(1, 2021, 101, 200), *first.rounds[1:])
    return _put(world, replace(first, rounds=rounds), *others)


def recode_a_reason(world: World, _: Random) -> bool:
    """The first round of XBA has the same figures for another reason."""
    first, *others = world.countries[1].operations
    cells = tuple(cell._replace(reason="Disaster") for cell in first.rounds[0].cells)
    return _put(world, replace(first, rounds=(replace(first.rounds[0], cells=cells), *first.rounds[1:])), *others)


def rename_the_country(world: World, _: Random) -> bool:
    """XBA has another name, and the same figures."""
    renamed = replace(world.countries[1], name="Invented Renamed XBA")
    world.countries = (world.countries[0], renamed, world.countries[2])
    return True


def _put(world: World, *operations: Operation) -> bool:
    changed = replace(world.countries[1], operations=operations)
    world.countries = (world.countries[0], changed, world.countries[2])
    return True


PUBLICATIONS = [add_a_round_in(1), correct_a_figure, recode_a_reason, rename_the_country]
IDS = ["a new round", "a corrected figure", "a recoded reason", "a renamed country"]


class TestLevelsThatArePublishedLater:
    @pytest.mark.parametrize("publication", PUBLICATIONS, ids=IDS)
    @pytest.mark.parametrize("delay", [1, 2])
    def test_arrive_in_the_run_after_their_publication(
        self, sandbox: SandboxServer, loaded: MemoryTarget, publication: Mutation, delay: int
    ) -> None:
        sandbox.world.hold_back(2)
        sandbox.world.publish(publication)
        for _ in range(delay):
            sync(sandbox, loaded)
            assert_exact(sandbox.world, loaded)

        sandbox.world.hold_back()
        sync(sandbox, loaded)

        assert_exact(sandbox.world, loaded)

    def test_cost_one_filtered_request_in_each_run_and_are_warned_of(
        self, sandbox: SandboxServer, loaded: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        sandbox.world.hold_back(2)
        sandbox.world.publish(add_a_round_in(1))
        sync(sandbox, loaded)

        seen = []
        for _ in range(3):
            caplog.clear()
            assert idp_records(sync(sandbox, loaded)) == []
            seen.append((set(asked(sandbox)) - INDEXES, warnings(caplog)))

        warning = (
            f"Invented XBA (XBA), {FLOOD}, round 3 (2024-06-30, BA): admin 2 adds up to 0 (it lacks the round), "
            "admin 0 says 660. Delivered as published."
        )
        assert seen == [
            ({(2, "XBA", FLOOD)}, [f"{warning} The next run asks again."]),
            ({(2, "XBA", FLOOD)}, [f"{warning} Three runs saw the same: it is taken as final."]),
            (set(), []),
        ]

    def test_are_warned_of_when_only_a_reason_differs(
        self, sandbox: SandboxServer, loaded: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        sandbox.world.hold_back(2)
        sandbox.world.publish(recode_a_reason)

        sync(sandbox, loaded)

        (warning,) = warnings(caplog)
        assert "admin 2 adds up to 300, admin 0 says 300 with other reasons, origins, sexes or country name." in warning

    def test_another_contradiction_is_looked_at_three_times_again(
        self, sandbox: SandboxServer, loaded: MemoryTarget
    ) -> None:
        sandbox.world.hold_back(2)
        sandbox.world.publish(add_a_round_in(1))
        sync(sandbox, loaded)
        sync(sandbox, loaded)
        sandbox.world.publish(correct_a_figure)

        for _ in range(3):
            sync(sandbox, loaded)
            assert (2, "XBA", FLOOD) in asked(sandbox)

        sync(sandbox, loaded)
        assert set(asked(sandbox)) == INDEXES

    def test_a_believed_contradiction_costs_a_later_round_nothing_more(
        self, sandbox: SandboxServer, target: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        first, *others = sandbox.world.countries[1].operations
        unpublished = replace(first.rounds[0], levels=frozenset({0, 1}))
        put_operations(sandbox.world, "XBA", replace(first, rounds=(unpublished, *first.rounds[1:])), *others)
        for _ in range(3):
            sync(sandbox, target)
        sandbox.world.publish(add_a_round_in(1))
        caplog.clear()

        sync(sandbox, target)

        assert set(asked(sandbox)) - INDEXES == {(1, "XBA", FLOOD), (2, "XBA", FLOOD)}
        assert warnings(caplog) == []
        assert_exact(sandbox.world, target)

    def test_a_round_of_an_operation_that_the_level_never_carried_is_a_gap(
        self, sandbox: SandboxServer, loaded: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        operations = sandbox.world.countries[1].operations
        national = an_operation("Invented Survey", a_round(1, 2023, 7), levels=frozenset({0, 1}))
        put_operations(sandbox.world, "XBA", *operations, national)
        caplog.clear()

        sync(sandbox, loaded)
        sync(sandbox, loaded)

        assert set(asked(sandbox)) == INDEXES
        assert warnings(caplog) == []


class TestALevelWithoutRows:
    """XBA answers with nothing at admin 2, although admin 0 and admin 1 have rows."""

    def test_is_asked_for_again_and_found(
        self, sandbox: SandboxServer, target: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        sandbox.faults.add(Fault("empty", 1, country="XBA", path="admin2"))
        sync(sandbox, target)
        assert {row["admin0_pcode"] for row in target.live("idp_admin2")} == {"XAA", "XCA"}
        (warning,) = warnings(caplog)
        assert warning.startswith(
            "Invented XBA (XBA) answers with no rows at all at admin 2, although admin 0 has some"
        )
        assert warning.endswith("The next run asks again.")

        sync(sandbox, target)

        assert_exact(sandbox.world, target)
        assert set(asked(sandbox)) == INDEXES | {(2, "XBA", "")}

    def test_is_believed_after_the_second_look(
        self, sandbox: SandboxServer, target: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        sandbox.faults.add(Fault("empty", country="XBA", path="admin2"))
        sync(sandbox, target)
        sync(sandbox, target)
        assert set(asked(sandbox)) == INDEXES | {(2, "XBA", "")}
        assert warnings(caplog)[-1].endswith("It did so in two runs: the level is taken to have none.")
        caplog.clear()

        sync(sandbox, target)

        assert set(asked(sandbox)) == INDEXES
        assert warnings(caplog) == []

    def test_once_believed_is_asked_for_once_when_the_index_changes(
        self, sandbox: SandboxServer, target: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        sandbox.faults.add(Fault("empty", country="XBA", path="admin2"))
        sync(sandbox, target)
        sync(sandbox, target)
        sandbox.world.publish(add_a_round_in(1))
        caplog.clear()
        sync(sandbox, target)
        assert (2, "XBA", "") in asked(sandbox)

        sync(sandbox, target)

        assert set(asked(sandbox)) == INDEXES
        assert warnings(caplog) == []

    def test_leaves_no_trace_in_the_state_once_it_has_rows(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        sandbox.faults.add(Fault("empty", 1, country="XBA", path="admin2"))
        sync(sandbox, target)
        assert "contradiction" in str(bookmarks_of(target, "XBA"))

        sync(sandbox, target)

        assert "contradiction" not in str(bookmarks_of(target, "XBA"))

    @pytest.mark.parametrize("is_accepted", [True, False])
    def test_does_not_take_an_operation_that_admin_0_lacks_for_withdrawn(
        self,
        sandbox: SandboxServer,
        target: MemoryTarget,
        is_accepted: bool,  # noqa: FBT001
    ) -> None:
        hidden = an_operation("Invented Hidden Survey", a_round(1, 2022, 5, 6), levels=frozenset({1, 2}))
        national = an_operation("Invented National Survey", a_round(1, 2022, 7), levels=frozenset({0, 1}))
        put_operations(sandbox.world, "XBA", national, hidden)
        sync(sandbox, target)
        sandbox.faults.add(Fault("empty", country="XBA", path="admin2"))
        settings = {"accept_withdrawn_countries": ["XBA"]} if is_accepted else {"error": DtmPartialSyncError}
        sync(sandbox, target, **settings)
        sandbox.faults.clear()

        sync(sandbox, target)

        assert_exact(sandbox.world, target)
