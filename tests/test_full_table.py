"""FULL_TABLE, when the catalog asks for it: every run emits everything, and what it does not emit is gone."""

from __future__ import annotations

import time
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.errors import DtmPartialSyncError
from tap_dtm.sandbox import COUNTRY, VISIBLE, Fault, SandboxServer, invent
from tap_dtm.sandbox.visible import add_round, duplicate_rows, withdraw_operation, withdraw_round
from tap_dtm.singer.tap import TapDTM
from tests.pipeline import sandbox_config
from tests.target import MemoryTarget, Message, run_tap
from tests.test_postgres import ALL_CODES
from tests.world import LEVELS, assert_positions_are_whole, count, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_dtm.sandbox import World
    from tests.pipeline import Warehouse

IDP = {f"idp_admin{level}" for level in LEVELS}


def catalog_for(method: str) -> dict[str, Any]:
    """Return the discovered catalog with a replication method for the IDP streams."""
    catalog: dict[str, Any] = TapDTM(config={"api_url": "sandbox://"}).catalog_dict
    for stream in catalog["streams"]:
        if stream["tap_stream_id"] in IDP:
            stream["replication_method"] = method
    return catalog


FULL_TABLE = catalog_for("FULL_TABLE")
INCREMENTAL = catalog_for("INCREMENTAL")


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(invent(8)) as server:
        yield server


def assert_exact(target: MemoryTarget, world: World) -> None:
    for level in LEVELS:
        rows = target.live(f"idp_admin{level}")
        assert count(rows) == served(world, level)
        assert_positions_are_whole(rows)
    assert len(target.live("countries")) == len(world.country_list())
    assert len(target.live("operations")) == len(world.operation_list())


def positions(messages: list[Message], kind: str) -> dict[str, list[int]]:
    """Return, by stream, where in a run the messages of a kind stand."""
    found: dict[str, list[int]] = {}
    for position, message in enumerate(messages):
        if message["type"] == kind:
            found.setdefault(message["stream"], []).append(position)
    return found


def add_a_stray_row(target: MemoryTarget, stream: str) -> None:
    """Put a row into a table that the tap knows nothing of."""
    key, row = next(iter(target.tables[stream].items()))
    stray = (key[0], "Invented Stray", 1)
    target.tables[stream][stray] = row | {"operation": "Invented Stray", "row_number": 1}
    target.versions[stream][stray] = None


def let_a_second_pass(target: MemoryTarget) -> None:
    """Age the versions in the target: they count seconds, and these runs take less."""
    for versions in target.versions.values():
        versions |= {key: version - 1 for key, version in versions.items() if version}


@pytest.mark.parametrize("activates", [False, True])
def test_every_run_emits_every_row(sandbox: SandboxServer, *, activates: bool) -> None:
    target = MemoryTarget()
    config = sandbox_config(sandbox, emit_activate_version_messages=activates)
    for seed in range(3):
        messages = run_tap(target, catalog=FULL_TABLE, **config)

        for level in LEVELS:
            stream = f"idp_admin{level}"
            emitted = [each["record"] for each in messages if each["type"] == "RECORD" and each["stream"] == stream]
            alive = [record for record in emitted if record["_sdc_deleted_at"] is None]
            assert count(alive) == served(sandbox.world, level)
        assert_exact(target, sandbox.world)
        let_a_second_pass(target)
        if seed == 0:
            sandbox.world.publish()  # nothing but other ids
        else:
            sandbox.world.publish(withdraw_round, withdraw_operation, add_round, rng=Random(seed))


def test_versions_are_activated_after_the_last_record(sandbox: SandboxServer) -> None:
    target = MemoryTarget()
    config = sandbox_config(sandbox, emit_activate_version_messages=True)
    run_tap(target, catalog=INCREMENTAL, **config)
    for stream in IDP:
        add_a_stray_row(target, stream)

    messages = run_tap(target, catalog=FULL_TABLE, **config)

    activations = positions(messages, "ACTIVATE_VERSION")
    assert {stream: len(places) for stream, places in activations.items()} == dict.fromkeys(
        ["countries", "operations", *IDP], 1
    )
    last_record = max(places[-1] for places in positions(messages, "RECORD").values())
    assert min(places[0] for places in activations.values()) > last_record
    assert_exact(target, sandbox.world)


