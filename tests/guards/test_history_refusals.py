"""The histories and the runs: what is refused, because nobody could read them again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tap_dtm.errors import DtmError
from tests.guards.support import sync, warnings
from tests.history_messages import ALL, assert_remembers, records
from tests.remembered import EVERYTHING, HISTORIES, LISTS, TABLES
from tests.target import MemoryTarget, selecting

if TYPE_CHECKING:
    from tap_dtm.sandbox import SandboxServer


class TestWhatIsRefused:
    def test_a_history_without_the_runs(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        with pytest.raises(DtmError, match=r"selects idp_admin1_history and not runs, which says which of their rows"):
            sync(sandbox, target, catalog=selecting("idp_admin1_history"))

    def test_a_map_that_removes_the_runs(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        with pytest.raises(DtmError, match=r"do not remove it with stream_maps"):
            sync(sandbox, target, catalog=ALL, stream_maps={"runs": None})

    @pytest.mark.parametrize("column", ["observed_at", "is_withdrawn", "cause", "seen_by", "round_number"])
    def test_a_map_of_what_says_which_rows_count(
        self, sandbox: SandboxServer, target: MemoryTarget, column: str
    ) -> None:
        with pytest.raises(DtmError, match=rf"changes or drops the column {column} of idp_admin0_history"):
            sync(sandbox, target, catalog=ALL, stream_maps={"idp_admin0_history": {column: None}})

    @pytest.mark.parametrize("stream", [*HISTORIES, "runs"])
    def test_a_full_refresh_of_what_cannot_be_read_again(
        self, sandbox: SandboxServer, target: MemoryTarget, stream: str
    ) -> None:
        catalog = selecting(*EVERYTHING)
        for each in catalog["streams"]:
            if each["tap_stream_id"] == stream:
                each["replication_method"] = "FULL_TABLE"

        with pytest.raises(DtmError, match=rf"{stream} with FULL_TABLE, and what was true in the past cannot be read"):
            sync(sandbox, target, catalog=catalog)

    def test_deselecting_what_says_which_rows_count(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        catalog = selecting(*EVERYTHING)
        for each in catalog["streams"]:
            for entry in each["metadata"]:
                if entry["breadcrumb"]:
                    entry["metadata"]["selected"] = False
        messages = sync(sandbox, target, catalog=catalog)

        for row in records(messages, *HISTORIES):
            assert row.keys() >= {"observed_at", "is_withdrawn", "cause", "seen_by", "reporting_date", "round_number"}
        for row in records(messages, "runs"):
            assert row.keys() >= {"outcome", "admin0_rows", "admin2_follows"}


@pytest.mark.parametrize("full_table", [False, True])
def test_no_message_asks_targets_to_remove_a_history(
    sandbox: SandboxServer, target: MemoryTarget, *, full_table: bool
) -> None:
    """Not even where their tables are read with FULL_TABLE, and the setting asks for such messages."""
    catalog = selecting(*EVERYTHING, full_table=full_table)
    sync(sandbox, target, catalog=catalog, emit_activate_version_messages=True)
    messages = sync(sandbox, target, catalog=catalog, emit_activate_version_messages=True)

    activated = {each["stream"] for each in messages if each["type"] == "ACTIVATE_VERSION"}
    assert activated == ({*LISTS, *TABLES} if full_table else {*LISTS})
    assert not records(messages, *HISTORIES)
    assert_remembers(target, messages, sandbox.world)


def test_runs_without_a_history_are_warned_of(
    sandbox: SandboxServer, target: MemoryTarget, caplog: pytest.LogCaptureFixture
) -> None:
    sync(sandbox, target, catalog=selecting("countries", "runs"))

    assert warnings(caplog) == ["The catalog selects runs and no history, so it stays empty: select one, too."]
