"""A country whose whole answer never comes is read in parts: by operation, and within one by date."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import pytest

from tap_dtm.errors import DtmPartialSyncError
from tap_dtm.sandbox import Fault, Options, SandboxServer, invent
from tap_dtm.sandbox.visible import withdraw_operation
from tests.guards.support import (
    DROUGHT,
    FLOOD,
    a_round,
    add_a_round_in,
    an_operation,
    asked,
    assert_exact,
    put_operations,
    rows_of,
    sync,
    warnings,
)
from tests.world import LEVELS

if TYPE_CHECKING:
    from tap_dtm.sandbox.faults import Kind
    from tests.target import MemoryTarget

HIDDEN = "Invented Hidden Survey"


def no_whole_answer(kind: Kind = "status", *, level: int = 2) -> Fault:
    return Fault(kind, country="XBA", path=f"admin{level}", operation="", seconds=2, status=504)


@pytest.mark.parametrize("kind", ["status", "slow", "dropped", "dropped_midway", "truncated", "cut_json"])
def test_by_operation(
    sandbox: SandboxServer, target: MemoryTarget, caplog: pytest.LogCaptureFixture, kind: Kind
) -> None:
    sandbox.faults.add(no_whole_answer(kind))

    sync(sandbox, target, request_timeout=1)

    assert_exact(sandbox.world, target)
    assert [each for each in asked(sandbox) if each[:2] == (2, "XBA")] == [
        (2, "XBA", ""),
        (2, "XBA", DROUGHT),
        (2, "XBA", FLOOD),
    ]
    assert warnings(caplog) == [
        "Invented XBA (XBA) did not answer for the whole country at admin 2, and was read in parts."
    ]


def test_by_date_within_an_operation(sandbox: SandboxServer, target: MemoryTarget) -> None:
    sandbox.faults.add(Fault("too_large", country="XBA", path="admin2", rows=1))

    sync(sandbox, target, error=DtmPartialSyncError)  # a round of two rows cannot be divided any more

    sandbox.faults.clear()
    sandbox.faults.add(Fault("too_large", country="XBA", path="admin2", rows=2))
    sync(sandbox, target)
    assert_exact(sandbox.world, target)
    dates = [request.params for request in sandbox.requests if "ToReportingDate" in request.params]
    assert [params["ToReportingDate"] for params in dates] == ["2022-06-29"]


def test_a_world_of_many_dates(target: MemoryTarget) -> None:
    with SandboxServer(invent(1, 6, 3000)) as sandbox:
        rows = [row for level in LEVELS for row in sandbox.world.rows(level)]
        sizes = Counter((len(row), row["admin0Pcode"], row["operation"], row["reportingDate"]) for row in rows)
        indexes = Counter(row["admin0Pcode"] for row in sandbox.world.rows(0))
        sandbox.faults.add(Fault("too_large", path="admin", rows=max(*sizes.values(), *indexes.values())))

        sync(sandbox, target)

        assert any("FromReportingDate" in request.params for request in sandbox.requests)
        assert_exact(sandbox.world, target)


@pytest.mark.parametrize("options", [Options(operation_filter="prefix"), Options(date_filter="ignored")])
def test_with_filters_that_match_too_much(sandbox: SandboxServer, target: MemoryTarget, options: Options) -> None:
    sandbox.options = options
    sandbox.faults.add(no_whole_answer())

    sync(sandbox, target)

    assert_exact(sandbox.world, target)


def test_filters_that_match_nothing_make_the_country_fail_and_keep_its_rows(
    sandbox: SandboxServer, loaded: MemoryTarget
) -> None:
    before = rows_of(loaded, "XBA")
    sandbox.options = Options(operation_filter="nothing")
    sandbox.faults.add(no_whole_answer())
    sandbox.world.publish(add_a_round_in(1))

    sync(sandbox, loaded, error=DtmPartialSyncError)

    assert rows_of(loaded, "XBA") == before


def test_establishes_no_withdrawal(
    sandbox: SandboxServer, target: MemoryTarget, caplog: pytest.LogCaptureFixture
) -> None:
    operations = sandbox.world.countries[1].operations
    hidden = an_operation(HIDDEN, a_round(1, 2022, 5, 6), levels=frozenset({1, 2}))
    put_operations(sandbox.world, "XBA", *operations, hidden)
    sync(sandbox, target)
    put_operations(sandbox.world, "XBA", *operations)
    sandbox.faults.add(no_whole_answer())
    caplog.clear()

    sync(sandbox, target)

    kept = {row["operation"] for row in target.live("idp_admin2") if row["admin0_pcode"] == "XBA"}
    assert HIDDEN in kept
    assert any(line.endswith(f"which admin 0 does not list, keep their rows: {HIDDEN}.") for line in warnings(caplog))

    sandbox.faults.clear()
    sync(sandbox, target)
    assert_exact(sandbox.world, target)


def test_establishes_no_gap(sandbox: SandboxServer, target: MemoryTarget) -> None:
    """A level that lacks an operation is only known to lack it once the whole country has answered."""
    first, second = sandbox.world.countries[1].operations
    put_operations(sandbox.world, "XBA", first, an_operation(second.name, *second.rounds, levels=frozenset({0, 1})))
    sandbox.faults.add(no_whole_answer())
    sync(sandbox, target)
    put_operations(sandbox.world, "XBA", first, second)

    sync(sandbox, target)

    assert_exact(sandbox.world, target)


def test_a_change_of_columns_stays_due_while_an_operation_was_kept(
    sandbox: SandboxServer, target: MemoryTarget
) -> None:
    operations = sandbox.world.countries[1].operations
    hidden = an_operation(HIDDEN, a_round(1, 2022, 5, 6), levels=frozenset({1, 2}))
    put_operations(sandbox.world, "XBA", *operations, hidden)
    sync(sandbox, target)
    sandbox.faults.add(no_whole_answer())
    maps = {"stream_maps": {"idp_admin2": {"a_column": "'x'"}}}
    sync(sandbox, target, **maps)
    assert {row.get("a_column") for row in target.live("idp_admin2") if row["operation"] == HIDDEN} == {None}
    sandbox.faults.clear()

    sync(sandbox, target, **maps)

    assert {row.get("a_column") for row in target.live("idp_admin2")} == {"x"}


def test_after_a_publication_what_the_index_lost_is_kept(sandbox: SandboxServer, loaded: MemoryTarget) -> None:
    sandbox.faults.add(no_whole_answer())
    sandbox.world.publish(withdraw_operation, rng=Random(3))

    sync(sandbox, loaded)
    sandbox.faults.clear()
    sync(sandbox, loaded)

    assert_exact(sandbox.world, loaded)
