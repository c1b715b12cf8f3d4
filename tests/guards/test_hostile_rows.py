"""Rows as an API might send them on a bad day: what has one meaning is taken, and nothing else stops more than it must.

Every case runs through the Singer tap and through the Airbyte source.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.airbyte.catalog import DELETED
from tap_dtm.errors import DtmError, DtmPartialSyncError
from tests.airbyte.support import DEDUP, STREAMS, configured, run_read
from tests.guards.support import (
    FLOOD,
    PATHS,
    a_round,
    add_a_round_in,
    an_operation,
    assert_exact,
    config_for,
    idp_records,
    put_operations,
    rows_of,
    small_world,
    warnings,
)
from tests.scripted import ScriptedServer, doctored
from tests.target import MemoryTarget, run_tap

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_dtm.sandbox.api import Request
    from tests.scripted import Rows

    Alter = Callable[[Request, Rows], Rows | None]

LISTS = {"countries": "/v3/displacement/country-list", "operations": "/v3/displacement/operation-list"}


def with_value(field: str, value: Any, level: int = 2) -> Alter:
    """Alter one row of XBA at a level."""

    def alter(request: Request, rows: Rows) -> Rows | None:
        if PATHS.get(request.path) != level or request.params["admin0pcode"] != "XBA":
            return None
        return [{**rows[0], field: value}, *rows[1:]]

    return alter


def in_every_row(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Alter:
    return lambda _, rows: [change(row) for row in rows]


def list_with(stream: str, change: Callable[[Rows], Rows]) -> Alter:
    return lambda request, rows: change(rows) if request.path == LISTS[stream] else None


def codes_by_source(server: ScriptedServer, stream: str) -> set[str]:
    """Return the countries of which the Airbyte source sends rows."""
    written = run_read(configured(dict.fromkeys(STREAMS, DEDUP), "v3"), [], **config_for(server))
    records = [message["record"] for message in written if message["type"] == "RECORD"]
    return {
        each["data"]["admin0_pcode"] for each in records if each["stream"] == stream and not each["data"].get(DELETED)
    }


OUT_OF_BOUNDS = [
    ("numPresentIdpInd", -1),
    ("roundNumber", -1),
    ("numberMales", -5),
    ("monthReportingDate", 13),
    ("monthReportingDate", 0),
    ("numPresentIdpInd", 2**63),
    ("yearReportingDate", -(2**63) - 1),
    ("admin0Pcode", "XKX2"),
    ("admin0Pcode", "X"),
    ("admin2Name", "a\0b"),
    ("operation", "a\0b"),
    ("operation", "Invented " * 334),
    ("operation", "  "),
    ("operation", ""),
    ("numPresentIdpInd", 1.5),
    ("numPresentIdpInd", 1e17),
    ("numPresentIdpInd", "many"),
    ("numPresentIdpInd", "1_000"),
    ("numPresentIdpInd", "1,000"),
    ("numPresentIdpInd", "٣"),
    ("reportingDate", "2022-06-30T12:00:00"),
    ("reportingDate", "31/01/2016"),
    ("reportingDate", "2022-06-30T00:00:00+02:00"),
    ("reportingDate", "2022-W01-1"),
]


@pytest.mark.parametrize(("field", "value"), OUT_OF_BOUNDS)
def test_a_value_that_no_table_holds_fails_its_country_alone(
    field: str, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    target = MemoryTarget()
    with ScriptedServer(doctored(small_world(), with_value(field, value))) as server:
        run_tap(target, **config_for(server), error=DtmPartialSyncError)

        assert {row["admin0_pcode"] for row in target.live("idp_admin2")} == {"XAA", "XCA"}
        (line,) = [line for line in warnings(caplog) if line.startswith("XBA failed")]
        assert "/v3/displacement/admin2 answered with" in line
        assert len(line) < 1200
        if field not in {"admin0Pcode", "operation", "reportingDate"}:
            assert "(XBA, Invented Flood, 2021-06-30T00:00:00)" in line or "(XBA, Invented Drought, 20" in line
        with pytest.raises(DtmPartialSyncError):
            codes_by_source(server, "idp_admin2")


SPELLINGS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "decimal numbers": lambda row: {k: float(v) if type(v) is int else v for k, v in row.items()},
    "numbers as text": lambda row: {k: str(v) if type(v) is int else v for k, v in row.items()},
    "dates with Z": lambda row: {**row, "reportingDate": f"{row['reportingDate'][:10]}T00:00:00Z"},
    "dates with an offset": lambda row: {**row, "reportingDate": f"{row['reportingDate'][:10]}T00:00:00+00:00"},
    "dates with a blank": lambda row: {**row, "reportingDate": f"{row['reportingDate'][:10]} 00:00:00"},
    "dates alone": lambda row: {**row, "reportingDate": row["reportingDate"][:10]},
    "dates with fractions": lambda row: {**row, "reportingDate": f"{row['reportingDate'][:10]}T00:00:00.0000000"},
    "codes in lower case": lambda row: {**row, "admin0Pcode": row["admin0Pcode"].lower()},
    "codes with blanks": lambda row: {**row, "admin0Pcode": f" {row['admin0Pcode']} "},
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_another_spelling_is_the_same_row(spelling: str) -> None:
    """It is taken, and a change from one to the other sends nothing."""
    world, target = small_world(), MemoryTarget()

    def respell(_: Request, rows: Rows) -> Rows | None:
        if "reportingDate" not in rows[0] and "dates" in spelling:
            return None
        return [SPELLINGS[spelling](row) for row in rows] if rows else None

    with ScriptedServer(doctored(world, respell)) as server:
        run_tap(target, **config_for(server))
        assert_exact(world, target)
        assert codes_by_source(server, "idp_admin1") == {"XAA", "XBA", "XCA"}

        server.respond = doctored(world, lambda *_: None)
        assert idp_records(run_tap(target, **(config_for(server) | {"scrub_fraction": 1}))) == []


@pytest.mark.parametrize(("level", "deeper"), [(0, 1), (0, 2), (1, 2)])
def test_an_answer_of_a_deeper_level_is_refused(level: int, deeper: int, caplog: pytest.LogCaptureFixture) -> None:
    world, target = small_world(), MemoryTarget()

    def mixed_up(request: Request, _: Rows) -> Rows | None:
        if PATHS.get(request.path) == level and request.params["admin0pcode"] == "XBA":
            return world.rows(deeper, "v3", "XBA")  # type: ignore[arg-type]
        return None

    with ScriptedServer(doctored(world, mixed_up)) as server:
        run_tap(target, **config_for(server), error=DtmPartialSyncError)

    assert not any(rows_of(target, "XBA").values())
    assert f"/v3/displacement/admin{level} answered with rows of a deeper level: nothing was taken." in caplog.text


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_every_level_of_the_sandbox_is_taken_for_what_it_is(version: str) -> None:
    target = MemoryTarget()
    with ScriptedServer(doctored(small_world(), lambda *_: None)) as server:
        run_tap(target, **config_for(server), api_version=version)

    assert {row["admin0_pcode"] for row in target.live("idp_admin0")} == {"XAA", "XBA", "XCA"}


def test_a_field_that_is_not_known_is_named_once_in_a_run(caplog: pytest.LogCaptureFixture) -> None:
    with ScriptedServer(doctored(small_world(), in_every_row(lambda row: {**row, "inventedNews": 1}))) as server:
        run_tap(MemoryTarget(), **config_for(server))

    (warning,) = warnings(caplog)
    assert warning.endswith(
        "answers with a field that this version of the tap does not know, and ignores: inventedNews"
    )


class TestARowOfAListThatCannotBeRead:
    @pytest.mark.parametrize("code", [None, "", "XKX2", 7])
    def test_the_other_countries_are_loaded_and_none_leaves(self, code: Any, caplog: pytest.LogCaptureFixture) -> None:
        world, target = small_world(), MemoryTarget()
        with ScriptedServer(doctored(world, lambda *_: None)) as server:
            run_tap(target, **config_for(server))
            world.publish(add_a_round_in(0), add_a_round_in(2))
            before = rows_of(target, "XBA")

            server.respond = doctored(
                world,
                list_with(
                    "countries",
                    lambda rows: [{**row, "admin0Pcode": code} if row["admin0Pcode"] == "XBA" else row for row in rows],
                ),
            )
            run_tap(target, **config_for(server), error=DtmError)

        assert rows_of(target, "XBA") == before
        assert len(target.live("countries")) == 3
        assert {row["admin0_pcode"] for row in target.live("idp_admin2") if row["reporting_date"] > "2024"} == {
            "XAA",
            "XCA",
        }
        assert "A row of the list is left out: /v3/displacement/country-list answered with" in caplog.text

    def test_the_other_operations_are_loaded_and_none_leaves(self, caplog: pytest.LogCaptureFixture) -> None:
        world, target = small_world(), MemoryTarget()
        with ScriptedServer(doctored(world, lambda *_: None)) as server:
            run_tap(target, **config_for(server))
            put_operations(
                world, "XBA", *world.countries[1].operations, an_operation("Invented New", a_round(1, 2024, 3))
            )

            server.respond = doctored(
                world, list_with("operations", lambda rows: [{**rows[0], "operation": None}, *rows[1:]])
            )
            run_tap(target, **config_for(server), error=DtmError)

        assert len(target.live("operations")) == 7
        assert_exact(world, target)
        assert "A row of the list is left out: /v3/displacement/operation-list answered with" in caplog.text

    def test_a_setting_that_names_the_unreadable_country_does_not_stop_the_others(self) -> None:
        world, target = small_world(), MemoryTarget()
        bad = list_with("countries", lambda rows: [{**rows[0], "admin0Pcode": None}, *rows[1:]])
        with ScriptedServer(doctored(world, bad)) as server:
            run_tap(target, **config_for(server), countries=["XAA", "XBA"], operations=[FLOOD], error=DtmError)

        assert {row["admin0_pcode"] for row in target.live("idp_admin0")} == {"XBA"}

    def test_no_version_is_activated_and_airbyte_keeps_its_table(self) -> None:
        world = small_world()
        bad = list_with("countries", lambda rows: [{**rows[0], "admin0Pcode": None}, *rows[1:]])
        target = MemoryTarget()
        with ScriptedServer(doctored(world, bad)) as server:
            messages = run_tap(target, **config_for(server), emit_activate_version_messages=True, error=DtmError)

        assert "ACTIVATE_VERSION" not in json.dumps(messages)
