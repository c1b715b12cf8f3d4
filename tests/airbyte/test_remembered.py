"""What DTM said at every sync, in Airbyte's tables: each stream has a state of its own, and is lost on its own."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant
from typing_extensions import override

from tap_dtm.airbyte.catalog import CURSOR
from tap_dtm.errors import DtmError, DtmPartialSyncError
from tap_dtm.sandbox import COUNTRY, INVISIBLE, VISIBLE, SandboxServer
from tests.airbyte.support import (
    APPEND,
    DEDUP,
    HISTORIES,
    OVERWRITE,
    STREAMS,
    Destination,
    configured,
    records,
    run_read,
    sync,
)
from tests.asof import Rows, as_of, without_additions
from tests.guards.support import small_world
from tests.histories import History, long, quiet
from tests.world import LEVELS, count, served

if TYPE_CHECKING:
    from collections import Counter

__all__ = ["quiet"]

KEPT = (*HISTORIES, "runs")


class RememberedSyncs(History):
    """Whatever is lost on its way to which table, the histories say of each sync what the API served then."""

    mutations = (*VISIBLE, *COUNTRY, *INVISIBLE)
    scrub_fraction = 1

    def __init__(self) -> None:
        super().__init__()
        self.destination = Destination()
        self.seen: dict[str, dict[int, Counter[str]]] = {}

    @initialize(seed=st.integers(0, 10**9))
    def toss(self, seed: int) -> None:
        self.rng = Random(seed)

    @override
    def deliver(self, share: float) -> None:
        # A clock that is set back could give a sync that was lost, and is in no state, the time of another one.
        tables = self.rng.choice([STREAMS, self.rng.sample(STREAMS, self.rng.randint(0, 3))])
        modes = {name: self.rng.choice([DEDUP, OVERWRITE]) for name in tables} | dict.fromkeys(KEPT, APPEND)
        catalog = configured(modes, self.version)
        try:
            written = run_read(catalog, self.destination.state, **self.sync_config())
        except DtmPartialSyncError:
            assert self.may_fail
            return  # whatever was written is lost, as when the destination is killed
        self.destination.take(written, catalog, None if share == 1 else self.rng)
        if share == 1 and not self.may_fail:
            for at in {row["observed_at"] for row in records(written, "runs")}:
                self.seen[at] = {level: served(self.world, level, self.version, **self.filters) for level in LEVELS}

    def as_of(self, level: int, at: str) -> Rows:
        rows = [{**row} for row in self.destination.rows[HISTORIES[level]]]
        for row in rows:
            del row[CURSOR], row["_airbyte_extracted_at"]
        return as_of(self.destination.rows["runs"], rows, level, at)

    @invariant()
    @override
    def target_equals_api(self) -> None:
        for at in self.rng.sample(sorted(self.seen), min(2, len(self.seen))) if self.seen else ():
            for level, rows in self.seen[at].items():
                assert count(without_additions(self.as_of(level, at))) == rows


TestRememberedSyncs = RememberedSyncs.TestCase
TestRememberedSyncs.settings = long(12)


def test_a_full_refresh_of_a_history_is_refused() -> None:
    refused = "full refresh of idp_admin1_history, and its past cannot be read again"
    with SandboxServer(small_world()) as sandbox, pytest.raises(DtmError, match=refused):
        sync(sandbox, Destination(), {"idp_admin1_history": OVERWRITE, "runs": DEDUP})


def test_a_history_without_the_runs_is_refused() -> None:
    with SandboxServer(small_world()) as sandbox, pytest.raises(DtmError, match="select all of runs as well"):
        sync(sandbox, Destination(), {"idp_admin1_history": DEDUP})


def test_the_fields_that_say_which_rows_count_are_always_sent() -> None:
    with SandboxServer(small_world()) as sandbox:
        catalog: Any = configured(dict.fromkeys(KEPT, APPEND))
        for each in catalog["streams"]:
            each["stream"]["json_schema"]["properties"] = {"admin0_pcode": {}}
        messages = run_read(catalog, (), api_url=sandbox.url, subscription_key=sandbox.key)

    marks = {"observed_at", "is_withdrawn", "cause", "seen_by"}
    assert all(row.keys() >= marks for row in records(messages, "idp_admin2_history"))
    assert all(row.keys() >= {"outcome", "admin2_follows"} for row in records(messages, "runs"))
