"""The tap writes the messages of the SDK, but faster, and it does not repeat a message without need."""

from __future__ import annotations

import io
import json
import random
import re
from collections import Counter
from contextlib import redirect_stdout
from typing import Any

import pytest

from tap_dtm.sandbox import SandboxServer, invent
from tap_dtm.sandbox.visible import add_round, withdraw_operation
from tap_dtm.singer import schedule
from tap_dtm.singer.figures import IdpStream
from tap_dtm.singer.tap import TapDTM
from tests.target import MemoryTarget, run_tap, selecting

TIME = re.compile(rb'"time_extracted":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z"')
DELETED = re.compile(rb'(?<="_sdc_deleted_at":)"[^"]+"')


def written(state: dict[str, Any], **config: Any) -> list[bytes]:
    """Run the tap, and return its lines but for the times in them."""
    output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(output):
        TapDTM(config=config, state=state).sync_all()
    output.flush()
    lines = output.buffer.getvalue().splitlines()
    assert all(TIME.search(line) for line in lines if line.startswith(b'{"type":"RECORD"'))
    return [DELETED.sub(b'"then"', TIME.sub(b"", line)) for line in lines]


def test_on_the_short_way_records_are_those_of_the_sdk_byte_for_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    with SandboxServer(invent(seed=5, countries=4)) as sandbox:
        config: dict[str, Any] = {"api_url": sandbox.url, "subscription_key": sandbox.key}
        target = MemoryTarget()
        run_tap(target, **config)
        state = json.dumps(target.state)
        assert withdraw_operation(sandbox.world, random.Random(1))

        quickly = [written(json.loads(each), **config) for each in ("{}", state)]
        monkeypatch.setattr(IdpStream, "_is_plain", False)
        slowly = [written(json.loads(each), **config) for each in ("{}", state)]

    assert len(quickly[0]) > 300
    assert b'"_sdc_deleted_at":"then"' in b"".join(quickly[1])
    assert quickly == slowly


@pytest.mark.parametrize(
    "changed",
    [
        {"stream_maps": {"idp_admin0": {"year": "year_reporting_date"}}},
        {"flattening_enabled": True, "flattening_max_depth": 1},
    ],
)
def test_records_that_something_changes_go_the_way_of_the_sdk(changed: dict[str, Any]) -> None:
    with SandboxServer(invent(seed=5, countries=1)) as sandbox:
        tap = TapDTM(config={"api_url": sandbox.url, "subscription_key": sandbox.key, **changed})

    assert not tap.streams["idp_admin0"]._is_plain  # type: ignore[attr-defined]


def test_a_deselected_column_stays_away() -> None:
    catalog = selecting("countries", "idp_admin0")
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if entry["breadcrumb"][-1:] == ["num_present_idp_ind"]:
                entry["metadata"]["selected"] = False
    target = MemoryTarget()

    with SandboxServer(invent(seed=5, countries=2)) as sandbox:
        run_tap(target, catalog=catalog, api_url=sandbox.url, subscription_key=sandbox.key)

    assert target.live("idp_admin0")
    assert not any("num_present_idp_ind" in row for row in target.live("idp_admin0"))


def test_a_schema_is_written_once() -> None:
    with SandboxServer(invent(seed=5, countries=3)) as sandbox:
        messages = run_tap(MemoryTarget(), api_url=sandbox.url, subscription_key=sandbox.key)

    announced = [message["stream"] for message in messages if message["type"] == "SCHEMA"]
    assert len(announced) == len(set(announced)) == 5


def test_the_bytes_of_states_grow_with_the_countries_and_not_with_their_square(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A state is always whole: were there one for each country, three times the countries would take nine times."""
    monkeypatch.setattr(schedule, "_ENOUGH", 1)

    def bytes_of_states(countries: int) -> int:
        with SandboxServer(invent(seed=5, countries=countries)) as sandbox:
            messages = run_tap(MemoryTarget(), api_url=sandbox.url, subscription_key=sandbox.key)
        return sum(len(json.dumps(message)) for message in messages if message["type"] == "STATE")

    few, many = bytes_of_states(10), bytes_of_states(30)

    assert many < 4 * few


def test_a_run_that_is_killed_while_many_countries_have_news_repeats_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is announced and not confirmed is sent again whole, however few of its rows are new."""
    monkeypatch.setattr(schedule, "_ENOUGH", 100)
    target = MemoryTarget()
    with SandboxServer(invent(seed=5, countries=12)) as sandbox:
        config: dict[str, Any] = {"api_url": sandbox.url, "subscription_key": sandbox.key, "scrub_fraction": 0}
        run_tap(target, **config)
        sandbox.world.publish(*[add_round] * 30, rng=random.Random(7))

        messages = run_tap(target, **config)

    records = [message["record"]["admin0_pcode"] for message in messages if message["type"] == "RECORD"]
    assert len(set(records)) > 6  # countries have news
    at_stake = [unfinished(message["value"]) for message in messages if message["type"] == "STATE"]
    rows = Counter(row["admin0_pcode"] for level in (0, 1, 2) for row in target.live(f"idp_admin{level}"))
    assert 0 < max(at_stake) <= 100 + max(rows.values())


def unfinished(state: dict[str, Any]) -> int:
    """Return the number of rows that a state says may be in the target, without a digest of them."""
    marks = state["bookmarks"].values()
    partitions = [each for mark in marks for each in mark.get("partitions", ())]
    operations = [mark for each in partitions for mark in each.get("operations", {}).values()]
    return sum(mark["rows"] for mark in operations if not mark["digest"])
