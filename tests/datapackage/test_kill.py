"""SIGKILL at any moment: the package is the old one or the new one, whole, and the next run is exact.

Whatever else is in its folder is the user's: a git repository, files, empty folders, pipes, modes. All of it is there
after the next run, also when somebody has edited the descriptor.
"""

from __future__ import annotations

import hashlib
import json
import random
import signal
import time
from functools import partial
from itertools import count as count_up
from typing import TYPE_CHECKING, Any

import pytest
from frictionless_dtm.target.folder import Folder

from tap_dtm.errors import DtmError
from tap_dtm.sandbox import VISIBLE, SandboxServer, World, invent
from tests.datapackage.belongings import copy_all, edit_descriptor, inventory, is_repository, put_belongings
from tests.datapackage.children import forked, forks, killed
from tests.datapackage.pipe import PackageTarget, content, descriptor, problems, read_csv, run_target
from tests.datapackage.singer import record, schema, state
from tests.extent import EVERYTHING
from tests.target import run_tap
from tests.world import LEVELS, count, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.target import Message


pytestmark = [pytest.mark.usefixtures("no_pages"), pytest.mark.programs]


@pytest.fixture
def worlds() -> Iterator[tuple[SandboxServer, World]]:
    server = SandboxServer(invent(3, countries=4, rows=6_000 if EVERYTHING else 2_000))
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


@forks
def test_killed_at_any_moment(tmp_path: Path, worlds: tuple[SandboxServer, World]) -> None:
    server, world = worlds
    folder = tmp_path / "package"
    target = PackageTarget(folder)
    run_tap(target, **config_of(server))
    started = time.monotonic()
    target.finish()
    duration = time.monotonic() - started
    put_belongings(folder)
    mine = inventory(folder)
    chance, moments = random.Random(5), {"old": 0, "new": 0, "done": 0}
    for _ in range(8):
        if chance.random() < 0.5:
            edit_descriptor(folder)
        old = content(folder)
        world.publish(*_mutations(chance), rng=chance)
        messages = collect(target, server)
        started = time.monotonic()
        code, output = forked(partial(run_target, messages, folder), seconds=duration * chance.uniform(0, 1.2))
        if code == 0:
            duration = time.monotonic() - started
            moments["done"] += 1
        else:
            assert code == -signal.SIGKILL, output
            moments["old" if content(folder) == old else "new"] += 1
        if output:
            target.state = json.loads(output)
        assert is_whole(folder)
        if chance.random() < 0.5:
            continue  # and killed again
        run_tap(target, **config_of(server))
        target.finish()
        for level in LEVELS:
            assert count(target.live(f"idp_admin{level}")) == served(world, level)
        assert inventory(folder) == mine
    run_tap(target, **config_of(server))
    target.finish()
    assert problems(folder) == []
    assert is_repository(folder)
    assert moments["old"], moments


FIRST = [schema("a"), record("a", id=1), state({"run": 1})]
SECOND = [schema("a"), record("a", id=2), schema("b"), record("b", id=3), state({"run": 2})]


@forks
def test_killed_before_each_step_that_changes_files(tmp_path: Path) -> None:
    template = tmp_path / "template"
    run_target(FIRST, template / "package")
    put_belongings(template / "package")
    (template / "package/data/b.csv").write_text("mine, in the way of the new table b")
    chance = random.Random(7)
    for step in count_up():
        case = tmp_path / str(step)
        copy_all(template, case)
        folder = case / "package"
        edited = chance.choice(["never", "before", "after the kill"])
        if edited == "before":
            edit_descriptor(folder)
        mine = inventory(folder)

        is_killed = killed(partial(run_target, SECOND, folder), step)
        if edited == "after the kill":
            edit_descriptor(folder)
        if is_killed and chance.random() < 0.5:
            killed(partial(run_target, SECOND, folder), chance.randrange(step + 1))
        confirmed = run_target(SECOND, folder)

        assert confirmed == {"run": 2}
        mine["data/b.csv.kept"] = mine.pop("data/b.csv")
        assert inventory(folder) == mine, f"killed before step {step}, edited {edited}"
        assert is_whole(folder)
        assert descriptor(folder)["title"] == "package"
        assert [row["id"] for name in ("a", "b") for row in read_csv(folder, name)] == ["1", "2", "3"]
        hidden = {path.name for path in (case / ".package.target-datapackage").iterdir()}
        assert hidden <= {"rows.sqlite", "rows.sqlite-journal"}
        if step % 10 == 0:
            assert is_repository(folder)
        if not is_killed:
            break
    assert step > 20


def is_whole(folder: Path) -> bool:
    """Whether every file has the hash that the descriptor says."""
    files = content(folder)
    return all(
        resource["hash"] == f"sha256:{hashlib.sha256(files[resource['path']]).hexdigest()}"
        for resource in descriptor(folder)["resources"]
    )


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
