"""What shapes the records may change between two runs: the rows that are already there follow."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.errors import DtmError
from tap_dtm.sandbox import SandboxServer, tiny
from tap_dtm.singer.tap import TapDTM
from tests.target import MemoryTarget, run_tap
from tests.world import LEVELS, count, served

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(tiny(Random(3))) as server:
        yield server


def config(sandbox: SandboxServer, **settings: Any) -> dict[str, Any]:
    return {"api_url": sandbox.url, "subscription_key": sandbox.key, "scrub_fraction": 0, **settings}


def test_a_field_that_is_selected_later_is_filled_in_all_rows(sandbox: SandboxServer) -> None:
    target = MemoryTarget()
    catalog = TapDTM(config={"api_url": "sandbox://"}).catalog_dict
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if entry["breadcrumb"] == ["properties", "displacement_reason"]:
                entry["metadata"]["selected"] = False
    run_tap(target, catalog=catalog, **config(sandbox))
    assert "displacement_reason" not in target.live("idp_admin0")[0]

    run_tap(target, **config(sandbox))

    for level in LEVELS:
        assert count(target.live(f"idp_admin{level}")) == served(sandbox.world, level)


def test_another_stream_map_holds_for_all_rows(sandbox: SandboxServer) -> None:
    target = MemoryTarget()
    run_tap(target, **config(sandbox))

    run_tap(target, **config(sandbox, stream_maps={"idp_admin1": {"source": "'DTM'"}}))

    assert {row["source"] for row in target.live("idp_admin1")} == {"DTM"}


def test_a_second_run_with_the_same_map_emits_nothing(sandbox: SandboxServer) -> None:
    target = MemoryTarget()
    settings = config(sandbox, stream_maps={"idp_admin1": {"source": "'DTM'"}})
    run_tap(target, **settings)

    messages = run_tap(target, **settings)

    assert not [m for m in messages if m["type"] == "RECORD" and m["stream"].startswith("idp_")]


def test_from_v2_to_v3_the_rows_become_those_of_v3(sandbox: SandboxServer) -> None:
    target = MemoryTarget()
    run_tap(target, **config(sandbox, api_version="v2"))

    run_tap(target, **config(sandbox, api_version="v3"))

    for level in LEVELS:
        assert count(target.live(f"idp_admin{level}")) == served(sandbox.world, level, "v3")


def test_from_v3_back_to_v2_is_refused_and_loses_nothing(sandbox: SandboxServer) -> None:
    target = MemoryTarget()
    run_tap(target, **config(sandbox, api_version="v3"))
    state = target.state

    run_tap(target, error=DtmError, **config(sandbox, api_version="v2"))

    assert target.state == state
    for level in LEVELS:
        assert count(target.live(f"idp_admin{level}")) == served(sandbox.world, level, "v3")
