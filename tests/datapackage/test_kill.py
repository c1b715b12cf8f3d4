"""SIGKILL at any moment: the package is the old one or the new one, whole, and the next run is exact."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from frictionless_dtm.folder import Folder

from tap_dtm.errors import DtmError
from tap_dtm.sandbox import VISIBLE, SandboxServer, World, invent
from tests.datapackage.pipe import PackageTarget, content, descriptor, problems, run_target, without_pages
from tests.target import run_tap
from tests.world import LEVELS, count, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.target import Message

_PROGRAM = """
from frictionless_dtm import target
target._render = lambda contents: {}
target.main()
"""


@pytest.fixture(autouse=True)
def _no_pages() -> Iterator[None]:
    with without_pages():
        yield


def start(messages: Path, config: Path) -> subprocess.Popen[bytes]:
    with messages.open("rb") as file:
        return subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, "--config", str(config)],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


@pytest.fixture
def worlds() -> Iterator[tuple[SandboxServer, World]]:
    server = SandboxServer(invent(3, countries=4, rows=6_000))
    yield server, server.world
    server.close()


def config_of(server: SandboxServer) -> dict[str, Any]:
    return {
        "api_url": server.url,
        "subscription_key": server.key,
        "scrub_fraction": 1,
        "max_retries": 0,
    }


def collect(target: PackageTarget, server: SandboxServer) -> list[Message]:
    run_tap(target, **config_of(server))
    messages, target.messages = target.messages, []
    return messages


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_killed_at_any_moment(tmp_path: Path, worlds: tuple[SandboxServer, World]) -> None:
    server, world = worlds
    folder = tmp_path / "package"
    target = PackageTarget(folder)
    config, lines = tmp_path / "config.json", tmp_path / "messages.jsonl"
    config.write_text(json.dumps({"path": str(folder)}))
    run_tap(target, **config_of(server))
    target.finish()
    chance, moments = random.Random(5), {"before": 0, "old": 0, "new": 0, "done": 0}
    duration = 3.0
    for _ in range(14):
        old = content(folder)
        world.publish(*_mutations(chance), rng=chance)
        messages = collect(target, server)
        lines.write_text("".join(json.dumps(message) + "\n" for message in messages))
        started = time.monotonic()
        process = start(lines, config)
        try:
            # Most of the time goes into starting Python; what matters happens at the end.
            output, _ = process.communicate(timeout=duration * chance.uniform(0.5, 1.05))
            duration = time.monotonic() - started
            assert process.returncode == 0
            target.state = json.loads(output)
            moments["done"] += 1
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            if output.endswith(b"\n"):
                target.state = json.loads(output)
            is_old = content(folder) == old
            moments["old" if is_old else "new"] += 1
        assert is_whole(folder)
        if chance.random() < 0.5:
            continue  # and killed again
        run_tap(target, **config_of(server))
        target.finish()
        for level in LEVELS:
            assert count(target.live(f"idp_admin{level}")) == served(world, level)
    run_tap(target, **config_of(server))
    target.finish()
    assert problems(folder) == []
    assert moments["old"], moments


def is_whole(folder: Path) -> bool:
    """Whether every file has the hash that the descriptor says, and no other file is there."""
    files = content(folder)
    for resource in descriptor(folder)["resources"]:
        if resource["hash"] != f"sha256:{hashlib.sha256(files.pop(resource['path'])).hexdigest()}":
            return False
    return set(files) == {"datapackage.json"}


def _mutations(chance: random.Random) -> list[Any]:
    return chance.choices(VISIBLE, k=3)


def test_state_is_confirmed_after_the_package_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    schema = {"type": "SCHEMA", "stream": "a", "schema": {"properties": {"b": {"type": "string"}}}}
    messages = [
        {**schema, "key_properties": ["b"]},
        {"type": "RECORD", "stream": "a", "record": {"b": "c"}},
        {"type": "STATE", "value": {"d": 1}},
    ]
    for step in ("start", "ready", "install"):
        with monkeypatch.context() as patch:
            patch.setattr(Folder, step, fail)
            confirmed: list[Any] = []
            with pytest.raises(DtmError, match="No space"):
                confirmed.append(run_target(messages, tmp_path / "package"))
            assert confirmed == []
    assert run_target(messages, tmp_path / "package") == {"d": 1}
