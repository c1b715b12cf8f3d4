"""The SDK's own tap tests, and those of its kind that it leaves out or that cannot fail there."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from tap_dtm.sandbox import VISIBLE, SandboxServer, invent
from tap_dtm.sandbox.invent import withdraw_country
from tap_dtm.sandbox.visible import add_round
from tap_dtm.singer.tap import TapDTM
from tests.forked import forked
from tests.pipeline import sandbox_config
from tests.target import MemoryTarget, Message, run_tap
from tests.test_postgres import ALL_CODES
from tests.world import LEVELS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.world import Version

LEFT = "XZZ"  # a country that was there in an earlier run, so that tombstones are among what the SDK tests
CONFIG = {"api_url": "sandbox://?seed=2", "pcodes": "sandbox://", "accept_withdrawn_countries": [LEFT]}
SUITE = SuiteConfig(max_records_limit=None)
ONLY_V3 = {
    "displacement_reason",
    "number_males",
    "number_females",
    "idp_origin_admin1_pcode",
    "idp_origin_admin1_name",
}


def state_of_earlier_run(version: Version) -> dict[str, Any]:
    bookmark = {"reporting_date": "2024-05-31", "round_number": 3, "assessment_type": "BA", "rows": 2}
    operations = {"Invented Past": bookmark | {"digest": "0123456789abcdef", "content": "fedcba9876543210"}}
    partition = {"context": {"admin0_pcode": LEFT}, "operations": operations}
    bookmarks: dict[str, Any] = {f"idp_admin{level}": {"partitions": [partition]} for level in (0, 1, 2)}
    bookmarks["countries"] = {"api_version": version, "runs": 1, "keys": [[LEFT]]}
    bookmarks["operations"] = {"keys": [[LEFT, "Invented Past"]]}
    return {"bookmarks": bookmarks}


TestV3 = get_tap_test_class(TapDTM, config=CONFIG, suite_config=SUITE, state=state_of_earlier_run("v3"))
TestV2 = get_tap_test_class(
    TapDTM, config={**CONFIG, "api_version": "v2"}, suite_config=SUITE, state=state_of_earlier_run("v2")
)


@pytest.fixture(params=["v3", "v2"])
def version(request: pytest.FixtureRequest) -> Version:
    return request.param  # type: ignore[no-any-return]


def discover(folder: Path, version: Version) -> dict[str, dict[str, Any]]:
    """Return what the command line discovers, by stream. Neither a key nor the network is needed."""
    config = folder / "config.json"
    config.write_text(json.dumps({"api_version": version}))
    command = [*forked("tap-dtm"), "--config", str(config), "--discover"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("DTMAPI")}
    catalog = subprocess.run(command, check=True, capture_output=True, env=env).stdout
    return {stream["tap_stream_id"]: stream for stream in json.loads(catalog)["streams"]}


def replication(stream: dict[str, Any]) -> tuple[list[str], str, str | None]:
    return stream["key_properties"], stream["replication_method"], stream.get("replication_key")


def test_discovery_keeps_the_contract(tmp_path: Path, version: Version) -> None:
    streams = discover(tmp_path, version)

    idp = (["admin0_pcode", "operation", "row_number"], "INCREMENTAL", "reporting_date")
    assert {name: replication(stream) for name, stream in streams.items()} == {
        "countries": (["admin0_pcode"], "FULL_TABLE", None),
        "operations": (["admin0_pcode", "operation"], "FULL_TABLE", None),
        "idp_admin0": idp,
        "idp_admin1": idp,
        "idp_admin2": idp,
        **{f"idp_admin{level}_history": ([*idp[0], "observed_at"], "INCREMENTAL", "observed_at") for level in LEVELS},
        "runs": (["admin0_pcode", "observed_at"], "INCREMENTAL", "observed_at"),
        "pcodes": (["admin0_pcode", "pcode"], "FULL_TABLE", None),
    }
    for stream in streams.values():
        for field in stream["schema"]["properties"].values():
            assert field["title"]
            assert field["description"].endswith(".")


def test_discovered_fields(tmp_path: Path, version: Version) -> None:
    streams = discover(tmp_path, version)

    fields = {name: list(stream["schema"]["properties"]) for name, stream in streams.items()}
    assert fields["countries"] == ["admin0_pcode", "admin0_name", "_sdc_deleted_at"]
    assert fields["operations"] == ["admin0_pcode", "admin0_name", "operation", "operation_status", "_sdc_deleted_at"]
    head = ["admin0_pcode", "admin0_name", "operation", "row_number", "reporting_date", "round_number"]
    head += ["assessment_type", "year_reporting_date", "month_reporting_date"]
    admin1, admin2 = ["admin1_pcode", "admin1_name"], ["admin2_pcode", "admin2_name"]
    tail = ["num_present_idp_ind"]
    if version == "v3":
        tail += ["displacement_reason", "number_males", "number_females"]
        tail += ["idp_origin_admin1_pcode", "idp_origin_admin1_name"]
    tail.append("_sdc_deleted_at")
    assert fields["idp_admin0"] == head + tail
    assert fields["idp_admin1"] == head + admin1 + tail
    assert fields["idp_admin2"] == head + admin1 + admin2 + tail
    assert fields["pcodes"] == [
        "admin0_pcode",
        "admin_level",
        "pcode",
        "name",
        "parent_pcode",
        "valid_from",
        "_sdc_deleted_at",
    ]
    assert streams["idp_admin0"]["schema"]["properties"]["reporting_date"]["format"] == "date"


def records(messages: list[Message]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for message in messages:
        if message["type"] == "RECORD":
            found.setdefault(message["stream"], []).append(message["record"])
    return found


def test_v2_has_no_reason_sex_and_origin(version: Version) -> None:
    with SandboxServer(invent(2)) as sandbox:
        streams = records(run_tap(MemoryTarget(), **sandbox_config(sandbox, api_version=version)))

    for level in (0, 1, 2):
        for record in streams[f"idp_admin{level}"]:
            assert ONLY_V3.issubset(record) if version == "v3" else ONLY_V3.isdisjoint(record)


def test_no_two_records_of_a_run_share_a_key(version: Version) -> None:
    """Not even one that lives and one that is deleted, whatever happened since the run before."""
    target = MemoryTarget()
    deleted = 0
    with SandboxServer(invent(2)) as sandbox:
        config = sandbox_config(sandbox, api_version=version, accept_withdrawn_countries=ALL_CODES)
        for publication in range(4):
            streams = records(run_tap(target, **config))

            for stream, rows in streams.items():
                keys = Counter(tuple(row[name] for name in target.keys[stream]) for row in rows)
                assert set(keys.values()) == {1}, f"{stream}, publication {publication}"
                assert not any(None in key for key in keys)
                deleted += sum(row["_sdc_deleted_at"] is not None for row in rows)
            sandbox.world.publish(*VISIBLE, withdraw_country, rng=Random(publication))
    assert deleted


def test_the_last_message_is_a_state_that_tells_of_everything(version: Version) -> None:
    target = MemoryTarget()
    with SandboxServer(invent(2)) as sandbox:
        config = sandbox_config(sandbox, api_version=version)
        for _ in range(2):
            messages = run_tap(target, **config)

            assert messages[-1]["type"] == "STATE"
            bookmarks = messages[-1]["value"]["bookmarks"]
            assert sorted(bookmarks) == ["countries", "idp_admin0", "idp_admin1", "idp_admin2", "operations"]
            newest: dict[str, str] = {}
            for row in target.live("idp_admin0"):
                code, date = row["admin0_pcode"], row["reporting_date"]
                newest[code] = max(date, newest.get(code, ""))
            for level in LEVELS:
                # Where a level stops early, the country has been read up to its newest round all the same.
                partitions = bookmarks[f"idp_admin{level}"]["partitions"]
                assert {mark["context"]["admin0_pcode"]: mark["replication_key_value"] for mark in partitions} == newest
                assert {mark["replication_key"] for mark in partitions} == {"reporting_date"}
                assert not any("progress_markers" in mark for mark in partitions)
            sandbox.world.publish(add_round, add_round, rng=Random(2))


def test_the_connection_test_of_the_command_line(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    command = [*forked("tap-dtm"), "--config", str(config), "--test"]
    with SandboxServer(invent(2)) as sandbox:
        for key, exit_code in ((sandbox.key, 0), ("not-" + sandbox.key, 1)):
            config.write_text(json.dumps(sandbox_config(sandbox, subscription_key=key)))

            done = subprocess.run(command, check=False, capture_output=True)

            assert done.returncode == exit_code, done.stderr.decode()
            assert b"Traceback" not in done.stderr
