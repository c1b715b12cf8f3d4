"""Syncs that are stopped or killed anywhere, and what the next one makes of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.sandbox import COUNTRY, VISIBLE, Fault, SandboxServer, invent, tiny
from tests.airbyte.support import (
    COMMAND,
    EVERYTHING,
    Destination,
    Message,
    Source,
    configured,
    status,
    statuses,
    stream_of,
)
from tests.chance import CHANCE
from tests.extent import mostly, sampled
from tests.pipeline import output, sandbox_config
from tests.test_postgres import ALL_CODES

if TYPE_CHECKING:
    from tests.pipeline import Process

pytestmark = pytest.mark.programs

CATALOG = configured(EVERYTHING)
FAR_MORE_THAN_A_PIPE_HOLDS = "sandbox://?countries=2&rows=4000"


def start(source: Source, config: dict[str, Any], state: Any = ()) -> Process:
    return source.start(*source.arguments("read", config=config, catalog=CATALOG, state=list(state)))


def take(process: Process, most: int = 10**9) -> list[Message]:
    """Read so many lines, or what there is; a line that was cut off is nobody's message."""
    messages = []
    for _ in range(most):
        line = output(process).readline()
        if not line.endswith(b"\n"):
            break
        messages.append(json.loads(line))
    return messages


@pytest.mark.parametrize("seed", sampled([1, 2, CHANCE]))
def test_killed_again_and_again_while_dtm_publishes(source: Source, seed: int) -> None:
    rng = Random(seed)
    destination = Destination()
    with SandboxServer(tiny(rng)) as sandbox:
        config = sandbox_config(sandbox, accept_withdrawn_countries=ALL_CODES)
        for _ in range(5):
            process = start(source, config, destination.state)
            messages = take(process, rng.choice([rng.randrange(40), rng.randrange(400)]))
            rng.choice([process.kill, process.terminate])()
            messages += take(process)
            process.communicate()
            destination.take(messages, CATALOG, rng)
            sandbox.world.publish(*rng.sample((*VISIBLE, *COUNTRY), rng.randrange(4)), rng=rng)

        process = start(source, config, destination.state)
        destination.take(take(process), CATALOG)
        process.communicate()

        assert process.returncode == 0
        destination.assert_equals_api(sandbox.world)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_sync_between_two_messages(source: Source, number: signal.Signals) -> None:
    process = start(source, {"api_url": FAR_MORE_THAN_A_PIPE_HOLDS})
    messages = take(process, 100)

    process.send_signal(number)
    messages += take(process)
    _, log = process.communicate(timeout=60)

    assert process.returncode == -number  # as whoever sent it expects
    assert log == b""
    assert {each[-1] for each in statuses(messages).values()} == {"INCOMPLETE"}
    assert f"Stopped by signal {number.value}" in messages[-1]["log"]["message"]


def test_a_signal_ends_a_sync_that_waits_for_the_api(source: Source) -> None:
    with SandboxServer(invent(seed=1, countries=2)) as sandbox:
        sandbox.faults.add(Fault("slow", path="admin0", seconds=50))
        process = start(source, sandbox_config(sandbox))
        messages = take(process, 5)

        process.terminate()
        messages += take(process)
        _, log = process.communicate(timeout=30)

    assert process.returncode == -signal.SIGTERM
    assert log == b""
    assert status(messages, "idp_admin0") == "INCOMPLETE"


@pytest.mark.parametrize("number", mostly([signal.SIGTERM], [signal.SIGTERM, signal.SIGINT]))
def test_a_signal_ends_a_sync_that_nobody_listens_to_any_more(source: Source, number: signal.Signals) -> None:
    process = start(source, {"api_url": FAR_MORE_THAN_A_PIPE_HOLDS})
    first = take(process, 50)

    process.send_signal(number)

    assert any(stream_of(message) for message in first)
    assert process.wait(timeout=30) == -number  # the pipe is full: it could not say a word
    _, log = process.communicate()
    assert log == b""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_check_without_a_traceback(source: Source, number: signal.Signals) -> None:
    with SandboxServer(invent(seed=1, countries=2)) as sandbox:
        sandbox.faults.add(Fault("slow", seconds=50))
        process = source.start(*source.arguments("check", config=sandbox_config(sandbox)))
        while not sandbox.requests:
            assert process.poll() is None
            time.sleep(0.02)

        process.send_signal(number)
        messages = take(process)
        _, log = process.communicate(timeout=30)

    assert process.returncode == -number
    assert log == b""
    assert {message["type"] for message in messages} == {"LOG"}  # no verdict
    assert f"Stopped by signal {number.value}" in messages[-1]["log"]["message"]


def test_a_signal_ends_a_command_that_waits_for_its_settings(source: Source) -> None:
    settings = source.folder / "settings"
    os.mkfifo(settings)
    process = source.start("discover", "--config", str(settings))
    with settings.open("w"):  # which waits until it is opened to be read
        time.sleep(0.2)  # Python heeds no signal that comes after its last look and before it reads
        process.send_signal(signal.SIGINT)
        messages = take(process)
        _, log = process.communicate(timeout=30)

    assert process.returncode == -signal.SIGINT
    assert log == b""
    assert "Stopped by signal 2" in messages[-1]["log"]["message"]


@pytest.mark.parametrize("verb", ["spec", "read"])
def test_without_an_output_there_is_one_sentence(source: Source, verb: str) -> None:
    files = {} if verb == "spec" else {"config": {"api_url": FAR_MORE_THAN_A_PIPE_HOLDS}, "catalog": CATALOG}
    arguments = [*COMMAND, *source.arguments(verb, **files)]

    closed = ["sh", "-c", '"$@" >&-', "sh", *arguments]
    done = subprocess.run(closed, cwd=source.folder, env=source.environment, capture_output=True, check=False)

    assert done.returncode == 1
    assert done.stderr == b"source-dtm: Cannot write the output: standard output is closed.\n"


def test_a_reader_that_leaves_ends_a_sync_with_a_sentence(source: Source) -> None:
    process = start(source, {"api_url": FAR_MORE_THAN_A_PIPE_HOLDS})
    take(process, 50)
    output(process).close()

    assert process.stderr is not None
    log = process.stderr.read().decode()
    process.stderr.close()

    assert process.wait() == 1
    assert log == "source-dtm: Cannot write the output: Broken pipe. The next run continues from the last state.\n"
