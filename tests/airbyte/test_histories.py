"""Exactness on random histories: whatever DTM publishes, whatever is synced how, the deduped tables equal the API."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant
from typing_extensions import override

from tap_dtm.airbyte import messages
from tap_dtm.airbyte.catalog import DELETED
from tap_dtm.errors import DtmPartialSyncError
from tap_dtm.sandbox import COUNTRY, INVISIBLE, VISIBLE
from tests.airbyte.support import (
    DEDUP,
    LISTS,
    OVERWRITE,
    STREAMS,
    Destination,
    configured,
    key_of,
    records,
    run_read,
)
from tests.histories import History, long, quiet

__all__ = ["quiet"]


class AirbyteHistory(History):
    """As for the tap; and every sync has its own choice of streams and modes, and a clock that goes as it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.destination = Destination()
        self.synced: list[str] = []

    @initialize(seed=st.integers(0, 10**9))
    def toss(self, seed: int) -> None:
        self.rng = Random(seed)

    @override
    def deliver(self, share: float) -> None:
        some = self.rng.sample(STREAMS, self.rng.randint(1, 4))
        streams = STREAMS if self.reads_every_stream else self.rng.choice([STREAMS, STREAMS, some])
        modes = {name: self.rng.choice([DEDUP, DEDUP, DEDUP, OVERWRITE]) for name in streams}
        catalog = configured(modes, self.version)
        with pytest.MonkeyPatch.context() as patch:
            moment = self.rng.choice([10**12, 2 * 10**12, self.rng.randrange(10**12, 4 * 10**12)])
            patch.setattr(messages, "now", lambda: moment)
            try:
                written = run_read(catalog, self.destination.state, **self.sync_config())
            except DtmPartialSyncError:
                assert self.may_fail
                return  # whatever was written is lost, as when the destination is killed
        for name in streams:
            rows = records(written, name)
            assert len({key_of(name, row) for row in rows}) == len(rows)  # no sync sends a row twice
            assert modes[name] == DEDUP or all(row[DELETED] is None for row in rows)
        self.destination.take(written, catalog, None if share == 1 else self.rng)
        self.synced = list(streams)

    @invariant()
    @override
    def target_equals_api(self) -> None:
        if self.is_synced:
            self.destination.assert_equals_api(self.world, self.version, self.synced, **self.filters)


class ScrubbedAirbyteHistory(AirbyteHistory):
    """Every change is found at once when every sync re-reads everything."""

    mutations = (*VISIBLE, *COUNTRY, *INVISIBLE)
    scrub_fraction = 1


class ListsAlone(AirbyteHistory):
    """The two lists are streams like others."""

    @override
    def deliver(self, share: float) -> None:
        catalog = configured(dict.fromkeys(LISTS, DEDUP), self.version)
        try:
            written = run_read(catalog, self.destination.state, **self.sync_config())
        except DtmPartialSyncError:
            assert self.may_fail
            return
        self.destination.take(written, catalog, None if share == 1 else self.rng)
        self.synced = list(LISTS)


TestAirbyteHistory = AirbyteHistory.TestCase
TestAirbyteHistory.settings = long(12)
TestScrubbedAirbyteHistory = ScrubbedAirbyteHistory.TestCase
TestScrubbedAirbyteHistory.settings = long(10)
TestListsAlone = ListsAlone.TestCase
TestListsAlone.settings = long(5)
