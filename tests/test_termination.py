"""A signal ends the command at once and between two messages, however long the API takes."""

from __future__ import annotations

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tap_dtm.sandbox import Fault, SandboxServer, invent
from tests.target import MemoryTarget
from tests.test_command_line import Command, sandbox_config
from tests.world import LEVELS, count, served

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.programs


def test_what_was_written_is_whole_and_the_next_run_goes_on_from_it(tmp_path: Path) -> None:
    """Both runs spend most of their time waiting for a country, so they run at the same time."""
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(end_and_go_on, tmp_path, number) for number in (signal.SIGTERM, signal.SIGINT)]
    for run in runs:
        run.result()


def end_and_go_on(folder: Path, number: signal.Signals) -> None:
    tap = Command(folder / number.name)
    tap.folder.mkdir()
    target = MemoryTarget()
    with SandboxServer(invent(seed=1, countries=3)) as sandbox:
        first, second, _ = (str(row["admin0Pcode"]) for row in sandbox.world.country_list())
        sandbox.faults.add(Fault("slow", country=second, seconds=3600))
        config = sandbox_config(sandbox, scrub_fraction=0, max_parallel_requests=1)
        process = tap.start("--config", tap.file("config.json", config))
        assert process.stdout is not None
        assert process.stderr is not None
        messages = []
        for line in process.stdout:
            messages.append(json.loads(line))
            is_first_done = messages[-1]["type"] == "STATE" and any(
                partition["context"]["admin0_pcode"] == first and "replication_key_value" in partition
                for partition in messages[-1]["value"]["bookmarks"].get("idp_admin2", {}).get("partitions", ())
            )
            if is_first_done:
                break
        process.send_signal(number)
        rest, log = process.stdout.read(), process.stderr.read().decode()
        process.stdout.close()
        process.stderr.close()
        assert process.wait(60) == 128 + number
        assert "Traceback" not in log
        assert f"Stopped by signal {number.value}" in log
        assert rest == b"" or rest.endswith(b"\n")
        for message in (*messages, *map(json.loads, rest.splitlines())):
            target.handle(message)
        assert target.live("idp_admin2")

        sandbox.faults.clear()
        state = tap.file("state.json", target.state)
        code, output, _ = tap.run("--state", state, config=config)
        assert code == 0
        for message in map(json.loads, output.splitlines()):
            target.handle(message)
        for level in LEVELS:
            assert count(target.live(f"idp_admin{level}")) == served(sandbox.world, level)
