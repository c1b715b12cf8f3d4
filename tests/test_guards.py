"""The guards: what cannot be trusted is never data, and nothing that a run leaves open goes unsaid or unmended."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import date
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.errors import DtmError, DtmPartialSyncError, DtmRequestError
from tap_dtm.sandbox import SANDBOX_KEY, Fault, Mutation, Options, SandboxServer, World
from tap_dtm.sandbox.model import ALL_LEVELS, Cell, Country, Operation, Round
from tap_dtm.sandbox.visible import add_round, correct_figures
from tests.scripted import ScriptedServer, doctored
from tests.target import MemoryTarget, run_tap
from tests.world import LEVELS, assert_positions_are_whole, count, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_dtm.sandbox.api import Request
    from tests.scripted import Rows

PATHS = {f"/v3/displacement/admin{level}": level for level in LEVELS}
FLOOD, DROUGHT = "Invented Flood", "Invented Drought"


# A world of known figures: three countries of two operations, of two rounds each.


def a_round(number: int, year: int, *figures: int) -> Round:
    cells = (
        Cell(f"Region {place}", f"X{place}", f"District {place}", f"X{place}0", "Conflict", "Here", "X1", figure, 1, 2)
        for place, figure in enumerate(figures, start=1)
    )
    return Round(number, date(year, 6, 30), "BA", tuple(cells))


def an_operation(name: str, *rounds: Round, levels: frozenset[int] = ALL_LEVELS) -> Operation:
    return Operation(name, "Active", rounds, levels)


def a_country(code: str, *operations: Operation) -> Country:
    return Country(code, f"Invented {code}", operations)


def small_world() -> World:
    return World(
        1,
        tuple(
            a_country(
                code,
                an_operation(FLOOD, a_round(1, 2021, 100, 200), a_round(2, 2022, 110, 210)),
                an_operation(DROUGHT, a_round(1, 2020, 30), a_round(2, 2023, 40)),
            )
            for code in ("XAA", "XBA", "XCA")
        ),
    )


def put_operations(world: World, code: str, *operations: Operation) -> None:
    """Publish other facts about a country."""
    world.publish()
    world.countries = tuple(
        replace(country, operations=operations) if country.pcode == code else country for country in world.countries
    )


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(small_world()) as server:
        yield server


@pytest.fixture
def target() -> MemoryTarget:
    return MemoryTarget()


def config_for(server: SandboxServer | ScriptedServer) -> dict[str, Any]:
    return {"api_url": server.url, "subscription_key": SANDBOX_KEY, "scrub_fraction": 0, "max_retries": 0}


def sync(sandbox: SandboxServer, target: MemoryTarget, **options: Any) -> list[dict[str, Any]]:
    sandbox.requests.clear()
    return run_tap(target, **(config_for(sandbox) | options))


def asked(sandbox: SandboxServer) -> list[tuple[int, str, str]]:
    """Return what was asked of the three levels: level, country and operation ("" for all)."""
    return [
        (PATHS[request.path], request.params["Admin0Pcode"], request.params.get("Operation", ""))
        for request in sandbox.requests
        if request.path in PATHS
    ]


def assert_exact(world: World, target: MemoryTarget, **filters: Any) -> None:
    for level in LEVELS:
        rows = target.live(f"idp_admin{level}")
        assert count(rows) == served(world, level, **filters)
        assert_positions_are_whole(rows)


def rows_of(target: MemoryTarget, code: str) -> dict[str, Any]:
    return {
        stream: {key: row for key, row in rows.items() if row["admin0_pcode"] == code}
        for stream, rows in target.tables.items()
        if stream.startswith("idp_")
    }


def bookmarks_of(target: MemoryTarget, code: str) -> dict[str, Any]:
    return {
        stream: [part.get("operations") for part in state["partitions"] if part["context"]["admin0_pcode"] == code]
        for stream, state in target.state["bookmarks"].items()
        if "partitions" in state
    }


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
        self, sandbox: SandboxServer, target: MemoryTarget, fault: Fault, level: int
    ) -> None:
        sync(sandbox, target)
        rows, bookmarks = rows_of(target, "XBA"), bookmarks_of(target, "XBA")
        for country in range(3):
            sandbox.world.publish(add_a_round_in(country))
        sandbox.faults.add(replace(fault, country="XBA", path=f"admin{level}"))

        sync(sandbox, target, error=DtmPartialSyncError)

        assert rows_of(target, "XBA") == rows
        assert bookmarks_of(target, "XBA") == bookmarks
        for number in LEVELS:
            others = [row for row in target.live(f"idp_admin{number}") if row["admin0_pcode"] != "XBA"]
            assert count(others) == served(sandbox.world, number, countries=["XAA", "XCA"])

        sandbox.faults.clear()
        sync(sandbox, target)
        assert_exact(sandbox.world, target)

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
        assert "answered with rows of XZZ when asked for XCA: nothing was taken" in errors[1]

    @pytest.mark.parametrize(
        ("level", "field", "value", "name"),
        [
            (1, "numPresentIdpInd", "12", "num_present_idp_ind"),
            (2, "numPresentIdpInd", 12.5, "num_present_idp_ind"),
            (0, "numPresentIdpInd", True, "num_present_idp_ind"),
            (1, "roundNumber", "1", "round_number"),
            (2, "displacementReason", 3, "displacement_reason"),
            (0, "assessmentType", ["BA"], "assessment_type"),
            (1, "operation", None, "operation"),
            (2, "reportingDate", None, "reporting_date"),
            (0, "reportingDate", 20220630, "reporting_date"),
            (1, "reportingDate", "30/06/2022", "reporting_date"),
            (2, "reportingDate", "2022-06-30T10:30:00", "reporting_date"),
            (0, "reportingDate", "2022-06-30T00:00:00+05:00", "reporting_date"),
            (1, "admin0Pcode", None, "admin0_pcode"),
        ],
    )
    def test_a_value_of_a_wrong_type(
        self, level: int, field: str, value: object, name: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """One bad value among good rows is enough."""
        world, target = small_world(), MemoryTarget()

        def alter(request: Request, rows: Rows) -> Rows | None:
            if PATHS.get(request.path) != level or request.params["admin0pcode"] != "XBA":
                return None
            return [*rows[:-1], {**rows[-1], field: value}]

        with ScriptedServer(doctored(world, alter)) as server:
            config = config_for(server)
            run_tap(target, **config, error=DtmPartialSyncError)
            (error,) = (record.getMessage() for record in caplog.records if record.levelno == logging.ERROR)
            assert error.startswith("XBA failed")
            assert f"admin{level} answered with {value!r} where the field {name} needs a value of type" in error
            assert not any(rows_of(target, "XBA").values())

            server.respond = doctored(world, lambda *_: None)
            run_tap(target, **config)
        assert_exact(world, target)

    @pytest.mark.parametrize("row", [None, 3, "text", []])
    def test_a_row_that_is_none(self, row: Any, caplog: pytest.LogCaptureFixture) -> None:
        def alter(request: Request, rows: Rows) -> Rows | None:
            return [*rows, row] if request.params.get("admin0pcode") == "XBA" else None

        with ScriptedServer(doctored(small_world(), alter)) as server:
            config = config_for(server)
            run_tap(MemoryTarget(), **config, error=DtmPartialSyncError)
        assert "admin0 answered with something that is not a row: nothing was taken" in caplog.text

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


def add_a_round_in(place: int) -> Mutation:
    """A publication in which the first operation of one country has a new round."""

    def add(world: World, _: Random) -> bool:
        country = world.countries[place]
        first, *others = country.operations
        news = a_round(3, 2024, 120, 220, 320)
        grown = replace(country, operations=(replace(first, rounds=(*first.rounds, news)), *others))
        world.countries = (*world.countries[:place], grown, *world.countries[place + 1 :])
        return True

    return add


def _full_table_catalog(sandbox: SandboxServer) -> dict[str, Any]:
    from tap_dtm.tap import TapDTM  # noqa: PLC0415  this test only

    catalog = TapDTM(config={"api_url": sandbox.url}).catalog_dict
    for stream in catalog["streams"]:
        stream["replication_method"] = "FULL_TABLE"
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"] |= {"selected": True, "forced-replication-method": "FULL_TABLE"}
    return dict(catalog)


class TestTheLists:
    @pytest.mark.parametrize("endpoint", ["country-list", "operation-list"])
    @pytest.mark.parametrize("kind", ["empty", "html", "status", "missing_field", "refused"])
    def test_one_that_fails_fails_the_run_and_removes_nothing(
        self, sandbox: SandboxServer, target: MemoryTarget, endpoint: str, kind: Any
    ) -> None:
        sync(sandbox, target)
        lists = {stream: target.live(stream) for stream in ("countries", "operations")}
        sandbox.faults.add(Fault(kind, path=endpoint, field="admin0Pcode"))

        with pytest.raises(DtmError, match=f"/v3/displacement/{endpoint}"):
            sync(sandbox, target)

        assert {stream: target.live(stream) for stream in lists} == lists
        assert_exact(sandbox.world, target)
        sandbox.faults.clear()
        sync(sandbox, target)
        assert_exact(sandbox.world, target)

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
        self, sandbox: SandboxServer, target: MemoryTarget, way: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        sync(sandbox, target)
        rows, bookmarks = rows_of(target, "XBA"), bookmarks_of(target, "XBA")
        getattr(self, way)(sandbox)

        for _ in range(2):
            caplog.clear()
            sync(sandbox, target, error=DtmPartialSyncError)
            assert rows_of(target, "XBA") == rows
            assert bookmarks_of(target, "XBA") == bookmarks
            assert len([row for row in target.live("countries") if row["admin0_pcode"] == "XBA"]) == 1
            (error,) = (record.getMessage() for record in caplog.records if record.levelno == logging.ERROR)
            assert "rows" in error
            assert "were delivered before: they are kept" in error
            assert error.endswith("add XBA to accept_withdrawn_countries.")

        sync(sandbox, target, accept_withdrawn_countries=["xba"])
        for level in LEVELS:
            table = [row for row in target.tables[f"idp_admin{level}"].values() if row["admin0_pcode"] == "XBA"]
            assert len(table) == len(rows[f"idp_admin{level}"])
            for row in table:
                assert row["_sdc_deleted_at"]
                kept = {name for name, value in row.items() if value is not None}
                assert kept == {"admin0_pcode", "operation", "row_number", "_sdc_deleted_at"}
            others = count(target.live(f"idp_admin{level}"))
            assert others == served(sandbox.world, level, countries=["XAA", "XCA"])

        if way == "leave_the_list":  # else it is still listed
            assert [row for row in target.live("countries") if row["admin0_pcode"] == "XBA"] == []
        messages = sync(sandbox, target, accept_withdrawn_countries=["XBA"])
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

    def test_that_is_not_read_is_no_concern(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        sync(sandbox, target)
        rows = rows_of(target, "XBA")
        self.leave_the_list(sandbox)
        sync(sandbox, target, countries=["XAA"])
        assert rows_of(target, "XBA") == rows

    def test_that_the_settings_name_is_not_taken_for_a_typing_error(
        self, sandbox: SandboxServer, target: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        sync(sandbox, target)
        self.leave_the_list(sandbox)
        sync(sandbox, target, countries=["XAA", "XBA"], error=DtmPartialSyncError)
        assert "XBA has left DTM's country list" in caplog.text

    @pytest.mark.parametrize("level", [1, 2])
    def test_a_level_that_falls_silent_is_the_same(
        self, sandbox: SandboxServer, target: MemoryTarget, level: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        sync(sandbox, target)
        rows = rows_of(target, "XBA")
        sandbox.world.publish(add_a_round_in(1))
        sandbox.faults.add(Fault("empty", country="XBA", path=f"admin{level}"))
        sync(sandbox, target, error=DtmPartialSyncError)
        assert rows_of(target, "XBA") == rows
        assert f"answers with nothing at all at admin {level}" in caplog.text

        sandbox.faults.clear()
        sync(sandbox, target)
        assert_exact(sandbox.world, target)

    def test_a_level_that_never_spoke_is_a_gap(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        sandbox.faults.add(Fault("empty", country="XBA", path="admin2"))
        sync(sandbox, target)
        assert {row["admin0_pcode"] for row in target.live("idp_admin2")} == {"XAA", "XCA"}
        sync(sandbox, target)
        assert sorted(asked(sandbox)) == [(0, "XAA", ""), (0, "XBA", ""), (0, "XCA", "")]


def _is_about(code: str, message: dict[str, Any]) -> bool:
    is_record = message["type"] == "RECORD" and message["stream"].startswith("idp_")
    return is_record and bool(message["record"]["admin0_pcode"] == code)


class TestSumsThatDiffer:
    """Point 12: a level that does not add up to the index is asked once more, and then believed."""

    @staticmethod
    def one_more(level: int, year: int) -> Any:
        """Alter answers: in that year, each row of XBA at that level counts one more."""

        def alter(request: Request, rows: Rows) -> Rows | None:
            if PATHS.get(request.path) != level or request.params["admin0pcode"] != "XBA":
                return None
            return [
                {**row, "numPresentIdpInd": row["numPresentIdpInd"] + (row["yearReportingDate"] == year)}
                for row in rows
            ]

        return alter

    @staticmethod
    def asked_of(server: ScriptedServer, level: int) -> list[dict[str, str]]:
        return [
            {name: value for name, value in request.params.items() if name != "admin0pcode"}
            for request in server.requests
            if PATHS.get(request.path) == level and request.params["admin0pcode"] == "XBA"
        ]

    @pytest.mark.parametrize("level", [1, 2])
    def test_at_first_sight(self, level: int, caplog: pytest.LogCaptureFixture) -> None:
        world, target = small_world(), MemoryTarget()
        with ScriptedServer(doctored(world, self.one_more(level, 2022))) as server:
            config = config_for(server)
            run_tap(target, **config)
            (warning,) = (record.getMessage() for record in caplog.records if record.levelno == logging.WARNING)
            assert warning == (
                f"Invented XBA (XBA), {FLOOD}, round 2 (2022-06-30, BA): admin {level} adds up to 322, "
                "admin 0 says 320. Delivered as published."
            )
            assert self.asked_of(server, level) == [{}]
            published = [
                row["num_present_idp_ind"]
                for row in target.live(f"idp_admin{level}")
                if row["admin0_pcode"] == "XBA" and row["reporting_date"] == "2022-06-30"
            ]
            assert sorted(published) == [111, 211]

            caplog.clear()
            server.requests.clear()
            run_tap(target, **config)
        assert self.asked_of(server, level) == []
        assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []

    @pytest.mark.parametrize("level", [1, 2])
    def test_in_a_new_round(self, level: int, caplog: pytest.LogCaptureFixture) -> None:
        """The filtered answer is not believed; the whole country is asked for, once, and is."""
        world, target = small_world(), MemoryTarget()
        with ScriptedServer(doctored(world, self.one_more(level, 2024))) as server:
            config = config_for(server)
            run_tap(target, **config)
            assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
            world.publish(add_a_round_in(1))
            server.requests.clear()
            run_tap(target, **config)
        (warning,) = (record.getMessage() for record in caplog.records if record.levelno == logging.WARNING)
        assert f"{FLOOD}, round 3 (2024-06-30, BA): admin {level} adds up to 663, admin 0 says 660." in warning
        assert self.asked_of(server, level) == [{"operation": FLOOD, "fromreportingdate": "2024-06-30"}, {}]
        rows = target.live(f"idp_admin{level}")
        assert_positions_are_whole(rows)
        assert sum(row["num_present_idp_ind"] for row in rows if row["reporting_date"] == "2024-06-30") == 663

    def test_only_while_filtered_is_no_news(self, caplog: pytest.LogCaptureFixture) -> None:
        """A filter that leaves rows out costs one more request, and nothing else."""
        world, target = small_world(), MemoryTarget()

        def alter(request: Request, rows: Rows) -> Rows | None:
            return rows[:-1] if "operation" in request.params else None

        with ScriptedServer(doctored(world, alter)) as server:
            config = config_for(server)
            run_tap(target, **config)
            world.publish(add_a_round_in(1))
            server.requests.clear()
            run_tap(target, **config)
        assert_exact(world, target)
        assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
        assert len(self.asked_of(server, 1)) == len(self.asked_of(server, 2)) == 2


class TestAPublicationDuringTheRun:
    """The levels of a country are asked one after the other; DTM may publish in between."""

    @pytest.mark.parametrize("level", LEVELS)
    @pytest.mark.parametrize("first_run", [True, False])
    def test_once_is_waited_out(self, level: int, first_run: bool) -> None:  # noqa: FBT001
        world, target = small_world(), MemoryTarget()
        pending = [1]

        def publish(request: Request, _: Rows) -> None:
            if PATHS.get(request.path) == level and request.params["admin0pcode"] == "XBA" and pending:
                pending.pop()
                world.publish(add_a_round_in(1))

        with ScriptedServer(doctored(world, lambda *_: None)) as server:
            config = config_for(server)
            if not first_run:
                run_tap(target, **config)
                world.publish(correct_figures, correct_figures, rng=Random(5))
                grow(world)
            server.respond = _before_each_answer(world, publish)
            run_tap(target, **config)
            assert not pending
            for number in LEVELS:  # whatever was taken is one publication's
                rows = [row for row in target.live(f"idp_admin{number}") if row["admin0_pcode"] == "XBA"]
                assert_positions_are_whole(rows)
            sums = [_sums(target, number) for number in LEVELS]
            assert sums[0] == sums[1] == sums[2]
            server.respond = doctored(world, lambda *_: None)
            run_tap(target, **config)
        assert_exact(world, target)

    def test_again_and_again_is_an_error_of_the_country(self, caplog: pytest.LogCaptureFixture) -> None:
        world, target = small_world(), MemoryTarget()
        year = iter(range(2030, 2100))

        def publish(request: Request, _: Rows) -> None:
            if PATHS.get(request.path) and request.params["admin0pcode"] == "XBA":
                first, *others = world.countries[1].operations
                news = a_round(9, next(year), 7)
                put_operations(world, "XBA", replace(first, rounds=(*first.rounds, news)), *others)

        with ScriptedServer(_before_each_answer(world, publish)) as server:
            config = config_for(server)
            run_tap(target, **config, error=DtmPartialSyncError)
            (error,) = (record.getMessage() for record in caplog.records if record.levelno == logging.ERROR)
            assert "Invented XBA (XBA) changed each time while it was being read: DTM is publishing." in error
            assert not any(rows_of(target, "XBA").values())

            server.respond = doctored(world, lambda *_: None)
            run_tap(target, **config)
        assert_exact(world, target)


def _before_each_answer(world: World, happens: Any) -> Any:
    def respond(request: Request) -> Any:
        happens(request, [])
        return doctored(world, lambda *_: None)(request)

    return respond


def grow(world: World) -> None:
    """Publish a round more of each country, older than that of ``add_a_round_in``."""
    for country in world.countries:
        first, *others = country.operations
        put_operations(world, country.pcode, replace(first, rounds=(*first.rounds, a_round(3, 2023, 9))), *others)


def _sums(target: MemoryTarget, level: int) -> dict[tuple[str, str, str], int]:
    sums: dict[tuple[str, str, str], int] = {}
    for row in target.live(f"idp_admin{level}"):
        key = (row["admin0_pcode"], row["operation"], row["reporting_date"])
        sums[key] = sums.get(key, 0) + row["num_present_idp_ind"]
    return sums


class TestOperationsUnknownToAdmin0:
    """Point 13: delivered, flagged, and re-read every time, because the index tells nothing of them."""

    HIDDEN = "Invented Hidden Survey"

    @pytest.fixture
    def sandbox(self, sandbox: SandboxServer) -> SandboxServer:
        self.publish_hidden(sandbox.world, a_round(1, 2022, 5, 6))
        return sandbox

    def publish_hidden(self, world: World, *rounds: Round) -> None:
        country = next(each for each in world.countries if each.pcode == "XBA")
        known = [each for each in country.operations if each.name != self.HIDDEN]
        hidden = [an_operation(self.HIDDEN, *rounds, levels=frozenset({1, 2}))] if rounds else []
        put_operations(world, "XBA", *known, *hidden)

    def test_are_delivered_and_flagged(
        self, sandbox: SandboxServer, target: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        sync(sandbox, target)
        assert_exact(sandbox.world, target)
        warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        assert warnings == [
            f"Invented XBA (XBA), {self.HIDDEN}, round 1 (2022-06-30, BA): admin {level} adds up to 11, "
            "admin 0 does not list the round. Delivered as published."
            for level in (1, 2)
        ]

    def test_are_read_again_each_time(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        sync(sandbox, target)
        messages = sync(sandbox, target)
        assert {each for each in asked(sandbox) if each[0]} == {(1, "XBA", self.HIDDEN), (2, "XBA", self.HIDDEN)}
        assert not [each for each in messages if each["type"] == "RECORD" and "idp" in each["stream"]]

    @pytest.mark.parametrize(
        "rounds",
        [
            pytest.param((a_round(1, 2022, 5, 7),), id="corrected"),
            pytest.param((a_round(1, 2022, 5, 6), a_round(2, 2023, 8)), id="new round"),
            pytest.param((a_round(1, 2022, 5),), id="shorter"),
            pytest.param((), id="withdrawn"),
        ],
    )
    def test_change_at_once(self, sandbox: SandboxServer, target: MemoryTarget, rounds: tuple[Round, ...]) -> None:
        sync(sandbox, target)
        self.publish_hidden(sandbox.world, *rounds)
        sync(sandbox, target)
        assert_exact(sandbox.world, target)

    def test_may_be_all_that_a_country_has(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        hidden = an_operation(self.HIDDEN, a_round(1, 2022, 5, 6), levels=frozenset({1, 2}))
        put_operations(sandbox.world, "XBA", hidden)
        for _ in range(2):
            sync(sandbox, target)
            assert_exact(sandbox.world, target)


class TestFilters:
    """Point 12: what the API's filters match is not documented, so the result never depends on it."""

    @pytest.mark.parametrize("operation_filter", ["exact", "prefix", "ignored", "nothing"])
    @pytest.mark.parametrize("date_filter", ["exact", "ignored", "nothing"])
    def test_match_as_they_like(
        self, sandbox: SandboxServer, target: MemoryTarget, operation_filter: Any, date_filter: Any
    ) -> None:
        sandbox.options = Options(operation_filter=operation_filter, date_filter=date_filter)
        name = FLOOD + " and Storm"  # which a filter by prefix takes along
        for country in sandbox.world.countries:
            storm = an_operation(name, a_round(1, 2021, 1), a_round(2, 2025, 2))
            put_operations(sandbox.world, country.pcode, *country.operations, storm)
        sync(sandbox, target)
        for seed in range(4):
            sandbox.world.publish(add_round, correct_figures, rng=Random(seed))
            sync(sandbox, target)
            assert_exact(sandbox.world, target)

    def test_the_tap_s_own_are_exact(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        sandbox.options = Options(operation_filter="ignored", date_filter="ignored")
        filters: dict[str, Any] = {"start_date": "2021-06-30", "end_date": "2022-06-30", "operations": [FLOOD]}
        sync(sandbox, target, **filters)
        assert_exact(sandbox.world, target, **filters)


class TestNamesInTheSettings:
    @pytest.mark.parametrize(
        ("setting", "nearest"),
        [
            (["XAB"], "XAA (Invented XAA)"),
            (["xab"], "XAA (Invented XAA)"),
            (["XAA", "XCB"], "XCA (Invented XCA)"),
            (["invented xba"], "XBA (Invented XBA)"),
            (["Invented XCA"], "XCA (Invented XCA)"),
        ],
    )
    def test_an_unknown_country_is_an_error_that_names_the_nearest(
        self, sandbox: SandboxServer, target: MemoryTarget, setting: list[str], nearest: str
    ) -> None:
        with pytest.raises(DtmError) as caught:
            sync(sandbox, target, countries=setting)
        said = str(caught.value)
        assert said.startswith(f"The setting countries names {setting[-1].upper()}, which DTM does not list.")
        assert nearest in said.partition("The nearest: ")[2]
        assert asked(sandbox) == []

    def test_one_like_no_other_is_told_what_is_wanted(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        with pytest.raises(DtmError, match=r"names 1234567, which DTM does not list\. It wants ISO 3166-1 alpha-3"):
            sync(sandbox, target, countries=["1234567"])

    def test_an_unknown_operation_is_an_error_that_names_the_nearest(
        self, sandbox: SandboxServer, target: MemoryTarget
    ) -> None:
        with pytest.raises(DtmError) as caught:
            sync(sandbox, target, operations=[FLOOD, "Invented Floods"])
        assert str(caught.value).startswith('The setting operations names "Invented Floods", which DTM does not list')
        assert f'The nearest: "{FLOOD}"' in str(caught.value)
        assert asked(sandbox) == []

    def test_an_operation_like_no_other_is_sent_to_the_list(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        with pytest.raises(DtmError, match=r'names "9876".*The stream operations lists them'):
            sync(sandbox, target, operations=["9876"])

    def test_rows_stay_when_an_operation_leaves_the_list(self, sandbox: SandboxServer, target: MemoryTarget) -> None:
        sync(sandbox, target, operations=[FLOOD])
        before = {stream: dict(rows) for stream, rows in target.tables.items() if "idp" in stream}
        for country in sandbox.world.countries:
            put_operations(sandbox.world, country.pcode, country.operations[1])
        sync(sandbox, target, operations=[FLOOD], error=DtmError)
        assert {stream: rows for stream, rows in target.tables.items() if "idp" in stream} == before


class TestTheLog:
    """One line per country, one for the run."""

    @staticmethod
    def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
        said = (record.getMessage() for record in caplog.records if record.name == "tap-dtm")
        return [line for line in said if line.startswith(("Invented X", "Read "))]

    def test_says_what_is_new(
        self, sandbox: SandboxServer, target: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO):
            sync(sandbox, target)
        new = "operations 2 new, 0 with new rounds, 0 revised, 0 withdrawn, 0 unchanged"
        assert self.lines(caplog) == [
            *(
                f"Invented {code} ({code}): {new}; rows idp_admin0 4, idp_admin1 6, idp_admin2 6; 0 removed; read whole"
                for code in ("XAA", "XBA", "XCA")
            ),
            f"Read 3 countries in 11 requests: {new.replace('2', '6', 1)}; 48 rows, 0 removed",
        ]

    def test_says_what_has_changed(
        self, sandbox: SandboxServer, target: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        sync(sandbox, target)
        flood, drought = sandbox.world.countries[0].operations
        put_operations(sandbox.world, "XAA", replace(flood, rounds=(*flood.rounds, a_round(3, 2024, 1, 2, 3))), drought)
        shorter = an_operation(DROUGHT, a_round(1, 2020, 31))
        put_operations(sandbox.world, "XBA", shorter, an_operation("Invented Storm", a_round(1, 2024, 1)))

        caplog.clear()
        with caplog.at_level(logging.INFO):
            sync(sandbox, target)

        assert self.lines(caplog) == [
            (
                "Invented XAA (XAA): operations 0 new, 1 with new rounds, 0 revised, 0 withdrawn, 1 unchanged; "
                "rows idp_admin0 1, idp_admin1 3, idp_admin2 3; 0 removed"
            ),
            (
                "Invented XBA (XBA): operations 1 new, 0 with new rounds, 1 revised, 1 withdrawn, 0 unchanged; "
                "rows idp_admin0 2, idp_admin1 2, idp_admin2 2; 13 removed"
            ),
            (
                "Invented XCA (XCA): operations 0 new, 0 with new rounds, 0 revised, 0 withdrawn, 2 unchanged; "
                "rows idp_admin0 0, idp_admin1 0, idp_admin2 0; 0 removed"
            ),
            (
                f"Read 3 countries in {len(sandbox.requests)} requests: operations 1 new, 1 with new rounds, "
                "1 revised, 1 withdrawn, 3 unchanged; 13 rows, 13 removed"
            ),
        ]
        assert_exact(sandbox.world, target)

    def test_says_which_country_was_read_whole(
        self, sandbox: SandboxServer, target: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        sync(sandbox, target)
        caplog.clear()
        with caplog.at_level(logging.INFO):
            sync(sandbox, target, scrub_fraction=1)
        lines = self.lines(caplog)[:3]
        assert len(lines) == 3
        assert all(line.endswith("; 0 removed; read whole") for line in lines)

    def test_has_a_summary_when_countries_failed(
        self, sandbox: SandboxServer, target: MemoryTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        sandbox.faults.add(Fault("status", country="XBA"))
        with caplog.at_level(logging.INFO):
            sync(sandbox, target, error=DtmPartialSyncError)
        assert [line.split(":")[0] for line in self.lines(caplog)] == [
            "Invented XAA (XAA)",
            "Invented XCA (XCA)",
            f"Read 2 countries in {len(sandbox.requests)} requests",
        ]
