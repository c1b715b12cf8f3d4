"""A country that is gone: its rows stay until somebody accepts that they go."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.errors import DtmPartialSyncError
from tap_dtm.sandbox import Fault, SandboxServer
from tests.guards.support import add_a_round_in, assert_exact, bookmarks_of, rows_of, sync
from tests.world import LEVELS, count, served

if TYPE_CHECKING:
    from tests.target import MemoryTarget


class TestAWithdrawnCountry:
    """Point 11: rows are not removed because of an answer that may be a mistake."""

    @staticmethod
    def leave_the_list(sandbox: SandboxServer) -> None:
        sandbox.world.publish()
        sandbox.world.countries = tuple(each for each in sandbox.world.countries if each.pcode != "XBA")

    @staticmethod
    def answer_with_nothing(sandbox: SandboxServer) -> None:
        sandbox.faults.add(Fault("empty", country="XBA"))

    @staticmethod
    def be_unknown(sandbox: SandboxServer) -> None:
        sandbox.faults.add(Fault("refused", country="XBA", message="No Country Code found matching your query."))

    WAYS = ("leave_the_list", "answer_with_nothing", "be_unknown")

    @pytest.mark.parametrize("way", WAYS)
    def test_is_kept_and_reported_until_it_is_accepted(
        self, sandbox: SandboxServer, loaded: MemoryTarget, way: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        rows, bookmarks = rows_of(loaded, "XBA"), bookmarks_of(loaded, "XBA")
        getattr(self, way)(sandbox)

        for _ in range(2):
            caplog.clear()
            sync(sandbox, loaded, error=DtmPartialSyncError)
            assert rows_of(loaded, "XBA") == rows
            assert bookmarks_of(loaded, "XBA") == bookmarks
            assert len([row for row in loaded.live("countries") if row["admin0_pcode"] == "XBA"]) == 1
            (error,) = (record.getMessage() for record in caplog.records if record.levelno == logging.ERROR)
            assert "rows" in error
            assert "were delivered before: they are kept" in error
            assert error.endswith("add XBA to accept_withdrawn_countries.")

        sync(sandbox, loaded, accept_withdrawn_countries=["xba"])
        for level in LEVELS:
            table = [row for row in loaded.tables[f"idp_admin{level}"].values() if row["admin0_pcode"] == "XBA"]
            assert len(table) == len(rows[f"idp_admin{level}"])
            for row in table:
                assert row["_sdc_deleted_at"]
                kept = {name for name, value in row.items() if value is not None}
                assert kept == {"admin0_pcode", "operation", "row_number", "_sdc_deleted_at"}
            others = count(loaded.live(f"idp_admin{level}"))
            assert others == served(sandbox.world, level, countries=["XAA", "XCA"])

        if way == "leave_the_list":  # else it is still listed
            assert [row for row in loaded.live("countries") if row["admin0_pcode"] == "XBA"] == []
        messages = sync(sandbox, loaded, accept_withdrawn_countries=["XBA"])
        assert not [each for each in messages if _is_about("XBA", each)]

    @pytest.mark.parametrize("way", WAYS)
    def test_that_comes_back_is_picked_up(self, sandbox: SandboxServer, target: MemoryTarget, way: str) -> None:
        world = sandbox.world.copy()
        sync(sandbox, target)
        getattr(self, way)(sandbox)
        sync(sandbox, target, accept_withdrawn_countries=["XBA"])
        sandbox.faults.clear()
        sandbox.world = world
        sync(sandbox, target)
        assert_exact(sandbox.world, target)
        assert len(target.live("countries")) == 3

    def test_without_rows_needs_no_leave(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        sandbox.faults.add(Fault("empty", country="XBA"))
        sync(sandbox, target)
        sandbox.faults.clear()
        self.leave_the_list(sandbox)
        sync(sandbox, target)
        assert {row["admin0_pcode"] for row in target.live("countries")} == {"XAA", "XCA"}

    def test_that_is_not_read_is_no_concern(self, sandbox: SandboxServer, loaded: MemoryTarget) -> None:
        rows = rows_of(loaded, "XBA")
        self.leave_the_list(sandbox)
        sync(sandbox, loaded, countries=["XAA"])
        assert rows_of(loaded, "XBA") == rows

    def test_that_the_settings_name_is_not_taken_for_a_typing_error(
        self, sandbox: SandboxServer, loaded: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.leave_the_list(sandbox)
        sync(sandbox, loaded, countries=["XAA", "XBA"], error=DtmPartialSyncError)
        assert "XBA has left DTM's country list" in caplog.text

    @pytest.mark.parametrize("level", [1, 2])
    def test_a_level_that_falls_silent_is_the_same(
        self, sandbox: SandboxServer, loaded: MemoryTarget, level: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        rows = rows_of(loaded, "XBA")
        sandbox.world.publish(add_a_round_in(1))
        sandbox.faults.add(Fault("empty", country="XBA", path=f"admin{level}"))
        sync(sandbox, loaded, error=DtmPartialSyncError)
        assert rows_of(loaded, "XBA") == rows
        assert f"answers with nothing at all at admin {level}" in caplog.text

        sandbox.faults.clear()
        sync(sandbox, loaded)
        assert_exact(sandbox.world, loaded)


def _is_about(code: str, message: dict[str, Any]) -> bool:
    is_record = message["type"] == "RECORD" and message["stream"].startswith("idp_")
    return is_record and bool(message["record"]["admin0_pcode"] == code)
