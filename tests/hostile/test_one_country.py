"""One country's answer is hostile: it fails, in time and memory that are bounded, and the others are delivered."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.errors import DtmPartialSyncError
from tap_dtm.exact.country import CountryReader
from tap_dtm.sandbox import SANDBOX_KEY, SandboxServer
from tests.airbyte.support import EVERYTHING, configured, records, run_read
from tests.guards.support import FLOOD, a_round, an_operation, put_operations, small_world
from tests.hostile import support
from tests.hostile.support import VICTIM, RawServer
from tests.target import MemoryTarget, run_tap
from tests.world import count, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_dtm.exact.country import Aside, CountryChanges, Job
    from tests.hostile.support import Hostility

TOO_LARGE = r"the answer is larger than 2 MB, which is the limit of all answers\. .* raise answer_budget_mb"
TOO_SLOW = r"the answer was not complete within 0\.3 s\. Raise request_timeout"
NO_END = r"the head of the answer does not end"
HOSTILITIES: dict[str, tuple[Hostility, str]] = {
    "endless body": (support.endless_body, TOO_LARGE),
    "endless body of a redirect": (partial(support.endless_body, status=302), "HTTP 404"),
    "endless body of a 500": (partial(support.endless_body, status=500), "HTTP 500"),
    "endless list": (support.endless_list, TOO_LARGE),
    "gzip bomb": (support.gzip_bomb, TOO_LARGE),
    "gzip bomb in a gzip bomb": (support.nested_gzip_bomb, f"{TOO_LARGE}|{TOO_SLOW}"),
    "dripping body": (support.dripping_body, TOO_SLOW),
    "dripping chunk size": (support.dripping_chunk, TOO_SLOW),
    "dripping status line": (support.dripping_status, TOO_SLOW),
    "dripping header": (support.dripping_header, TOO_SLOW),
    "dripping trailers": (support.dripping_trailers, TOO_SLOW),
    "dripping 100 Continue": (support.dripping_continue, TOO_SLOW),
    "endless 100 Continue": (support.endless_continue, NO_END),
    "endless trailers": (support.endless_trailers, TOO_LARGE),
    "endless trailer": (support.endless_trailer, "failed or was interrupted|larger than 2 MB"),
    "endless chunk size": (support.endless_chunk_size, "failed or was interrupted|larger than 2 MB"),
    "memory bomb": (support.memory_bomb, "would take far more memory than rows of the DTM API do"),
    "memory bomb in one row": (support.nested_bomb, "would take far more memory than rows of the DTM API do"),
}


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """The victim has one round, so that its answer is asked for once: there is nothing smaller to ask for."""
    world = small_world()
    put_operations(world, VICTIM, an_operation(FLOOD, a_round(1, 2021, 100, 200)))
    with SandboxServer(world) as server:
        yield server


@pytest.fixture
def _little_patience(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    """A whole answer may take a third of a second, where time is what ends it."""
    monkeypatch.setattr("tap_dtm.api.network.PATIENCE", 0.3 if TOO_SLOW in words else 30)


def config_for(server: RawServer) -> dict[str, Any]:
    return {
        "api_url": server.url,
        "subscription_key": SANDBOX_KEY,
        "max_retries": 0,
        "request_timeout": 1,
        "answer_budget_mb": 2,
        "scrub_fraction": 0,
    }


@pytest.mark.usefixtures("_little_patience")
@pytest.mark.parametrize(("hostility", "words"), HOSTILITIES.values(), ids=HOSTILITIES)
class TestAHostileAnswer:
    def test_fails_one_country_of_the_tap(
        self, sandbox: SandboxServer, hostility: Hostility, words: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        target = MemoryTarget()

        with RawServer(sandbox, hostility) as server:
            run_tap(target, error=DtmPartialSyncError, **config_for(server))

        (failure,) = (record.getMessage() for record in caplog.records if record.levelname == "ERROR")
        assert failure.startswith(f"{VICTIM} failed and keeps its rows and bookmarks: ")
        assert re.search(words, failure)
        for level in (0, 1, 2):
            assert count(target.live(f"idp_admin{level}")) == served(sandbox.world, level, countries=["XAA", "XCA"])

    @pytest.mark.everything
    def test_fails_one_country_of_the_airbyte_source(
        self, sandbox: SandboxServer, hostility: Hostility, words: str
    ) -> None:
        with RawServer(sandbox, hostility) as server:
            messages = run_read(configured(EVERYTHING), error=DtmPartialSyncError, **config_for(server))

        assert words
        assert {row["admin0_pcode"] for row in records(messages, "idp_admin2")} == {"XAA", "XCA"}


def test_memory_that_runs_out_while_a_country_is_read_fails_that_country(
    sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    read = CountryReader.read

    def short_of_memory(self: CountryReader, job: Job, aside: Aside) -> CountryChanges:
        if job.code == VICTIM:
            raise MemoryError
        return read(self, job, aside)

    monkeypatch.setattr(CountryReader, "read", short_of_memory)
    target = MemoryTarget()

    run_tap(target, error=DtmPartialSyncError, api_url=sandbox.url, subscription_key=SANDBOX_KEY)

    assert "XBA failed and keeps its rows and bookmarks: There is not enough memory for this country." in caplog.text
    assert count(target.live("idp_admin2")) == served(sandbox.world, 2, countries=["XAA", "XCA"])
