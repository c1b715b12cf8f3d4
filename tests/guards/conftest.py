"""A sandbox that serves the small world, and a target to sync it to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tap_dtm.sandbox import SandboxServer
from tests.extent import mostly
from tests.guards.programs import PROGRAMS, Scene, Tap
from tests.guards.support import load, small_world
from tests.scripted import ScriptedServer, doctored
from tests.target import MemoryTarget

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.guards.programs import Program


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(small_world()) as server:
        yield server


@pytest.fixture
def target() -> MemoryTarget:
    return MemoryTarget()


@pytest.fixture(params=mostly(["tap-dtm"], PROGRAMS))
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """A world and either program; nothing is hostile yet."""
    yield from _scene(PROGRAMS[request.param]())


@pytest.fixture
def scene_of_the_tap() -> Iterator[Scene]:
    yield from _scene(Tap())


def _scene(program: Program) -> Iterator[Scene]:
    world = small_world()
    with ScriptedServer(doctored(world, lambda *_: None)) as server:
        yield Scene(program, world, server)


@pytest.fixture
def loaded(sandbox: SandboxServer) -> MemoryTarget:
    """A target that holds everything the sandbox serves."""
    return load(sandbox.world)
