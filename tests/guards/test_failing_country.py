"""Answers that cannot be trusted: a country, or a list, that fails is never data, and keeps what was there."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.errors import DtmError, DtmPartialSyncError, DtmRequestError
from tap_dtm.sandbox import Fault, SandboxServer
from tests.guards.support import (
    add_a_round_in,
    assert_exact,
    bookmarks_of,
    config_for,
    rows_of,
    small_world,
    sync,
)
from tests.scripted import ScriptedServer, doctored
from tests.target import MemoryTarget, run_tap
from tests.world import LEVELS, count, served

if TYPE_CHECKING:
    from tap_dtm.sandbox.api import Request
    from tests.scripted import Rows


class TestAFailingCountry:
    """Point 8: an answer that cannot be trusted is an error, never data."""

    FAULTS = (
        Fault("wrong_country"),
        Fault("missing_field"),
        Fault("missing_field", field="reportingDate"),
        Fault("wrong_total"),
        Fault("html"),
        Fault("cut_json"),
        Fault("truncated"),
        Fault("dropped"),
        Fault("refused"),
        Fault("firewall"),
        Fault("status", status=503),
        Fault("status", status=404),
        Fault("rate_limit", seconds=9999),
        Fault("redirect", url="http://localhost:9/"),
    )

    @pytest.mark.parametrize(
        ("fault", "level"),
        [*((fault, 1) for fault in FAULTS), *((fault, level) for fault in FAULTS[:2] for level in (0, 2))],
        ids=lambda each: each if isinstance(each, int) else f"{each.kind}-{each.field}-{each.status}",
    )
    def test_keeps_its_rows_and_bookmarks_and_is_read_again(
        self, sandbox: SandboxServer, loaded: MemoryTarget, fault: Fault, level: int
    ) -> None:
        rows, bookmarks = rows_of(loaded, "XBA"), bookmarks_of(loaded, "XBA")
        for country in range(3):
            sandbox.world.publish(add_a_round_in(country))
        sandbox.faults.add(replace(fault, country="XBA", path=f"admin{level}"))

        sync(sandbox, loaded, error=DtmPartialSyncError)

        assert rows_of(loaded, "XBA") == rows
        assert bookmarks_of(loaded, "XBA") == bookmarks
        for number in LEVELS:
            others = [row for row in loaded.live(f"idp_admin{number}") if row["admin0_pcode"] != "XBA"]
            assert count(others) == served(sandbox.world, number, countries=["XAA", "XCA"])

        sandbox.faults.clear()
        sync(sandbox, loaded)
        assert_exact(sandbox.world, loaded)

    def test_of_which_nothing_was_ever_read(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        sandbox.faults.add(Fault("status", country="XBA", path="admin2"))
        sync(sandbox, target, error=DtmPartialSyncError)
        assert not any(rows_of(target, "XBA").values())
        assert not any(operations for part in bookmarks_of(target, "XBA").values() for operations in part)

        sandbox.faults.clear()
        sync(sandbox, target)
        assert_exact(sandbox.world, target)

    def test_the_error_names_those_that_failed_and_the_log_says_why(
        self, sandbox: SandboxServer, target: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        sandbox.faults.add(Fault("html", country="XAA"), Fault("wrong_country", country="XCA"))
        with caplog.at_level(logging.INFO), pytest.raises(DtmPartialSyncError) as caught:
            sync(sandbox, target)
        assert str(caught.value) == (
            "2 of 3 countries failed: XAA, XCA. The others are complete; the next run tries these again."
        )
        errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
        assert len(errors) == 2
        assert errors[0].startswith("XAA failed and keeps its rows and bookmarks: /v3/displacement/admin0 Admin0Pcode=")
        assert "answered with rows of XZZ when asked for XCA: the answer was discarded" in errors[1]

    @pytest.mark.parametrize("row", [None, 3, "text", []])
    def test_a_row_that_is_none(self, row: Any, caplog: pytest.LogCaptureFixture) -> None:
        def alter(request: Request, rows: Rows) -> Rows | None:
            return [*rows, row] if request.params.get("admin0pcode") == "XBA" else None

        with ScriptedServer(doctored(small_world(), alter)) as server:
            config = config_for(server)
            run_tap(MemoryTarget(), **config, error=DtmPartialSyncError)
        said = f"admin0 answered with something that is not a row ({row!r}): the answer was discarded"
        assert said in caplog.text

    def test_unknown_fields_are_no_error(self) -> None:
        """The API may grow; the catalogue says what is taken."""
        world, target = small_world(), MemoryTarget()

        def alter(_: Request, rows: Rows) -> Rows:
            return [{**row, "inventedNews": {"deep": [1]}} for row in rows]

        with ScriptedServer(doctored(world, alter)) as server:
            run_tap(target, **config_for(server))
        assert_exact(world, target)

    def test_keeps_old_versions_of_a_full_table(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        """ACTIVATE_VERSION makes targets remove what was not sent again: not after half a run."""
        catalog = _full_table_catalog(sandbox)
        sync(sandbox, target, catalog=catalog)
        assert_exact(sandbox.world, target)
        sandbox.faults.add(Fault("status", country="XBA"))
        messages = sync(sandbox, target, catalog=catalog, error=DtmPartialSyncError)
        assert not [each for each in messages if each["type"] == "ACTIVATE_VERSION" and "idp" in each["stream"]]
        assert_exact(sandbox.world, target)


def _full_table_catalog(sandbox: SandboxServer) -> dict[str, Any]:
    from tap_dtm.singer.tap import TapDTM  # noqa: PLC0415  this test only

    catalog = TapDTM(config={"api_url": sandbox.url}).catalog_dict
    tables = [stream for stream in catalog["streams"] if "observed_at" not in stream["key_properties"]]
    for stream in tables:
        stream["replication_method"] = "FULL_TABLE"
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"] |= {"selected": True, "forced-replication-method": "FULL_TABLE"}
    return dict(catalog)


class TestTheLists:
    @pytest.mark.parametrize("endpoint", ["country-list", "operation-list"])
    @pytest.mark.parametrize("kind", ["empty", "html", "status", "missing_field", "refused"])
    def test_one_that_fails_fails_the_run_and_removes_nothing(
        self, sandbox: SandboxServer, loaded: MemoryTarget, endpoint: str, kind: Any
    ) -> None:
        lists = {stream: loaded.live(stream) for stream in ("countries", "operations")}
        sandbox.faults.add(Fault(kind, path=endpoint, field="admin0Pcode"))

        with pytest.raises(DtmError, match=f"/v3/displacement/{endpoint}"):
            sync(sandbox, loaded)

        assert {stream: loaded.live(stream) for stream in lists} == lists
        assert_exact(sandbox.world, loaded)
        sandbox.faults.clear()
        sync(sandbox, loaded)
        assert_exact(sandbox.world, loaded)

    def test_an_empty_one_is_named(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        sandbox.faults.add(Fault("empty", path="country-list"))
        words = r"country-list answers with an empty list \(No matching data found\.\): nothing was changed"
        with pytest.raises(DtmError, match=words):
            sync(sandbox, target)

    def test_without_the_operations_the_countries_are_complete_all_the_same(
        self, sandbox: SandboxServer, target: MemoryTarget
    ) -> None:
        sandbox.faults.add(Fault("status", path="operation-list"))
        sync(sandbox, target, error=DtmRequestError)
        assert_exact(sandbox.world, target)

    def test_without_the_operations_the_run_fails_even_for_those_who_do_not_read_them(
        self, sandbox: SandboxServer, target: MemoryTarget
    ) -> None:
        """What admin 0 does not show could not be looked for."""
        sandbox.faults.add(Fault("status", path="operation-list"))
        sync(sandbox, target, error=DtmRequestError, stream_maps={"operations": None})
        assert_exact(sandbox.world, target)
