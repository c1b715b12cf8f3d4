"""What the SDK can do with any tap's output (batches, stream maps, flattening, selection), done with this one's."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from itertools import combinations
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from typing_extensions import override

from tap_dtm.errors import DtmError
from tap_dtm.sandbox import VISIBLE, SandboxServer, invent
from tap_dtm.sandbox.visible import add_round, backfill_round, withdraw_round
from tap_dtm.singer.tap import TapDTM
from tests.chance import CHANCE
from tests.extent import mostly, sampled
from tests.pipeline import sandbox_config
from tests.target import MemoryTarget, Message, run_tap
from tests.test_postgres import ALL_CODES
from tests.world import LEVELS, assert_positions_are_whole, count, served

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from tap_dtm.sandbox import World

STREAMS = ("countries", "operations", "idp_admin0", "idp_admin1", "idp_admin2")


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(invent(10, countries=3)) as server:
        yield server


def assert_exact(target: MemoryTarget, world: World) -> None:
    for level in LEVELS:
        rows = target.live(f"idp_admin{level}")
        assert count(rows) == served(world, level)
        assert_positions_are_whole(rows)


def idp_records(messages: list[Message]) -> list[Message]:
    return [message for message in messages if message["type"] == "RECORD" and message["stream"].startswith("idp_")]


# Batches: messages that name files of records.


class BatchTarget(MemoryTarget):
    """Opens the files that BATCH messages name."""

    @override
    def handle(self, message: Message) -> None:
        if message["type"] != "BATCH":
            super().handle(message)
            return
        assert message["encoding"] == {"format": "jsonl", "compression": "gzip"}
        for url in message["manifest"]:
            with gzip.open(url2pathname(urlsplit(url).path), "rt", encoding="utf-8") as lines:
                for line in lines:
                    super().handle({"type": "RECORD", "stream": message["stream"], "record": json.loads(line)})


def batches(folder: Path, size: int) -> dict[str, Any]:
    return {
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "storage": {"root": folder.as_uri(), "prefix": ""},
        "batch_size": size,
    }


@pytest.mark.parametrize("size", mostly([7, 10_000], [1, 7, 10_000]))
def test_batches_hold_every_record(sandbox: SandboxServer, tmp_path: Path, size: int) -> None:
    target = BatchTarget()
    config = sandbox_config(sandbox, batch_config=batches(tmp_path, size), accept_withdrawn_countries=ALL_CODES)
    for seed in range(2):
        messages = run_tap(target, **config)

        assert {message["type"] for message in messages} == {"SCHEMA", "BATCH", "STATE"}
        assert_exact(target, sandbox.world)
        assert len(target.live("countries")) == len(sandbox.world.country_list())
        assert len(target.live("operations")) == len(sandbox.world.operation_list())
        sandbox.world.publish(*Random(seed).sample(VISIBLE, 5), rng=Random(seed))


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_no_state_runs_ahead_of_the_batches(sandbox: SandboxServer, tmp_path: Path, size: int) -> None:
    target = BatchTarget()
    messages = run_tap(MemoryTarget(), killed_at=0, **sandbox_config(sandbox, batch_config=batches(tmp_path, size)))

    finished = 0
    for message in messages:
        target.handle(message)
        for level in LEVELS:
            stream = f"idp_admin{level}"
            for partition in target.state.get("bookmarks", {}).get(stream, {}).get("partitions", []):
                code = partition["context"]["admin0_pcode"]
                for operation, bookmark in partition.get("operations", {}).items():
                    if bookmark["digest"]:
                        finished += 1
                        keys = [key for key in target.tables[stream] if key[:2] == (code, operation)]
                        assert len(keys) == bookmark["rows"]
    assert finished


@pytest.mark.parametrize("seed", sampled([0, CHANCE]))
def test_batches_that_are_cut_off_and_resumed(sandbox: SandboxServer, tmp_path: Path, seed: int) -> None:
    rng = Random(seed)
    target = BatchTarget()
    config = sandbox_config(sandbox, batch_config=batches(tmp_path, rng.choice([3, 50])))
    for _ in range(4):
        run_tap(target, killed_at=rng.random(), **config)
        sandbox.world.publish(add_round, backfill_round, withdraw_round, rng=rng)

    run_tap(target, **config)

    assert_exact(target, sandbox.world)


def test_nothing_new_makes_no_batch_of_figures(sandbox: SandboxServer, tmp_path: Path) -> None:
    """Whatever the size of the batches, even where the last one is just full."""
    for size in (1, 2, 5):
        target = BatchTarget()
        config = sandbox_config(sandbox, batch_config=batches(tmp_path, size))
        run_tap(target, catalog=catalog_of({"idp_admin0"}), **config)

        messages = run_tap(target, catalog=catalog_of({"idp_admin0"}), **config)

        assert [message for message in messages if message["type"] == "BATCH"] == []


# Selection: streams and fields that the catalog leaves out.


def catalog_of(streams: Collection[str], without: Collection[str] = ()) -> dict[str, Any]:
    """Return the discovered catalog with only these streams, and without these fields, selected."""
    catalog: dict[str, Any] = TapDTM(config={"api_url": "sandbox://"}).catalog_dict
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] in streams
            elif entry["breadcrumb"][-1] in without:
                entry["metadata"]["selected"] = False
    return catalog


@pytest.mark.parametrize(
    "streams",
    mostly(
        [*({stream} for stream in STREAMS), {"idp_admin0", "idp_admin2"}, {"countries", "idp_admin1"}, set(STREAMS)],
        (set(selection) for size in range(1, 6) for selection in combinations(STREAMS, size)),
    ),
    ids=lambda streams: "+".join(sorted(streams)),
)
def test_only_selected_streams_are_asked_for_and_emitted(sandbox: SandboxServer, streams: set[str]) -> None:
    target = MemoryTarget()
    catalog = catalog_of(streams)
    for seed in range(2):
        sandbox.requests.clear()

        run_tap(target, catalog=catalog, **sandbox_config(sandbox))

        assert set(target.tables) == streams
        levels = {level for level in LEVELS if f"idp_admin{level}" in streams}
        asked = {int(request.path[-1]) for request in sandbox.requests if "/admin" in request.path}
        assert asked <= levels | ({0} if levels else set())  # admin 0 is the index of all levels
        for level in levels:
            assert count(target.live(f"idp_admin{level}")) == served(sandbox.world, level)
        sandbox.world.publish(add_round, backfill_round, withdraw_round, rng=Random(seed))


def test_a_stream_selected_later_is_delivered_whole(sandbox: SandboxServer) -> None:
    target = MemoryTarget()
    run_tap(target, catalog=catalog_of({"countries", "idp_admin1"}), **sandbox_config(sandbox))
    sandbox.world.publish(add_round, withdraw_round, rng=Random(1))

    run_tap(target, **sandbox_config(sandbox))

    assert_exact(target, sandbox.world)


def test_the_mark_of_deleted_rows_cannot_be_deselected(sandbox: SandboxServer) -> None:
    target = MemoryTarget()
    catalog = catalog_of({"idp_admin1"}, {"_sdc_deleted_at", "reporting_date"})
    run_tap(target, catalog=catalog, **sandbox_config(sandbox))
    sandbox.world.publish(withdraw_round, rng=Random(1))
    messages = run_tap(target, catalog=catalog, **sandbox_config(sandbox))

    assert any(message["record"]["_sdc_deleted_at"] for message in idp_records(messages))
    assert len(target.live("idp_admin1")) == len(sandbox.world.rows(1))


@pytest.mark.parametrize("keys", [None, [], ["reporting_date"]])
def test_keys_are_not_for_the_catalog_to_choose(sandbox: SandboxServer, keys: list[str] | None) -> None:
    catalog = catalog_of({"idp_admin1"})
    for stream in catalog["streams"]:
        stream["key_properties"] = keys
        stream["metadata"][-1]["metadata"].pop("table-key-properties")
    target = MemoryTarget()

    for _ in range(2):
        run_tap(target, catalog=catalog, **sandbox_config(sandbox))

        assert target.keys["idp_admin1"] == ["admin0_pcode", "operation", "row_number"]
        assert len(target.live("idp_admin1")) == len(sandbox.world.rows(1))
        sandbox.world.publish(withdraw_round, rng=Random(1))


@pytest.mark.parametrize("name", ["_sdc_deleted_at", "row_number"])
def test_a_catalog_without_what_distinguishes_rows_is_refused(name: str) -> None:
    catalog = catalog_of({"idp_admin1"})
    for stream in catalog["streams"]:
        stream["schema"]["properties"].pop(name, None)
    with pytest.raises(DtmError, match=rf"without which the tables would be wrong \({name}\)"):
        TapDTM(config={"api_url": "sandbox://"}, catalog=catalog)


def test_a_stream_that_does_not_exist_is_named() -> None:
    catalog = catalog_of({"idp_admin1"})
    catalog["streams"][0] |= {"tap_stream_id": "idp_admin3", "stream": "idp_admin3"}
    with pytest.raises(DtmError, match="The catalog names idp_admin3, which this tap does not have: its streams are"):
        TapDTM(config={"api_url": "sandbox://"}, catalog=catalog)


@pytest.mark.parametrize("catalog", [catalog_of(set()), {"streams": []}], ids=["nothing-selected", "no-streams"])
def test_a_run_that_would_read_nothing_is_an_error(sandbox: SandboxServer, catalog: dict[str, Any]) -> None:
    with pytest.raises(DtmError, match="The catalog selects no stream: there is nothing to do"):
        run_tap(MemoryTarget(), catalog=catalog, **sandbox_config(sandbox))


def test_deselected_fields_are_left_out_and_keys_are_not(sandbox: SandboxServer) -> None:
    target = MemoryTarget()
    without = {"displacement_reason", "admin1_name", "row_number", "reporting_date"}
    catalog = catalog_of({"idp_admin1"}, without)
    run_tap(target, catalog=catalog, **sandbox_config(sandbox))
    before = target.state
    sandbox.world.publish(add_round, withdraw_round, rng=Random(1))
    run_tap(target, catalog=catalog, **sandbox_config(sandbox))

    rows = target.live("idp_admin1")
    assert sum(row["num_present_idp_ind"] for row in rows) == sum(
        int(row["numPresentIdpInd"] or 0) for row in sandbox.world.rows(1)
    )
    assert_positions_are_whole(rows)
    for row in rows:
        assert {"displacement_reason", "admin1_name"}.isdisjoint(row)
        assert {"admin0_pcode", "operation", "row_number", "number_males"}.issubset(row)
    assert target.state != before


# Stream maps and flattening.


def test_streams_are_renamed_and_fields_made_hashed_and_dropped(sandbox: SandboxServer) -> None:
    target = MemoryTarget()
    maps = {
        "idp_admin2": {
            "__alias__": "displaced",
            "shown_as": "admin2_name + ' (' + admin0_pcode + ')' if admin2_name else None",
            "operation_hash": "md5(operation)",
            "displacement_reason": None,
        },
        "operations": None,
    }
    config = sandbox_config(sandbox, stream_maps=maps)
    for seed in range(3):
        run_tap(target, **config)

        assert "operations" not in target.tables
        assert "idp_admin2" not in target.tables
        rows = target.live("displaced")
        assert len(rows) == len(sandbox.world.rows(2))
        for row in rows:
            assert row["shown_as"] == f"{row['admin2_name']} ({row['admin0_pcode']})"
            digest = hashlib.md5(row["operation"].encode(), usedforsecurity=False).hexdigest()
            assert row["operation_hash"] == digest
            assert "displacement_reason" not in row
        assert count(target.live("idp_admin1")) == served(sandbox.world, 1)
        sandbox.world.publish(add_round, withdraw_round, rng=Random(seed))


@pytest.mark.parametrize("name", ["idp_admin1", "idp_*", "operations"])
def test_filters_are_refused(name: str) -> None:
    """Rows that no longer match would remain in the target."""
    maps = {name: {"__filter__": "num_present_idp_ind >= 1000"}}
    with pytest.raises(DtmError, match=rf"stream_maps filters {re.escape(name)}: .* Choose with the settings"):
        TapDTM(config={"api_url": "sandbox://", "stream_maps": maps})


@pytest.mark.parametrize("maps", [{"countries": None}, {"__else__": None, "idp_admin1": {}}])
def test_the_countries_cannot_be_mapped_away(maps: dict[str, Any]) -> None:
    with pytest.raises(DtmError, match=r"stream_maps removes the stream countries, .* deselect it in the catalog"):
        TapDTM(config={"api_url": "sandbox://", "stream_maps": maps})


@pytest.mark.parametrize("maps", [{"idp_admin0": {"x": "nonsense("}}, {"idp_admin0": {"operation": None}}])
def test_a_map_that_cannot_be_read_is_reported_in_a_sentence(maps: dict[str, Any]) -> None:
    with pytest.raises(DtmError, match="The setting stream_maps "):
        TapDTM(config={"api_url": "sandbox://", "stream_maps": maps})


@pytest.mark.parametrize(
    "before",
    [
        {"stream_maps": {"idp_admin1": None}},
        {"stream_maps": {"idp_admin1": "__NULL__"}},
        {"stream_maps": {"idp_*": {"admin0_name": "'elsewhere'"}}},
        {"stream_maps": {"*": {"admin0_name": "config['name']"}}, "stream_map_config": {"name": "elsewhere"}},
        {"stream_maps": {"__else__": None, "countries": {}, "operations": {}, "idp_admin0": {}, "idp_admin2": {}}},
    ],
)
def test_changed_maps_are_made_good(sandbox: SandboxServer, before: dict[str, Any]) -> None:
    target = MemoryTarget()
    run_tap(target, **sandbox_config(sandbox, **before))
    assert count(target.live("idp_admin1")) != served(sandbox.world, 1)

    run_tap(target, **sandbox_config(sandbox))

    assert_exact(target, sandbox.world)


def test_flattening_changes_nothing_because_everything_is_flat(sandbox: SandboxServer) -> None:
    plain, flattened = MemoryTarget(), MemoryTarget()
    for seed in range(2):
        run_tap(plain, **sandbox_config(sandbox))
        run_tap(flattened, **sandbox_config(sandbox, flattening_enabled=True, flattening_max_depth=3))

        for level in LEVELS:
            assert flattened.live(f"idp_admin{level}") == plain.live(f"idp_admin{level}")
        assert_exact(flattened, sandbox.world)
        sandbox.world.publish(add_round, withdraw_round, rng=Random(seed))


def bookmarks_of(target: MemoryTarget) -> dict[str, Any]:
    partitions = {name: stream.get("partitions", []) for name, stream in target.state["bookmarks"].items()}
    return {name: [partition["operations"] for partition in each] for name, each in partitions.items()}


def test_bookmarks_of_mapped_streams_are_those_of_plain_ones(sandbox: SandboxServer) -> None:
    plain, mapped = MemoryTarget(), MemoryTarget()
    maps = {"idp_admin2": {"__alias__": "displaced", "displacement_reason": None}}

    run_tap(plain, **sandbox_config(sandbox))
    run_tap(mapped, **sandbox_config(sandbox, stream_maps=maps))

    assert bookmarks_of(mapped) == bookmarks_of(plain)
    assert idp_records(run_tap(mapped, **sandbox_config(sandbox, stream_maps=maps))) == []