def test_no_version_is_activated_when_a_country_failed(sandbox: SandboxServer) -> None:
    target = MemoryTarget()
    config = sandbox_config(sandbox, emit_activate_version_messages=True)
    run_tap(target, catalog=FULL_TABLE, **config)
    let_a_second_pass(target)
    sandbox.world.publish(*[add_round] * 4, rng=Random(1))
    sandbox.faults.add(Fault("status", country="XCA"))

    messages = run_tap(target, catalog=FULL_TABLE, error=DtmPartialSyncError, **config)

    assert positions(messages, "ACTIVATE_VERSION") == {}
    assert [row for row in target.live("idp_admin2") if row["admin0_pcode"] == "XCA"]
    sandbox.faults.clear()
    run_tap(target, catalog=FULL_TABLE, **config)
    assert_exact(target, sandbox.world)


def test_incremental_streams_are_never_activated(sandbox: SandboxServer) -> None:
    messages = run_tap(
        MemoryTarget(), catalog=INCREMENTAL, **sandbox_config(sandbox, emit_activate_version_messages=True)
    )

    assert set(positions(messages, "ACTIVATE_VERSION")) == {"countries", "operations"}


@pytest.mark.parametrize(("seed", "activates"), [(1, False), (2, True), (3, False)])
def test_back_and_forth_between_methods(sandbox: SandboxServer, seed: int, *, activates: bool) -> None:
    rng = Random(seed)
    target = MemoryTarget()
    config = sandbox_config(
        sandbox, emit_activate_version_messages=activates, accept_withdrawn_countries=ALL_CODES, max_retries=0
    )
    for _ in range(4):
        run_tap(target, catalog=rng.choice([FULL_TABLE, INCREMENTAL]), **config)

        assert_exact(target, sandbox.world)
        let_a_second_pass(target)
        sandbox.world.publish(*rng.sample((*VISIBLE, *COUNTRY), 3), rng=rng)


def test_countries_left_out_keep_their_rows(sandbox: SandboxServer) -> None:
    """As the setting `countries` promises; and they are exact again once they are read again."""
    target = MemoryTarget()
    config = sandbox_config(sandbox, emit_activate_version_messages=True)
    run_tap(target, catalog=FULL_TABLE, **config)
    before = {stream: count(row for row in target.live(stream) if row["admin0_pcode"] != "XBA") for stream in IDP}
    let_a_second_pass(target)
    sandbox.world.publish(*[add_round] * 6, rng=Random(1))

    run_tap(target, catalog=FULL_TABLE, **config, countries=["XBA"])

    for stream in IDP:
        assert count(row for row in target.live(stream) if row["admin0_pcode"] != "XBA") == before[stream]
    run_tap(target, catalog=INCREMENTAL, **config)
    assert_exact(target, sandbox.world)


@pytest.mark.parametrize("hard_delete", [False, True])
def test_postgres_forgets_rows_of_earlier_versions(
    warehouse: Warehouse, sandbox: SandboxServer, *, hard_delete: bool
) -> None:
    """Even those that the tap cannot know of, because its state was lost."""
    config = sandbox_config(sandbox, emit_activate_version_messages=True)
    warehouse.sync(config)
    warehouse.state = {}
    shrinking = (withdraw_round, withdraw_operation, withdraw_round, duplicate_rows)
    assert len(sandbox.world.publish(*shrinking, rng=Random(3))) == len(shrinking)
    time.sleep(1)  # versions count seconds, and a run takes less

    warehouse.sync(config, catalog=FULL_TABLE, hard_delete=hard_delete)

    warehouse.assert_equals_api(sandbox.world)
    (dead,) = warehouse.query("SELECT count(*) AS rows FROM idp_admin0 WHERE _sdc_deleted_at IS NOT NULL")
    assert (dead["rows"] == 0) == hard_delete
    sandbox.world.publish(withdraw_round, add_round, rng=Random(4))
    warehouse.sync(config, catalog=INCREMENTAL)
    warehouse.assert_equals_api(sandbox.world)
