"""A run that is killed has announced the positions of the rows that it sent, so the next run can remove them."""

from __future__ import annotations

from copy import deepcopy

from tap_dtm.sandbox import SandboxServer, World
from tests.guards.support import FLOOD, a_country, a_round, an_operation, assert_exact, config_for, load, sync
from tests.target import run_tap

IDP_STREAMS = {"idp_admin0", "idp_admin1", "idp_admin2"}


def world(publication: int, *figures: int) -> World:
    return World(1, (a_country("XAA", an_operation(FLOOD, a_round(1, 2021, *figures))),), publication)


def test_rows_that_it_sent_and_that_dtm_takes_back_are_removed_wherever_it_was_killed() -> None:
    loaded = load(world(1, 100))
    with SandboxServer(world(2, 100, 200, 300)) as sandbox:
        messages = run_tap(deepcopy(loaded), **config_for(sandbox))
    cuts = [place for place, message in enumerate(messages, start=1) if message["type"] == "RECORD"]

    for cut in cuts:
        target = deepcopy(loaded)
        for message in messages[:cut]:
            target.handle(message)
        with SandboxServer(world(3, 100)) as sandbox:
            sync(sandbox, target)

            assert_exact(sandbox.world, target)
    assert {message["stream"] for message in messages[:cut] if message["type"] == "RECORD"} >= IDP_STREAMS
