"""P-codes through the Airbyte source: offered where there is a list, and loaded as the other lists are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.airbyte.catalog import DELETED, discover
from tap_dtm.exact.bookmarks import ListBookmark, after_full_refresh
from tap_dtm.exact.state import packed
from tests.airbyte.support import Source, records

if TYPE_CHECKING:
    from pathlib import Path

OFFLINE = {"api_url": "sandbox://?countries=2", "pcodes": "sandbox://"}


def catalog(mode: str) -> dict[str, Any]:
    streams = {stream["name"]: stream for stream in discover("v3", has_pcodes=True)["streams"]}
    return {"streams": [{"stream": streams["pcodes"], "sync_mode": mode, "destination_sync_mode": "append"}]}


@pytest.mark.parametrize("pcodes", ["sandbox://", "", " ", None])
def test_it_is_offered_where_the_settings_name_a_list(source: Source, pcodes: str | None) -> None:
    _, messages = source.run("discover", config={**OFFLINE, "pcodes": pcodes})

    (found,) = [message["catalog"]["streams"] for message in messages if message["type"] == "CATALOG"]
    assert ("pcodes" in {stream["name"] for stream in found}) == (pcodes == "sandbox://")


@pytest.mark.parametrize("mode", ["full_refresh", "incremental"])
def test_it_is_read(source: Source, mode: str) -> None:
    code, messages = source.run("read", config=OFFLINE, catalog=catalog(mode))

    rows = records(messages, "pcodes")
    assert code == 0
    assert {row["admin0_pcode"] for row in rows} == {"XAA", "XBA"}
    assert all(row[DELETED] is None for row in rows)


def test_a_list_that_cannot_be_read_leaves_the_stream_incomplete(source: Source, tmp_path: Path) -> None:
    config = {**OFFLINE, "pcodes": str(tmp_path / "none.csv")}

    code, messages = source.run("read", config=config, catalog=catalog("incremental"))

    statuses = [
        message["trace"]["stream_status"]["status"]
        for message in messages
        if message["type"] == "TRACE" and message["trace"]["type"] == "STREAM_STATUS"
    ]
    assert code == 1
    assert statuses[-1] == "INCOMPLETE"
    assert records(messages, "pcodes") == []


def test_after_a_full_refresh_the_codes_of_either_table_are_known() -> None:
    before, after = ({"keys": packed([("XAA", code)]), "runs": 1} for code in ("XA01", "XA02"))

    found = ListBookmark(after_full_refresh(before, after)).keys

    assert found == [("XAA", "XA01"), ("XAA", "XA02")]
