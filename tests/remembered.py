"""Random histories of publications that a target remembers: what it had seen, it can say for ever."""

from __future__ import annotations

import datetime as dt
import json
from copy import deepcopy
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from typing_extensions import override

from tap_dtm.errors import DtmPartialSyncError
from tap_dtm.sandbox import COUNTRY, INVISIBLE, VISIBLE
from tap_dtm.sandbox.visible import withdraw_operation, withdraw_round
from tap_dtm.singer import history
from tests.asof import Rows, as_of, looked_at, without_additions
from tests.histories import ENDS, History
from tests.target import MemoryTarget, Message, run_tap, selecting
from tests.world import LEVELS, count, served

if TYPE_CHECKING:
    from collections import Counter

LISTS = ("countries", "operations")
TABLES = tuple(f"idp_admin{level}" for level in LEVELS)
HISTORIES = tuple(f"{table}_history" for table in TABLES)
EVERYTHING = (*LISTS, *TABLES, *HISTORIES, "runs")
START = dt.datetime(2025, 1, 1, tzinfo=dt.timezone.utc)


def by_country(rows: Rows) -> dict[str, Counter[str]]:
    """Count the rows of each country."""
    codes = {row["admin0_pcode"] for row in rows}
    return {code: count(without_additions(row for row in rows if row["admin0_pcode"] == code)) for code in codes}


class DrainingTarget(MemoryTarget):
    """Keeps records until it drains them, stream by stream in any order; only then does it confirm a STATE."""

    def __init__(self) -> None:
        super().__init__()
        self.rng = Random(0)
        self._waiting: list[Message] = []

    @override
    def handle(self, message: Message) -> None:
        if message["type"] == "SCHEMA":
            super().handle(message)
            return
        self._waiting.append(message)
        if self.rng.random() < 0.1:
            self.drain()

    def drain(self, streams: int | None = None) -> None:
        """Write what waits: of all streams, or of so many, and then a part of the next one's, before it is killed."""
        waiting, self._waiting = self._waiting, []
        names = sorted({message["stream"] for message in waiting if "stream" in message})
        self.rng.shuffle(names)
        for number, name in enumerate(names):
            own = [message for message in waiting if message.get("stream") == name]
            if streams is not None and number >= streams:
                own = own[: self.rng.randint(0, len(own))] if number == streams else []
            for message in own:
                super().handle(message)
        states = [message for message in waiting if message["type"] == "STATE"]
        if states and streams is None:
            super().handle(states[-1])

    def end(self, *, is_killed: bool) -> None:
        """End as a program does whose input ends, or that is killed in the middle of it."""
        self.drain(self.rng.randint(0, 5) if is_killed else None)


