"""Reading ahead: as many requests at a time as are allowed, and no trace of them in the output."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

import pytest

from tap_dtm.errors import DtmAccessError, DtmPartialSyncError
from tap_dtm.exact import reading
from tap_dtm.sandbox import Fault, SandboxServer, invent
from tap_dtm.sandbox.api import Answer as Said
from tap_dtm.singer import progress, schedule
from tap_dtm.singer.tap import TapDTM
from tests.client.support import ADMIN0, sandbox_config
from tests.scripted import ScriptedServer, always
from tests.target import MemoryTarget, run_tap
from tests.world import LEVELS, count, served

if TYPE_CHECKING:
    from tap_dtm.sandbox.api import Request


class TestReadingAhead:
    """Countries are read ahead of what is emitted, up to a limit; nobody can tell from the output."""

    def test_the_output_does_not_depend_on_timing(self, sandbox: SandboxServer) -> None:
        outputs = []
        for parallel, slow in ((1, ()), (4, ("XAA", "XCA")), (4, ("XBA", "XFA")), (16, ())):
            sandbox.faults.clear()
            sandbox.faults.add(*(Fault("slow", country=code, path="admin0", seconds=0.15) for code in slow))
            messages = run_tap(MemoryTarget(), **sandbox_config(sandbox, max_parallel_requests=parallel))
            outputs.append([message for message in messages if message["type"] in {"RECORD", "STATE"}])
            for message in outputs[-1]:
                message.pop("time_extracted", None)
        assert outputs[0] == outputs[1] == outputs[2] == outputs[3]

    @pytest.mark.parametrize("parallel", [1, 3])
    def test_never_more_requests_than_allowed_but_as_many(self, sandbox: SandboxServer, parallel: int) -> None:
        everyone_is_in = threading.Barrier(parallel)
        codes = {country.pcode for country in sandbox.world.countries}
        assert len(codes) == 6
        with ScriptedServer(always("")) as server:
            open_now: list[str] = []
            most: list[int] = []
            lock = threading.Lock()

            def respond(request: Request) -> Said:
                code = request.params.get("admin0pcode", "")
                with lock:
                    open_now.append(code)
                    most.append(len(open_now))
                if request.path == ADMIN0:
                    everyone_is_in.wait(30)  # breaks unless that many are asked at the same time
                with lock:
                    open_now.remove(code)
                status, _, body, _ = sandbox.respond(request)
                return Said(status, body.decode())

            server.respond = respond
            target = MemoryTarget()
            run_tap(target, api_url=server.url, subscription_key=sandbox.key, max_parallel_requests=parallel)
        assert max(most) == parallel
        assert count(target.live("idp_admin0")) == served(sandbox.world, 0)

    def test_the_last_country_is_asked_for_both_levels_at_once_after_its_index(self, sandbox: SandboxServer) -> None:
        """A level that was asked for before the index could lack a round that the index has, as if it were a gap."""
        both_are_in = threading.Barrier(2)
        answered: list[str] = []
        with ScriptedServer(always("")) as server:

            def respond(request: Request) -> Said:
                if request.path.endswith(("admin1", "admin2")):
                    assert ADMIN0 in answered
                    both_are_in.wait(30)  # breaks unless both are asked for at the same time
                status, _, body, _ = sandbox.respond(request)
                answered.append(request.path)
                return Said(status, body.decode())

            server.respond = respond
            target = MemoryTarget()
            run_tap(target, api_url=server.url, subscription_key=sandbox.key, countries=["XAA"])
        for level in LEVELS:
            assert count(target.live(f"idp_admin{level}")) == served(sandbox.world, level, countries=["XAA"])

    def test_a_failure_of_a_level_asked_aside_fails_the_country(self, sandbox: SandboxServer) -> None:
        sandbox.faults.add(Fault("wrong_country", path="admin2", country="XAA"))
        target = MemoryTarget()
        run_tap(target, **sandbox_config(sandbox, countries=["XAA", "XBA"]), error=DtmPartialSyncError)
        for level in LEVELS:
            assert count(target.live(f"idp_admin{level}")) == served(sandbox.world, level, countries=["XBA"])

    def test_a_sandbox_under_load_agrees(self, sandbox: SandboxServer) -> None:
        sandbox.faults.add(Fault("slow", path="admin", seconds=0.02))
        run_tap(MemoryTarget(), **sandbox_config(sandbox, max_parallel_requests=2))
        assert sandbox.most_at_once <= 2

    def test_a_target_that_stops_reading_stops_the_requests(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Memory is bounded: while rows wait, no further country is read."""
        monkeypatch.setattr(reading, "_MOST_ROWS", 1)
        monkeypatch.setattr(schedule, "_ENOUGH", 1)
        with SandboxServer(invent(seed=2, countries=20)) as sandbox:
            order = [str(row["admin0Pcode"]) for row in sandbox.world.country_list()]
            tap = TapDTM(config=sandbox_config(sandbox, max_parallel_requests=3))
            records = iter(tap.streams["countries"].get_records(None))
            next(records)  # the run has begun, and nobody asks for more
            ahead = tap.schedule._reading

            def asked() -> set[str]:
                return {request.params["Admin0Pcode"] for request in sandbox.requests if request.path == ADMIN0}

            assert all(ahead.is_ready(code, within=30) for code in order[:3])
            assert asked() == set(order[:3])
            assert all(tap.schedule.changes(code) is not None for code in order[:2])
            assert asked() == set(order[:3])
            assert tap.schedule.changes(order[2]) is not None
            assert all(ahead.is_ready(code, within=30) for code in order[3:6])
            assert asked() == set(order[:6])

    def test_a_long_run_shows_how_far_it_is(
        self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(progress, "_INTERVAL", 0.2)
        monkeypatch.setattr(schedule, "_ENOUGH", 1)
        slow = str(sandbox.world.country_list()[-1]["admin0Pcode"])
        sandbox.faults.add(Fault("slow", path="admin0", country=slow, seconds=1))

        with caplog.at_level("INFO", "tap-dtm"):
            run_tap(MemoryTarget(), **sandbox_config(sandbox))

        said = [record.getMessage() for record in caplog.records if "countries done" in record.getMessage()]
        line = r"5 of 6 countries done, with \d+ rows and \d+ requests; about 0 min left; reading " + slow
        assert any(re.fullmatch(line, each) for each in said), said

    def test_a_refused_key_ends_the_run_at_once(self, sandbox: SandboxServer) -> None:
        """No other country would fare better, so none is tried in vain."""
        sandbox.faults.add(Fault("quota", path="admin0", after=1))
        target = MemoryTarget()
        run_tap(target, **sandbox_config(sandbox, max_parallel_requests=1), error=DtmAccessError)
        assert sum(request.path == ADMIN0 for request in sandbox.requests) == 2
        first = {row["admin0_pcode"] for row in target.live("idp_admin2")}
        assert len(first) == 1

        sandbox.faults.clear()
        run_tap(target, **sandbox_config(sandbox))
        for level in LEVELS:
            assert count(target.live(f"idp_admin{level}")) == served(sandbox.world, level)
