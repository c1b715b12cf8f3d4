"""dtm:// in frictionless, against the sandbox on a real socket."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import frictionless
import pytest
from frictionless import FrictionlessException, Package, Resource
from frictionless.console.console import console
from frictionless.resources import TableResource
from typer.testing import CliRunner

from tap_dtm.metadata import load_catalogue
from tap_dtm.sandbox import Fault, Options, SandboxServer, world_at
from tap_dtm.settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIGURES = ("idp_admin0", "idp_admin1", "idp_admin2")


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxServer]:
    """Serve invented data where the plugin looks for DTM."""
    with SandboxServer(world_at()) as server:
        monkeypatch.setenv("TAP_DTM_API_URL", server.url)
        monkeypatch.setenv("TAP_DTM_MAX_RETRIES", "0")
        monkeypatch.setenv("DTMAPI_SUBSCRIPTION_KEY", server.key)
        yield server


def asked(api: SandboxServer) -> list[str]:
    return [request.path.rsplit("/", 1)[1] for request in api.requests]


def run(*args: str) -> tuple[int, str]:
    """Run a command of frictionless; return its exit code and what it printed, on one line."""
    result = CliRunner().invoke(console, list(args))
    return result.exit_code, " ".join(result.output.replace("│", " ").split())


def published(api: SandboxServer, level: Any, country: str, version: Any = "v3") -> list[dict[str, Any]]:
    """Return what the API serves, in its order, under the names of the stream."""
    fields = load_catalogue().resources[f"idp_admin{level}"].fields_for(version)
    rows = [row for row in api.world.rows(level, version) if row["admin0Pcode"] == country]
    return [{field.name: row[field.api_name] for field in fields if field.api_name} for row in rows]


def rows_of(resource: Resource) -> list[Any]:
    assert isinstance(resource, TableResource)
    return resource.read_rows()


def plain(row: Any) -> dict[str, Any]:
    """Return a row of frictionless as the API has it, but for placeholders."""
    values = {name: value.isoformat() if isinstance(value, dt.date) else value for name, value in row.items()}
    return {**values, "reporting_date": f"{values['reporting_date']}T00:00:00"}


class TestReading:
    @pytest.mark.parametrize("version", ["v3", "v2"])
    @pytest.mark.parametrize("level", [0, 1, 2])
    def test_a_table_has_the_rows_of_the_api_in_its_order(self, api: SandboxServer, version: str, level: int) -> None:
        rows = rows_of(Resource(f"dtm://{version}/admin{level}?country=XBA"))
        missing = {field.name: field.missing_values for field in load_catalogue().fields.values()}
        expected = [
            {name: None if value in missing[name] else value for name, value in row.items()}
            for row in published(api, level, "XBA", version)
        ]
        assert expected
        assert [plain(row) for row in rows] == expected

    @pytest.mark.parametrize(
        ("filters", "column", "wanted"),
        [
            ("from=2022-05-01&to=2023-06-01", "reporting_date", lambda value: "2022-05-01" <= value < "2023-06-02"),
            ("round=1", "round_number", lambda value: value == 1),
            ("round=0", "round_number", lambda value: value == 0),
            ("fromRound=1&toRound=2", "round_number", lambda value: value in {1, 2}),
            ("admin1Pcode=XA01", "admin1_pcode", lambda value: value == "XA01"),
            ("admin1Name=Invented Province É 1", "admin1_name", lambda value: value == "Invented Province É 1"),
            ("admin2Pcode=XA0101", "admin2_pcode", lambda value: value == "XA0101"),
            (
                "operation=Invented Countrywide Monitoring",
                "operation",
                lambda value: value == "Invented Countrywide Monitoring",
            ),
        ],
    )
    def test_each_filter_keeps_its_rows_and_no_others(
        self, api: SandboxServer, filters: str, column: str, wanted: Any
    ) -> None:
        rows = rows_of(Resource(f"dtm://v3/admin2?country=XAA&{filters}"))
        every = [row[column][:10] if column == "reporting_date" else row[column] for row in published(api, 2, "XAA")]
        expected = [value for value in every if wanted(value)]
        assert 0 < len(expected) < len(every)
        assert [str(row[column]) for row in rows] == [str(value) for value in expected]
        assert len(api.requests) == 1

    def test_a_country_can_be_named(self, api: SandboxServer) -> None:
        name = api.world.countries[0].name
        rows = rows_of(Resource(f"dtm://v3/admin0?countryName={name.replace('&', '%26')}"))
        assert len(rows) == len(published(api, 0, "XAA"))
        assert api.requests[0].params == {"CountryName": name}

    def test_a_filter_that_the_api_ignores_filters_all_the_same(self, api: SandboxServer) -> None:
        api.options = Options(operation_filter="ignored")
        rows = rows_of(Resource("dtm://v3/admin0?country=XAA&operation=Invented Countrywide Monitoring"))
        assert {row["operation"] for row in rows} == {"Invented Countrywide Monitoring"}

    def test_area_names_work_where_the_api_fails_on_them(self, api: SandboxServer) -> None:
        api.options = Options(admin1_name_fails=True)
        rows = rows_of(Resource("dtm://v3/admin1?country=XAA&admin1Name=Invented Province É 1"))
        assert {row["admin1_pcode"] for row in rows} == {"XA01"}

    @pytest.mark.usefixtures("api")
    def test_a_level_that_a_country_lacks_is_empty(self) -> None:
        assert rows_of(Resource("dtm://v3/admin2?country=XEA")) == []

    def test_the_lists_take_filters_that_the_api_does_not_have(self, api: SandboxServer) -> None:
        countries = rows_of(Resource("dtm://v3/countries"))
        assert {row["admin0_pcode"] for row in countries} == {country.pcode for country in api.world.countries}
        operations = rows_of(Resource("dtm://v3/operations?country=XBA"))
        assert {row["admin0_pcode"] for row in operations} == {"XBA"}
        assert all(not request.params for request in api.requests)

    def test_a_table_in_a_package_of_ones_own(self, api: SandboxServer) -> None:
        package = Package.from_descriptor({"resources": [{"name": "mine", "path": "dtm://v3/admin1?country=XAA"}]})
        resource = package.get_resource("mine")
        assert len(rows_of(resource)) == len(published(api, 1, "XAA"))

    def test_a_package_of_one_table(self, api: SandboxServer) -> None:
        package = Package("dtm://v3/admin1?country=XAA")
        assert [resource.name for resource in package.resources] == ["idp_admin1"]
        assert package.validate().valid
        assert asked(api) == ["admin1"]

    def test_nothing_can_be_written(self) -> None:
        table = TableResource(data=[["a"], [1]])
        with pytest.raises(FrictionlessException, match="read-only"):
            table.write_table("dtm://v3/admin1?country=XAA")


class TestOneRequestPerTable:
    def test_when_a_package_is_validated_with_its_keys(self, api: SandboxServer) -> None:
        report = Package("dtm://v3?country=XAA").validate()
        assert report.valid
        assert asked(api) == ["country-list", "operation-list", "admin0", "admin1", "admin2"]

    def test_when_one_table_is_read_again(self, api: SandboxServer) -> None:
        resource = Resource("dtm://v3/admin1?country=XAA")
        assert len(rows_of(resource)) == len(rows_of(resource)) > 0
        assert asked(api) == ["admin1"]

    def test_while_a_new_package_sees_what_was_published_since(self, api: SandboxServer) -> None:
        before = rows_of(Package("dtm://v3?country=XAA").get_resource("idp_admin0"))
        api.world = world_at(publication=3)
        after = rows_of(Package("dtm://v3?country=XAA").get_resource("idp_admin0"))
        assert [plain(row) for row in before] != [plain(row) for row in after]

    def test_when_a_table_that_keys_refer_to_fails(self, api: SandboxServer) -> None:
        api.faults.add(Fault("cut_json", path="country-list"))
        report = Package("dtm://v3?country=XAA").validate()
        assert not report.valid
        assert sorted(asked(api)) == ["admin0", "admin1", "admin2", "country-list", "operation-list"]
        assert {"is not valid JSON" in message for (message,) in report.flatten(["message"])} == {True}

    def test_and_none_for_a_description_of_what_there_is(self, api: SandboxServer) -> None:
        assert len(Package("dtm://v3?country=XAA").to_descriptor()["resources"]) == 5
        assert api.requests == []


class TestMetadata:
    def test_fields_say_what_the_catalogue_says(self) -> None:
        schema = Resource("dtm://v3/admin1?country=XAA").to_descriptor()["schema"]
        fields = {field["name"]: field for field in schema["fields"]}
        figure = load_catalogue().fields["num_present_idp_ind"]
        assert fields["num_present_idp_ind"] == {
            "name": "num_present_idp_ind",
            "type": "integer",
            "title": figure.title,
            "description": " ".join([figure.description, *figure.caveats]),
            "example": figure.example,
            "constraints": {"minimum": 0},
            "dtm:unit": "persons",
            "dtm:measure": "stock",
            "dtm:hxl": "#affected+idps",
            "dtm:apiName": "numPresentIdpInd",
        }
        assert fields["admin1_pcode"]["missingValues"] == ["", "Not available", "Unknown"]
        assert not {"row_number", "_sdc_deleted_at", "id"} & fields.keys()

    def test_figures_have_no_primary_key_because_dtm_publishes_equal_rows(self) -> None:
        package = Package("dtm://v3?country=XAA")
        assert [package.get_resource(name).schema.primary_key for name in FIGURES] == [[], [], []]
        assert package.get_resource("operations").schema.primary_key == ["admin0_pcode", "operation"]

    def test_a_package_says_whose_data_it_is_and_on_what_terms(self) -> None:
        descriptor = Package("dtm://v3?country=XAA").to_descriptor()
        assert descriptor["licenses"][0]["title"] == load_catalogue().package.license.title
        assert descriptor["dtm:creditLine"] == load_catalogue().package.credit_line
        assert descriptor["sources"][0]["version"] == "v3"

    def test_a_package_of_invented_data_says_so_and_names_nobody(self) -> None:
        descriptor = Package("dtm://sandbox/v3?country=XAA").to_descriptor()
        assert descriptor["title"].startswith("Invented data")
        assert not {"licenses", "contributors", "sources"} & descriptor.keys()

    def test_a_descriptor_with_stats_notices_what_dtm_has_changed_since(self, api: SandboxServer) -> None:
        package = Package("dtm://v3?country=XAA")
        package.infer(stats=True)
        saved = package.to_descriptor()
        assert [resource["rows"] for resource in saved["resources"]][2:] == [
            len(published(api, level, "XAA")) for level in (0, 1, 2)
        ]
        assert Package.from_descriptor(saved).validate().valid
        api.world = world_at(publication=3)
        report = Package.from_descriptor(saved).validate()
        assert {error for (error,) in report.flatten(["type"])} <= {"hash-count", "row-count"}
        assert not report.valid

    def test_the_key_is_in_no_descriptor_and_in_no_address(self, api: SandboxServer) -> None:
        package = Package("dtm://v3?country=XAA")
        package.infer(stats=True)
        assert api.key not in package.to_json()
        assert all(request.key_sent and api.key not in str(request) for request in api.requests)


class TestCommands:
    @pytest.mark.usefixtures("api")
    def test_list(self) -> None:
        code, output = run("list", "dtm://v3?country=XAA", "--json")
        assert code == 0
        assert [entry["name"] for entry in json.loads(output)] == ["countries", "operations", *FIGURES]

    @pytest.mark.parametrize("command", ["describe", "validate", "extract"])
    @pytest.mark.parametrize("source", ["dtm://v3?country=XAA", "dtm://v3/admin1?country=XAA"])
    def test_describe_validate_extract(self, api: SandboxServer, command: str, source: str) -> None:
        code, output = run(command, source, "--json")
        assert code == 0
        assert json.loads(output)
        assert len(api.requests) == (1 if "admin1" in source else 5)

    def test_convert(self, api: SandboxServer, tmp_path: Path) -> None:
        target = tmp_path / "admin2.csv"
        assert run("convert", "dtm://v3/admin2?country=XAA", "--to-path", str(target))[0] == 0
        assert len(target.read_text(encoding="utf-8").splitlines()) == 1 + len(published(api, 2, "XAA"))

    def test_index(self, api: SandboxServer, tmp_path: Path) -> None:
        pytest.importorskip("sqlalchemy")
        database = tmp_path / "dtm.db"
        assert run("index", "dtm://v3?country=XAA", "--database", f"sqlite:///{database}")[0] == 0
        with closing(sqlite3.connect(database)) as connection:
            for level, name in enumerate(FIGURES):
                (count,) = connection.execute(f"SELECT count(*) FROM {name}").fetchone()  # noqa: S608
                assert count == len(published(api, level, "XAA"))
        assert len(api.requests) == 5

    def test_the_sandbox_needs_no_key_and_no_network(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("DTMAPI_SUBSCRIPTION_KEY", raising=False)
        code, output = run("extract", "dtm://sandbox/v3/countries?publication=2", "--json")
        assert code == 0
        assert len(json.loads(output)["countries"]) > 3


class TestFailures:
    """One sentence, no traceback, exit code 1."""

    def failure(self, source: str) -> str:
        code, output = run("extract", source)
        assert code == 1
        assert "Traceback" not in output
        return output

    def test_no_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("DTMAPI_SUBSCRIPTION_KEY", raising=False)
        monkeypatch.delenv("TAP_DTM_API_URL", raising=False)
        says = self.failure("dtm://v3/countries")
        assert "put the key into the environment variable DTMAPI_SUBSCRIPTION_KEY" in says
        assert "dtm://sandbox/" in says

    @pytest.mark.usefixtures("api")
    def test_a_wrong_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DTMAPI_SUBSCRIPTION_KEY", "not-this-key-at-all")
        says = self.failure("dtm://v3/countries")
        assert "refuses the subscription key" in says
        assert "not-this-key" not in says

    def test_a_wrong_key_and_a_second(self, api: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DTMAPI_SUBSCRIPTION_KEY", "not-this-key-at-all")
        monkeypatch.setenv("DTMAPI_SECONDARY_SUBSCRIPTION_KEY", "nor-this-one-here")
        says = self.failure("dtm://v3/countries")
        assert "refuses both subscription keys" in says
        assert "nor-this-one" not in says

        monkeypatch.setenv("DTMAPI_SECONDARY_SUBSCRIPTION_KEY", api.key)
        assert run("extract", "dtm://v3/countries")[0] == 0

    def test_a_wrong_parameter(self) -> None:
        assert "no parameter 'contry'; the nearest is country." in self.failure("dtm://v3?contry=XAA")

    @pytest.mark.usefixtures("api")
    def test_an_unknown_country(self) -> None:
        assert "No Country Code found" in self.failure("dtm://v3/admin0?country=ZZZ")
        assert "No Country Code found" in self.failure("dtm://v3/admin1?country=ZZZ")

    def test_a_cut_off_answer_is_never_data(self, api: SandboxServer) -> None:
        api.faults.add(Fault("cut_json"))
        assert "is not valid JSON" in self.failure("dtm://v3/countries")

    def test_a_validation_reports_it(self, api: SandboxServer) -> None:
        api.faults.add(Fault("cut_json"))
        report = Resource("dtm://v3/countries").validate()
        assert "is not valid JSON" in report.flatten(["message"])[0][0]

    def test_invented_data_never_under_the_name_of_dtm(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TAP_DTM_API_URL", "sandbox://")
        assert "is the sandbox. For invented data, write dtm://sandbox/" in self.failure("dtm://v3/countries")

    @pytest.mark.usefixtures("api")
    @pytest.mark.parametrize("value", ["soon", "0", "-1", "0.5", "1e400", "inf", "nan"])
    def test_an_invalid_setting(self, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        monkeypatch.setenv("TAP_DTM_REQUEST_TIMEOUT", value)
        assert "TAP_DTM_REQUEST_TIMEOUT must be a whole number from 1" in self.failure("dtm://v3/countries")

    @pytest.mark.usefixtures("api")
    @pytest.mark.parametrize("name", ["request_timeout", "answer_budget_mb", "max_retries"])
    def test_the_bounds_are_those_of_the_tap(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        schema = SETTINGS[name]
        outside = [schema["minimum"] - 1] + ([schema["maximum"] + 1] if "maximum" in schema else [])
        for value in outside:
            monkeypatch.setenv(f"TAP_DTM_{name.upper()}", str(value))
            assert f"must be a whole number from {schema['minimum']}" in self.failure("dtm://v3/countries")

    def test_a_sandbox_that_cannot_be(self) -> None:
        assert "'seed'" in self.failure("dtm://sandbox/v3/countries?seed=many")


def test_frictionless_finds_the_plugin_by_its_name() -> None:
    assert type(frictionless.system.plugins["dtm"]).__name__ == "DtmPlugin"
