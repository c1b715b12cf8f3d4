"""Real recorded answers, replayed: every row arrives, and a second run finds nothing new.

The recordings may not be redistributed, so they are no part of this project: where they are absent, these tests skip.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tap_dtm.apicheck import check
from tap_dtm.sandbox.api import Answer
from tap_dtm.settings import Settings
from tests.scripted import ScriptedServer
from tests.target import MemoryTarget, run_tap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_dtm.sandbox.api import Request

RECORDED = Path(__file__).parents[2] / "shared" / "recorded"
pytestmark = pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not here")

EMPTY: dict[str, object] = {
    "result": [],
    "statusCode": 204,
    "isSuccess": True,
    "errorMessages": ["No matching data found."],
    "totalRecordsCount": 0,
}


def _recorded(request: Request) -> Answer:
    endpoint = request.path.removeprefix("/v3/displacement/")
    country = request.params.get("admin0pcode", "").lower()
    suffix = f"-admin0pcode-{country}" if country else ""
    recording = RECORDED / f"displacement-{endpoint}{suffix}.json"
    return Answer(200, recording.read_text("utf-8") if recording.exists() else EMPTY)


@pytest.fixture
def replay() -> Iterator[str]:
    with ScriptedServer(_recorded) as server:
        yield server.url


def _published(level: int, country: str) -> Counter[str]:
    rows = json.loads((RECORDED / f"displacement-admin{level}-admin0pcode-{country}.json").read_bytes())["result"]
    for row in rows:
        row.pop("id", None)
        row["reportingDate"] = row["reportingDate"].removesuffix("T00:00:00")
    return Counter(json.dumps(sorted(map(str, row.values()))) for row in rows)


@pytest.mark.parametrize(("country", "counts"), [("hti", (114, 235, 1384)), ("tcd", (56, 56, 145))])
def test_every_recorded_row_arrives_once(replay: str, country: str, counts: tuple[int, int, int]) -> None:
    target = MemoryTarget()

    run_tap(target, api_url=replay, subscription_key="invented-key")

    for level, count in enumerate(counts):
        rows = [row for row in target.live(f"idp_admin{level}") if row["admin0_pcode"] == country.upper()]
        arrived = Counter(
            json.dumps(sorted(str(v) for k, v in row.items() if k not in {"row_number", "_sdc_deleted_at"}))
            for row in rows
        )
        assert len(rows) == count
        assert arrived == _published(level, country)


@pytest.mark.parametrize("country", ["HTI", "TCD"])
def test_the_check_finds_all_that_is_needed(replay: str, country: str) -> None:
    """The replay ignores filters, which is no failure."""
    report = check(
        Settings.from_config({"api_url": replay, "subscription_key": "invented-key", "countries": [country]})
    )

    report.raise_failure()
    assert not [line for line in report.text.splitlines() if line.startswith("not checked") and "Admin" in line]


def test_a_second_run_emits_nothing(replay: str) -> None:
    target = MemoryTarget()
    run_tap(target, api_url=replay, subscription_key="invented-key", scrub_fraction=0)

    messages = run_tap(target, api_url=replay, subscription_key="invented-key", scrub_fraction=0)

    assert not [m for m in messages if m["type"] == "RECORD" and m["stream"].startswith("idp_")]
