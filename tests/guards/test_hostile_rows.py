"""Rows as an API might send them on a bad day: what has one meaning is taken, and nothing else stops more than it must.

Every case runs through the Singer tap and through the Airbyte source.
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.errors import DtmError, DtmPartialSyncError
from tap_dtm.metadata.loader import api_name_to_snake
from tests.extent import mostly
from tests.guards.programs import LISTS, Tap
from tests.guards.support import FLOOD, PATHS, a_country, a_round, an_operation, put_operations
from tests.guards.support import warnings as warned

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_dtm.sandbox.api import Request
    from tests.guards.programs import Alter, Scene
    from tests.scripted import Rows

    Respell = Callable[[dict[str, Any]], dict[str, Any]]

STATE_OF_0_1_0 = Path(__file__).parents[1] / "fixtures" / "state-0.1.0.json"
OTHERS = {"XAA", "XCA"}
EVERY = {"XAA", "XBA", "XCA"}


def with_value(field: str, value: Any, level: int = 2, country: str = "XBA") -> Alter:
    """Alter one row of a country at a level."""

    def alter(request: Request, rows: Rows) -> Rows | None:
        if PATHS.get(request.path) != level or request.params["admin0pcode"] != country:
            return None
        return [{**rows[0], field: value}, *rows[1:]]

    return alter


def in_every_row(change: Respell) -> Alter:
    return lambda _, rows: [change(row) for row in rows]


def answering(path: str, rows: Callable[[], Any], country: str | None = None) -> Alter:
    """Answer one endpoint with rows of another."""
    return lambda request, _: (
        rows() if request.path == path and (country is None or request.params["admin0pcode"] == country) else None
    )


OUT_OF_BOUNDS: list[tuple[str, Any, str]] = [
    ("numPresentIdpInd", -1, "integer, 0 or more"),
    ("roundNumber", -1, "integer, 0 or more"),
    ("numberMales", -5, "integer, 0 or more"),
    ("numberFemales", "-5", "integer, 0 or more"),
    ("monthReportingDate", 13, "integer, 1 to 12"),
    ("monthReportingDate", 0, "integer, 1 to 12"),
    ("numPresentIdpInd", 2**63, "integer, 0 or more"),
    ("numPresentIdpInd", str(2**63), "integer, 0 or more"),
    ("yearReportingDate", -(2**63) - 1, "integer, of at most 64 bits"),
    ("admin0Pcode", "XKX2", r"in the form ^[A-Z]{3}$"),
    ("admin0Pcode", "X", r"in the form ^[A-Z]{3}$"),
    ("admin0Pcode", "Xß", r"in the form ^[A-Z]{3}$"),  # in capitals, it has three letters
    ("admin2Name", "a\0b", "string, without NUL and broken characters"),
    ("operation", "a\0b", "string, without NUL and broken characters, not blank and of at most 600 characters"),
    ("admin2Name", "a\ud800b", "string, without NUL and broken characters"),
    ("operation", "Invented " * 334, "of at most 600 characters"),
    ("operation", "  ", "not blank"),
    ("operation", "", "not blank"),
    ("operation", None, "not blank"),
    ("numPresentIdpInd", 1.5, "integer, 0 or more"),
    ("numPresentIdpInd", 1e17, "integer, 0 or more"),
    ("numPresentIdpInd", 2.0**53, "integer, 0 or more"),  # as which 2 ** 53 + 1 is read, too
    ("numPresentIdpInd", "many", "integer, 0 or more"),
    ("numPresentIdpInd", "1_000", "integer, 0 or more"),
    ("numPresentIdpInd", "1,000", "integer, 0 or more"),
    ("numPresentIdpInd", "1.000", "integer, 0 or more"),
    ("numPresentIdpInd", "012", "integer, 0 or more"),
    ("numPresentIdpInd", "٣", "integer, 0 or more"),
    ("numPresentIdpInd", True, "integer, 0 or more"),
    ("reportingDate", "2022-06-30T12:00:00", "date"),
    ("reportingDate", "31/01/2016", "date"),
    ("reportingDate", "2022-06-30T00:00:00+02:00", "date"),
    ("reportingDate", "2022-06-30T00:00:01Z", "date"),
    ("reportingDate", "2022-W01-1", "date"),
    ("reportingDate", "2022-06-31", "date"),
    ("reportingDate", 1_656_547_200, "date"),
    ("reportingDate", None, "date"),
    ("reportingDate", "\uff12022-06-30T00:00:00", "date"),  # a digit of full width
    ("displacementReason", ["Conflict"], "string, without NUL and broken characters"),
]
BY_LEVEL: dict[int, list[tuple[str, Any, str]]] = {
    0: [
        ("numPresentIdpInd", True, "integer, 0 or more"),
        ("assessmentType", ["BA"], "string"),
        ("reportingDate", 20220630, "date"),
    ],
    1: [
        ("roundNumber", "R1", "integer, 0 or more"),
        ("operation", None, "not blank"),
        ("reportingDate", "2022-02-30T00:00:00", "date"),
        ("admin0Pcode", None, r"in the form ^[A-Z]{3}$"),
    ],
    2: OUT_OF_BOUNDS,
}


def test_a_value_that_no_table_holds_fails_its_country_alone(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Each of the values is in one row of a country of its own."""
    cases = [(level, *case) for level, cases in BY_LEVEL.items() for case in cases]
    codes = [f"Y{first}{second}" for first, second in product(ascii_uppercase, repeat=2)][: len(cases)]
    flood = an_operation(FLOOD, a_round(1, 2022, 100, 200))
    scene.world.countries = (*scene.world.countries, *(a_country(code, flood) for code in codes))
    faults = {
        code: with_value(field, value, level, code) for code, (level, field, value, _) in zip(codes, cases, strict=True)
    }
    scene.serve(lambda request, rows: faults.get(request.params.get("admin0pcode", ""), unaltered)(request, rows))

    scene.sync(error=DtmPartialSyncError)

    assert scene.countries("idp_admin0") == scene.countries("idp_admin2") == EVERY
    for code, (level, field, value, needed) in zip(codes, cases, strict=True):
        (line,) = [line for line in warned(caplog) if line.startswith(f"{code} failed")]
        assert f"/v3/displacement/admin{level} answered with {value!r:.10}"[:-1] in line
        assert f"where the field {api_name_to_snake(field)} needs a value of type" in line
        assert needed in line
        assert f"({code}, " in line
        assert field == "operation" or ", Invented " in line
        assert field == "reportingDate" or "-06-30T00:00:00): the answer was discarded." in line
        assert len(line) < 1200

    scene.serve()
    scene.sync()
    scene.assert_equals_api()


