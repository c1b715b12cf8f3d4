"""Lists as an API might send them on a bad day: a row that cannot be read costs that row, and nobody leaves by it.

Every case runs through the Singer tap and through the Airbyte source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.errors import DtmError
from tests.guards.programs import LISTS, Tap
from tests.guards.support import FLOOD, a_round, add_a_round_in, an_operation, put_operations
from tests.guards.support import warnings as warned

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_dtm.sandbox.api import Request
    from tests.guards.programs import Alter, Scene
    from tests.scripted import Rows

OTHERS = {"XAA", "XCA"}
EVERY = {"XAA", "XBA", "XCA"}


def list_with(stream: str, change: Callable[[Rows], Rows]) -> Alter:
    return lambda request, rows: change(rows) if request.path == LISTS[stream] else None


@pytest.mark.parametrize(
    "bad",
    [
        {"admin0Name": "Invented XBA", "admin0Pcode": None},
        {"admin0Name": "Invented XBA", "admin0Pcode": ""},
        {"admin0Name": "Invented XBA", "admin0Pcode": "XKX2"},
        {"admin0Name": "Invented XBA", "admin0Pcode": 7},
        {"admin0Name": "Invented XBA"},
        {"admin0Name": "Invented\0", "admin0Pcode": "XBA"},
        {"admin0Name": "Invented\ud800", "admin0Pcode": "XBA"},
        {"admin0Name": 7, "admin0Pcode": "XBA"},
        {"admin0Name": "Invented XBA", "admin0Pcode": "XBA", "operation": "Invented Flood"},
        None,
        "XBA",
        pytest.param([], marks=pytest.mark.everything),
        pytest.param(7, marks=pytest.mark.everything),
    ],
)
class TestARowOfTheListOfCountriesThatCannotBeRead:
    def test_costs_that_row_and_nobody_leaves(self, scene: Scene, bad: Any, caplog: pytest.LogCaptureFixture) -> None:
        scene.sync()
        scene.world.publish(add_a_round_in(0), add_a_round_in(2))
        before = [row for row in scene.rows("idp_admin2") if row["admin0_pcode"] == "XBA"]
        scene.serve(list_with("countries", lambda rows: [rows[0], bad, rows[2]]))

        scene.sync(accept_withdrawn_countries=["XBA"], error=DtmError)

        rows = scene.rows("idp_admin2")
        assert [row for row in rows if row["admin0_pcode"] == "XBA"] == before
        assert {row["admin0_pcode"] for row in rows if row["reporting_date"] > "2024"} == OTHERS
        assert scene.countries("countries") == EVERY
        assert "A row of the list is left out: /v3/displacement/country-list answered with" in caplog.text
        assert "has left DTM's country list" not in caplog.text
        assert "the answer was discarded." not in caplog.text


@pytest.mark.parametrize(
    "bad",
    [{"operation": None}, {"operation": ""}, {"operation": "x" * 3000}, {"operationStatus": 1}, {"admin0Pcode": "X"}],
    ids=str,
)
def test_a_row_of_the_list_of_operations_that_cannot_be_read_costs_that_row_and_none_leaves(
    scene: Scene, bad: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    scene.sync()
    put_operations(
        scene.world, "XBA", *scene.world.countries[1].operations, an_operation("Invented New", a_round(1, 2024, 3))
    )
    scene.serve(list_with("operations", lambda rows: [{**rows[0], **bad}, *rows[1:]]))

    scene.sync(error=DtmError)

    assert len(scene.rows("operations")) == 7
    scene.assert_equals_api()
    assert "A row of the list is left out: /v3/displacement/operation-list answered with" in caplog.text


class TestAListThatCannotBeReadInPlaces:
    def test_does_not_flood_the_log(self, scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
        scene.serve(list_with("operations", lambda rows: rows + [{}] * 500))

        scene.sync(error=DtmError)

        scene.assert_equals_api()
        assert len([line for line in warned(caplog) if "is left out" in line]) == 20

    @pytest.mark.parametrize(("stream", "total"), [("countries", 3), ("operations", 6)])
    def test_ends_the_run_with_an_error(self, scene: Scene, stream: str, total: int) -> None:
        scene.serve(list_with(stream, lambda rows: [{}, *rows[1:]]))

        with pytest.raises(DtmError, match=f"1 of {total} rows of {LISTS[stream]} could not be read. The others were"):
            scene.sync()

    def test_is_an_error_if_it_has_no_other_rows(self, scene: Scene) -> None:
        scene.sync()
        scene.serve(list_with("countries", lambda _: [{"admin0Pcode": "XAA"}]))

        with pytest.raises(DtmError, match="country-list answered with a row that lacks the field admin0Name"):
            scene.sync()

        assert scene.countries("countries") == EVERY

    def test_is_not_held_against_a_setting_that_names_the_unreadable_country(self, scene: Scene) -> None:
        scene.serve(list_with("countries", lambda rows: [{**rows[0], "admin0Pcode": None}, *rows[1:]]))

        scene.sync(countries=["XAA", "XBA"], operations=[FLOOD], error=DtmError)

        assert scene.countries("idp_admin0") == {"XBA"}

    def test_activates_no_version(self, scene_of_the_tap: Scene) -> None:
        scene, tap = scene_of_the_tap, scene_of_the_tap.program
        assert isinstance(tap, Tap)
        scene.serve(list_with("countries", lambda rows: [{**rows[0], "admin0Pcode": None}, *rows[1:]]))

        scene.sync(error=DtmError, emit_activate_version_messages=True)

        assert scene.countries() == {"XBA", "XCA"}
        assert {version for versions in tap.target.versions.values() for version in versions.values()} != {None}


class TestRowsOfAListThatOccurTwice:
    def test_count_once_when_they_are_the_same(self, scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
        def twice(request: Request, rows: Rows) -> Rows | None:
            again = [{**row, "admin0Pcode": row["admin0Pcode"].lower()} for row in rows]
            return rows + again if request.path in LISTS.values() else None

        scene.serve(twice)

        scene.sync()

        assert (len(scene.rows("countries")), len(scene.rows("operations"))) == (3, 6)
        scene.assert_equals_api()
        assert warned(caplog) == []

    @pytest.mark.parametrize("is_reversed", [False, True])
    def test_are_reported_when_they_differ_and_their_order_does_not_matter(
        self,
        scene: Scene,
        is_reversed: bool,  # noqa: FBT001
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        def twice(rows: Rows) -> Rows:
            every = [*rows, {**rows[0], "operationStatus": "Inactive"}]
            return every[::-1] if is_reversed else every

        scene.serve(list_with("operations", twice))

        scene.sync()

        statuses = {row["operation_status"] for row in scene.rows("operations")}
        assert statuses == {"Active"}
        (line,) = warned(caplog)
        assert line == (
            "/v3/displacement/operation-list has several rows for XAA, Invented Drought, with different values of "
            "operation_status. It is taken as Active."
        )
