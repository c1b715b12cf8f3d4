"""Runs that are killed, and resumed from the last state that the target confirmed.

Known limit: when a target is killed after it has committed rows but before it has printed a state that tells of
them, and the next publication takes just those rows back, no tap can know that they are there. The tap makes that
window small: before it emits the rows of a country, a STATE says which positions they will take.
"""

from __future__ import annotations

import json
import time
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.sandbox import COUNTRY, VISIBLE, SandboxServer, invent, world_at
from tap_dtm.sandbox.invent import restore
from tap_dtm.sandbox.visible import add_operation, add_round, backfill_round, duplicate_rows, withdraw_round
from tests.chance import CHANCE
from tests.extent import sampled
from tests.pipeline import output, running_tap, sandbox_config
from tests.target import MemoryTarget
from tests.test_postgres import ALL_CODES
from tests.world import LEVELS, assert_positions_are_whole, count, served

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_dtm.sandbox import World
    from tests.pipeline import Process, Warehouse

pytestmark = pytest.mark.programs

GROWING = (add_round, backfill_round, add_operation, duplicate_rows)
FAR_MORE_THAN_A_PIPE_HOLDS = 4000  # rows; each takes some 700 bytes


def kill(tap: Process, target: MemoryTarget) -> None:
    """SIGKILL to the tap; the target takes in what was under way."""
    tap.kill()
    take_rest(tap, target)


def terminate(tap: Process, target: MemoryTarget) -> None:
    """SIGTERM to the tap; the target takes in what was under way, which ends with a whole message."""
    tap.terminate()
    for line in output(tap):
        target.handle(json.loads(line))


def lose_everything(tap: Process, _target: MemoryTarget) -> None:
    """Both programs end at once, and what was under way is lost."""
    tap.kill()
    output(tap).close()


def close_pipe(tap: Process, _target: MemoryTarget) -> None:
    """The target ends, the tap finds its pipe broken."""
    output(tap).close()


ENDINGS = (kill, terminate, lose_everything, close_pipe)


def take(lines: int, tap: Process, target: MemoryTarget) -> int:
    """Let the target take in so many messages; return how many there were."""
    for taken in range(lines):
        line = output(tap).readline()
        if not line:
            return taken
        target.handle(json.loads(line))
    return lines


def take_rest(tap: Process, target: MemoryTarget) -> None:
    """Let the target take in whatever messages are left, but for one that was cut off."""
    for line in output(tap):
        if line.endswith(b"\n"):
            target.handle(json.loads(line))


def complete_run(folder: Path, target: MemoryTarget, config: dict[str, Any]) -> int:
    with running_tap(folder, config, target.state) as tap:
        messages = take(10**9, tap, target)
        assert tap.wait() == 0, (folder / "tap.log").read_text("utf-8")
    return messages


def assert_equals_api(target: MemoryTarget, world: World) -> None:
    for level in LEVELS:
        rows = target.live(f"idp_admin{level}")
        assert count(rows) == served(world, level)
        assert_positions_are_whole(rows)
    assert len(target.live("countries")) == len(world.country_list())
    assert len(target.live("operations")) == len(world.operation_list())


@pytest.mark.parametrize("seed", sampled([1, 2, CHANCE]))
def test_killed_again_and_again_while_dtm_publishes(tmp_path: Path, seed: int) -> None:
    rng = Random(seed)
    target = MemoryTarget()
    with SandboxServer(invent(seed)) as sandbox:
        config = sandbox_config(sandbox, accept_withdrawn_countries=ALL_CODES)
        for ending in rng.sample(ENDINGS * 2, 6):
            with running_tap(tmp_path, config, target.state) as tap:
                take(rng.choice([rng.randrange(40), rng.randrange(1000)]), tap, target)
                ending(tap, target)
            sandbox.world.publish(*rng.sample((*VISIBLE, *COUNTRY), rng.randrange(4)), rng=rng)

        complete_run(tmp_path, target, config)

        assert_equals_api(target, sandbox.world)


@pytest.mark.parametrize("ending", ENDINGS)
def test_short_lived_runs_get_there_in_the_end(tmp_path: Path, ending: Callable[[Process, MemoryTarget], None]) -> None:
    rng = Random(5)
    target = MemoryTarget()
    with SandboxServer(invent(5, countries=3)) as sandbox:
        config = sandbox_config(sandbox)
        for _ in range(20):
            life = rng.randrange(60, 200)
            with running_tap(tmp_path, config, target.state) as tap:
                is_complete = take(life, tap, target) < life
                ending(tap, target)
            if is_complete:
                break

        assert_equals_api(target, sandbox.world)