def unaltered(_: Request, rows: Rows) -> Rows:
    return rows


def test_a_number_beyond_all_numbers_fails_its_country_alone(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.serve(with_value("numberMales", 1e300))
    plain = scene.server.respond

    def respond(request: Request) -> Any:
        said = plain(request)
        return type(said)(said.status, json.dumps(said.body).replace("1e+300", "1e400"), said.headers)

    scene.server.respond = respond

    scene.sync(error=DtmPartialSyncError)

    assert scene.countries() == OTHERS
    assert "answered with inf where the field number_males needs a value of type integer, 0 or more (XBA" in caplog.text


@pytest.mark.parametrize("field", ["numPresentIdpInd", "numberMales", "reportingDate", "displacementReason"])
def test_a_missing_field_fails_its_country_alone(scene: Scene, field: str, caplog: pytest.LogCaptureFixture) -> None:
    def without(request: Request, rows: Rows) -> Rows | None:
        if PATHS.get(request.path) != 1 or request.params["admin0pcode"] != "XBA":
            return None
        return [*rows[:-1], {name: value for name, value in rows[-1].items() if name != field}]

    scene.serve(without)

    scene.sync(error=DtmPartialSyncError)

    assert scene.countries() == OTHERS
    assert f"/v3/displacement/admin1 answered with a row that lacks the field {field} (XBA, Invented " in caplog.text


def as_date(template: str) -> Respell:
    def respell(row: dict[str, Any]) -> dict[str, Any]:
        return row if "reportingDate" not in row else {**row, "reportingDate": template % row["reportingDate"][:10]}

    return respell


def numbers_as(kind: type) -> Respell:
    return lambda row: {name: kind(value) if type(value) is int else value for name, value in row.items()}


SPELLINGS: dict[str, Respell] = {
    "decimal numbers": numbers_as(float),
    "numbers as text": numbers_as(str),
    "dates with Z": as_date("%sT00:00:00Z"),
    "dates with an offset": as_date("%sT00:00:00+00:00"),
    "dates with a blank": as_date("%s 00:00:00"),
    "dates alone": as_date("%s"),
    "dates without seconds": as_date("%sT00:00"),
    "dates with fractions": as_date("%sT00:00:00.0000000"),
    "codes in lower case": lambda row: {**row, "admin0Pcode": row["admin0Pcode"].lower()},
    "codes with blanks": lambda row: {**row, "admin0Pcode": f" {row['admin0Pcode']}\u00a0"},
}


class TestAnotherSpelling:
    @pytest.mark.parametrize("spelling", SPELLINGS)
    def test_is_the_same_row_and_a_change_from_one_to_the_other_sends_nothing(
        self, scene: Scene, spelling: str
    ) -> None:
        scene.serve(in_every_row(SPELLINGS[spelling]))
        scene.sync()
        scene.assert_equals_api()
        assert scene.countries("countries") == scene.countries("operations") == EVERY

        scene.serve()

        assert scene.sync(scrub_fraction=1) == []

    @pytest.mark.parametrize(
        "spelling", mostly(["numbers as text", "dates with an offset", "codes in lower case"], SPELLINGS)
    )
    def test_right_after_the_update_neither_revises_nor_leaves_anything(
        self, scene_of_the_tap: Scene, spelling: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The state is one that version 0.1.0 wrote, which knew the plain spelling alone."""
        scene, tap = scene_of_the_tap, scene_of_the_tap.program
        assert isinstance(tap, Tap)
        world = scene.world
        hidden = an_operation("Invented Hidden Survey", a_round(1, 2022, 5, 6), levels=frozenset({1, 2}))
        national = an_operation("Invented National Survey", a_round(1, 2022, 7), levels=frozenset({0, 1}))
        put_operations(world, "XBA", *world.countries[1].operations, hidden, national)
        scene.sync()
        tap.target.state = json.loads(STATE_OF_0_1_0.read_text("utf-8"))
        scene.serve(in_every_row(SPELLINGS[spelling]))
        with caplog.at_level("INFO", "tap-dtm"):
            caplog.clear()

            assert scene.sync(scrub_fraction=1) == []

        assert "0 revised, 0 withdrawn" in warned_or_said(caplog)[-1]
        scene.assert_equals_api()

        put_operations(world, "XBA", world.countries[1].operations[1])
        scene.sync()
        scene.assert_equals_api()


def warned_or_said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "Read 3 countries" in record.getMessage()]


class TestAnAnswerOfAnotherEndpoint:
    @pytest.mark.parametrize(("level", "deeper"), [(0, 1), (0, 2), (1, 2)])
    def test_of_a_deeper_level_is_refused(
        self,
        scene: Scene,
        level: int,
        deeper: int,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        path = f"/v3/displacement/admin{level}"
        scene.serve(answering(path, lambda: scene.world.rows(deeper, "v3", "XBA"), "XBA"))  # type: ignore[arg-type]

        scene.sync(error=DtmPartialSyncError)

        assert scene.countries(f"idp_admin{level}") == OTHERS
        field = f"admin{level + 1}Name"
        assert f"{path} answered with rows of another endpoint, which have the field {field} (XBA, " in caplog.text

    @pytest.mark.parametrize("level", [0, 1, 2])
    def test_of_the_other_version_is_refused(self, scene: Scene, level: int, caplog: pytest.LogCaptureFixture) -> None:
        """Version 3 splits rows by reason and origin: in a table of version 2, they would look like repetitions."""
        path = f"/v2/IdpAdmin{level}Data"
        scene.serve(answering(path, lambda: scene.world.rows(level, "v3", "XBA"), "XBA"))  # type: ignore[arg-type]

        scene.sync(api_version="v2", error=DtmPartialSyncError)

        assert scene.countries(f"idp_admin{level}") == OTHERS
        assert f"{path} answered with rows of another endpoint, which have the field displacementReason" in caplog.text

    @pytest.mark.parametrize("level", [0, 1, 2])
    def test_of_figures_is_no_list_of_countries(self, scene: Scene, level: int) -> None:
        scene.sync()
        scene.serve(answering(LISTS["countries"], lambda: scene.world.rows(level, "v3", "XBA")))  # type: ignore[arg-type]

        with pytest.raises(DtmError, match="country-list answered with rows of another endpoint"):
            scene.sync()

        assert scene.countries("countries") == EVERY

    def test_of_the_list_of_operations_is_no_list_of_countries(self, scene: Scene) -> None:
        scene.serve(answering(LISTS["countries"], scene.world.operation_list))

        with pytest.raises(DtmError, match="which have the field operation"):
            scene.sync()

    @pytest.mark.parametrize("version", ["v2", "v3"])
    def test_no_answer_of_the_sandbox_is_taken_for_one(
        self, scene: Scene, version: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        scene.sync(api_version=version)

        assert scene.countries("idp_admin0") == EVERY
        assert warned(caplog) == []


class TestAFieldThatIsNotKnown:
    def test_is_named_once_in_a_run(self, scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
        scene.serve(in_every_row(lambda row: {**row, "inventedNews": 1, "deeper": {"news": []}}))

        scene.sync()

        scene.assert_equals_api()
        assert sorted(line.rpartition(" ")[2] for line in warned(caplog)) == ["deeper", "inventedNews"]
        assert (
            "answers with a field that this version of the tap does not know. The tap ignores the field: deeper"
            in caplog.text
        )

    def test_cannot_flood_the_log(self, scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
        def news(_: Request, rows: Rows) -> Rows:
            return [{**row, **{f"news{number}": 1 for number in range(500)}} for row in rows]

        scene.serve(news)

        scene.sync()

        assert len(warned(caplog)) == 100

    @pytest.mark.parametrize("field", ["id", "admin1Name", "admin2Pcode"])
    def test_is_harmless_without_a_value(self, scene: Scene, field: str) -> None:
        scene.serve(in_every_row(lambda row: {field: None, **row}))

        scene.sync()

        scene.assert_equals_api()