class RememberedHistory(History):
    """Whatever happens, the histories say of each run what the API served then, at every level that it read."""

    mutations = (*VISIBLE, *COUNTRY, *INVISIBLE)
    scrub_fraction = 1
    selections: ClassVar[list[tuple[str, ...]]] = [EVERYTHING]
    target: DrainingTarget

    def __init__(self) -> None:
        super().__init__()
        self.target = DrainingTarget()
        self.seen: dict[str, dict[int, Counter[str]]] = {}
        self.backups: list[dict[str, Any]] = [{}]
        self.selected: tuple[str, ...] = EVERYTHING
        self.killed: set[str] = set()
        self.is_table_whole = True
        self.clock_must_go = False

    @initialize(seed=st.integers(0, 10**9))
    def toss(self, seed: int) -> None:
        self.rng = self.target.rng = Random(seed)

    @rule(older=st.integers(0, 3), seed=st.integers(0, 10**9), share=ENDS)
    def lose_state(self, older: int, seed: int, share: float) -> None:
        """The state is lost, or an older one comes back: the tables keep rows that nobody knows of."""
        self.target.state = deepcopy(self.backups[-1 - older % len(self.backups)])
        self.is_table_whole = False
        self.clock_must_go = True
        self.world.publish(*Random(seed).choice([(), (withdraw_round,), (withdraw_operation,)]), rng=Random(seed))
        self.sync(share)

    @override
    def deliver(self, share: float) -> None:
        self.selected = self.rng.choice(self.selections)
        self.backups.append(deepcopy(self.target.state))
        with pytest.MonkeyPatch.context() as patch:
            # At times the clock is set back. The state knows of a later run, unless the state is another one.
            goes = self.clock_must_go or self.rng.random() < 0.7
            clock = START + dt.timedelta(days=len(self.backups) if goes else 1)
            patch.setattr(history, "now", lambda: clock)
            error = DtmPartialSyncError if self.may_fail else None
            messages = run_tap(
                self.target,
                error=error,
                may_fail=self.may_fail,
                **self.sync_config(),
                catalog=selecting(*self.selected, api_version=self.version),
                killed_at=share,
            )
        self.target.end(is_killed=share < 1)
        # The time of a killed run may be in no state: then the clock goes until a run that notes its time has ended.
        self.clock_must_go = share < 1 or (self.clock_must_go and "runs" not in self.selected)
        if not self.may_fail:
            self.remember(messages, is_killed=share < 1)

    def remember(self, messages: list[Message], *, is_killed: bool) -> None:
        """Write down what the API served when a run ended that read everything, or that was killed."""
        of_runs = (each["record"] for each in messages if each["type"] == "RECORD" and each["stream"] == "runs")
        times = {record["observed_at"] for record in of_runs}
        assert len(times) <= 1
        for at in times:
            assert at not in self.seen
            if is_killed:
                self.killed.add(at)
            self.seen[at] = {
                level: served(self.world, level, self.version, **self.filters)
                for level in LEVELS
                if HISTORIES[level] in self.selected
            }

    def assert_remembers(self, at: str) -> None:
        """Check that the histories still say what was seen at a time."""
        for level, rows in self.seen[at].items():
            found = self.as_of(level, at)
            if at not in self.killed:
                looked = looked_at(self.target.tables["runs"].values(), found, at)
                assert count(without_additions(looked)) == rows
                continue
            # Of a country, either all is there that the killed run saw, or all that was known before.
            before = by_country(self.as_of(level, self.time_before(at)))
            served_then = [json.loads(row) for row in rows.elements()]
            for code, country in by_country(found).items():
                assert country in (before.get(code), by_country(served_then).get(code))

    def time_before(self, at: str) -> str:
        """Return the time of the run before this one, whatever became of it."""
        times = (row["observed_at"] for row in self.target.tables.get("runs", {}).values())
        return max((time for time in times if time < at), default="")

    def as_of(self, level: int, at: str) -> Rows:
        history = self.target.tables.get(HISTORIES[level], {}).values()
        return as_of(self.target.tables.get("runs", {}).values(), history, level, at)

    @override
    def target_equals_api(self) -> None:
        for level in LEVELS:
            if self.is_synced and self.is_table_whole and TABLES[level] in self.selected:
                rows = self.target.live(TABLES[level])
                assert count(rows) == served(self.world, level, self.version, **self.filters)
        for at in self.rng.sample(sorted(self.seen), min(2, len(self.seen))) if self.seen else ():
            self.assert_remembers(at)

    @override
    def teardown(self) -> None:
        for at in self.seen:
            self.assert_remembers(at)
        super().teardown()


class ChosenHistory(RememberedHistory):
    """The same where each run reads some of the tables and of the histories, each with bookmarks of its own."""

    selections: ClassVar = [
        EVERYTHING,
        (*LISTS, *TABLES),
        (*LISTS, *HISTORIES, "runs"),
        (*HISTORIES[1:], *TABLES[:2], "runs"),
        (HISTORIES[2], "runs", "countries"),
        ("idp_admin1", "operations", HISTORIES[0], "runs"),
    ]