@pytest.mark.parametrize("ending", ENDINGS)
def test_rows_that_were_under_way_are_taken_back(
    tmp_path: Path, ending: Callable[[Process, MemoryTarget], None]
) -> None:
    """DTM publishes more, the run that delivers it is killed, and DTM takes it back: an ever shorter operation."""
    rng = Random(3)
    target = MemoryTarget()
    with SandboxServer(invent(3, countries=2)) as sandbox:
        config = sandbox_config(sandbox)
        complete_run(tmp_path, target, config)
        sandbox.world.publish(*GROWING * 3, rng=rng)
        rehearsal = MemoryTarget()
        rehearsal.state = target.state
        messages = complete_run(tmp_path, rehearsal, config)
        before = {stream: len(rows) for stream, rows in target.tables.items()}

        with running_tap(tmp_path, config, target.state) as tap:
            take(messages * 2 // 3, tap, target)
            ending(tap, target)
        assert {stream: len(rows) for stream, rows in target.tables.items()} != before
        assert sandbox.world.publish(restore) == ("restore",)
        sandbox.world.publish(withdraw_round, rng=rng)
        complete_run(tmp_path, target, config)

        assert_equals_api(target, sandbox.world)


def test_sigterm_ends_the_run_at_once_and_in_one_sentence(tmp_path: Path) -> None:
    target = MemoryTarget()
    with SandboxServer(world_at(rows=FAR_MORE_THAN_A_PIPE_HOLDS)) as sandbox:
        with running_tap(tmp_path, sandbox_config(sandbox), {}) as tap:
            take(100, tap, target)
            terminate(tap, target)
            assert tap.wait() == 143

        log = (tmp_path / "tap.log").read_text("utf-8")
        assert "Stopped by signal 15. The next run continues from the last state." in log
        assert "Traceback" not in log
        assert len(target.live("idp_admin2")) < len(sandbox.world.rows(2))


def test_a_broken_pipe_is_one_sentence_too(tmp_path: Path) -> None:
    target = MemoryTarget()
    with (
        SandboxServer(world_at(rows=FAR_MORE_THAN_A_PIPE_HOLDS)) as sandbox,
        running_tap(tmp_path, sandbox_config(sandbox), {}) as tap,
    ):
        take(100, tap, target)
        close_pipe(tap, target)
        assert tap.wait() == 1

    log = (tmp_path / "tap.log").read_text("utf-8")
    sentence = "Cannot write the output: Broken pipe. The next run continues from the last state."
    assert log.splitlines()[-1].endswith(sentence)
    assert "Traceback" not in log


def test_a_resumed_run_repeats_no_country_that_was_confirmed(tmp_path: Path) -> None:
    target = MemoryTarget()
    with SandboxServer(invent(4)) as sandbox:
        config = sandbox_config(sandbox)
        with running_tap(tmp_path, config, {}) as tap:
            while len(confirmed_countries(target)) < 3:
                assert take(1, tap, target)
            lose_everything(tap, target)
        confirmed = confirmed_countries(target)
        sandbox.requests.clear()

        complete_run(tmp_path, target, config)

        assert_equals_api(target, sandbox.world)
        read_again = {request.params["Admin0Pcode"] for request in sandbox.requests if request.path.endswith("admin1")}
        assert read_again.isdisjoint(confirmed)
        assert read_again


def confirmed_countries(target: MemoryTarget) -> list[str]:
    """Return the countries of which the state says that all has been delivered."""
    partitions = target.state.get("bookmarks", {}).get("idp_admin2", {}).get("partitions", [])
    return [each["context"]["admin0_pcode"] for each in partitions if "shape" in each]


def relay(lines: int, tap: Process, target: Process) -> None:
    """Pass messages on from the tap to the target, as a pipe between them would."""
    assert target.stdin is not None
    for _ in range(lines):
        target.stdin.write(output(tap).readline())
    target.stdin.flush()


def test_postgres_after_the_tap_was_killed(warehouse: Warehouse) -> None:
    rng = Random(11)
    with SandboxServer(invent(11)) as sandbox:
        config = sandbox_config(sandbox)
        with running_tap(warehouse.folder, config, {}) as tap, warehouse.running_target() as target:
            relay(rng.randrange(200, 600), tap, target)
            tap.kill()
            assert target.stdin is not None
            target.stdin.close()  # the target commits what it has, and confirms it
            warehouse.confirm(output(target).read())
        assert warehouse.state
        sandbox.world.publish(withdraw_round, withdraw_round, add_round, rng=rng)

        warehouse.sync(config)

        warehouse.assert_equals_api(sandbox.world)


def test_postgres_after_the_target_was_killed(warehouse: Warehouse) -> None:
    """Part of a run is in the tables, and no state tells of it; DTM goes on publishing (see the known limit)."""
    rng = Random(12)
    with SandboxServer(invent(12)) as sandbox:
        config = sandbox_config(sandbox)
        with (
            running_tap(warehouse.folder, config, {}) as tap,
            warehouse.running_target(batch_size_rows=20) as target,
        ):
            relay(rng.randrange(300, 600), tap, target)
            wait_for_rows(warehouse, "idp_admin2", 40)
            target.kill()
            warehouse.confirm(output(target).read())
            output(tap).close()
        assert not warehouse.state
        sandbox.world.publish(*GROWING, rng=rng)

        warehouse.sync(config)

        warehouse.assert_equals_api(sandbox.world)


def wait_for_rows(warehouse: Warehouse, table: str, rows: int) -> None:
    """Wait until a table holds so many rows."""
    give_up_at = time.monotonic() + 60
    while time.monotonic() < give_up_at:
        (found,) = warehouse.query("SELECT to_regclass(%s)::text AS table", table)
        if found["table"] and len(warehouse.live(table)) >= rows:
            return
        time.sleep(0.05)
    pytest.fail(f"{table} did not get {rows} rows")
