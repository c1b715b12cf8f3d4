"""What the catalogue promises: complete, consistent, and helpful when its YAML is wrong."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import pytest
from singer_sdk import typing as th
from singer_sdk.singerlib import Schema

from tap_dtm.metadata import (
    CatalogueError,
    Field,
    Resource,
    api_name_to_snake,
    load_catalogue,
)
from tap_dtm.metadata.singer_schema import singer_schema

RECORDED = Path(__file__).parents[1].parent / "shared" / "recorded"
CATALOGUE = load_catalogue()
RESOURCES = list(CATALOGUE.resources.values())
IDP_RESOURCES = [resource for resource in RESOURCES if resource.level is not None and not resource.history_of]
HISTORIES = [resource for resource in RESOURCES if resource.history_of]
OF_HISTORIES = {"observed_at", "is_withdrawn", "cause", "seen_by"}
OF_RUNS = {"outcome", *(f"admin{level}_{what}" for level in (0, 1, 2) for what in ("rows", "follows"))}
FIELDS = list(CATALOGUE.fields.values())
API_FIELDS = [field for field in FIELDS if field.api_name]
ONLY_IN_V3 = {
    "displacement_reason",
    "number_males",
    "number_females",
    "idp_origin_admin1_pcode",
    "idp_origin_admin1_name",
}
VERSIONS = ["v2", "v3"]


def by_name(value: object) -> str:
    return str(getattr(value, "name", value))


def meets_constraints(field: Field, value: object) -> bool:
    if not isinstance(value, int):
        return re.search(str(field.constraints.get("pattern", "")), str(value)) is not None
    minimum, maximum = (field.constraints.get(name, value) for name in ("minimum", "maximum"))
    assert isinstance(minimum, int)
    assert isinstance(maximum, int)
    return minimum <= value <= maximum


# Names


@pytest.mark.parametrize(
    ("api_name", "column"),
    [
        ("numPresentIdpInd", "num_present_idp_ind"),
        ("admin1Pcode", "admin1_pcode"),
        ("idpOriginAdmin1Pcode", "idp_origin_admin1_pcode"),
        ("operationStatus", "operation_status"),
        ("operation", "operation"),
        ("id", "id"),
        ("AssessmentType", "assessment_type"),
        ("numIDPInd", "num_idp_ind"),
    ],
)
def test_api_names_become_snake_case_by_one_rule(api_name: str, column: str) -> None:
    assert api_name_to_snake(api_name) == column


@pytest.mark.parametrize("field", API_FIELDS, ids=by_name)
def test_every_column_is_the_api_name_in_snake_case(field: Field) -> None:
    assert field.name == api_name_to_snake(field.api_name or "")
    assert field.documented_name


def test_only_the_columns_that_the_tap_adds_and_those_of_ocha_have_no_api_name() -> None:
    of_ocha = {"admin_level", "pcode", "name", "parent_pcode", "valid_from"}
    added = {"row_number", "_sdc_deleted_at", *OF_HISTORIES, *OF_RUNS}

    assert {field.name for field in FIELDS if field.api_name is None} == added | of_ocha


# Fields


@pytest.mark.parametrize("field", FIELDS, ids=by_name)
def test_every_field_is_explained_to_people_and_machines(field: Field) -> None:
    assert field.title
    assert field.description.endswith(".")
    assert re.fullmatch(r"#[a-z0-9]+(\+[a-z0-9]+)*", field.hxl)
    assert all(caveat.endswith(".") for caveat in field.caveats)


@pytest.mark.parametrize("field", FIELDS, ids=by_name)
def test_every_example_meets_the_type_and_constraints_of_its_field(field: Field) -> None:
    if field.type == "integer":
        assert meets_constraints(field, int(field.example))
    elif field.type == "date":
        assert dt.date.fromisoformat(field.example).isoformat() == field.example
    elif field.type == "datetime":
        assert dt.datetime.fromisoformat(field.example.replace("Z", "+00:00")).tzinfo
    elif field.type == "boolean":
        assert field.example in {"true", "false"}
    else:
        assert meets_constraints(field, field.example)


def test_vocabularies_of_the_api_are_open_and_never_enforced() -> None:
    # A new assessment type must reach the warehouse, not stop the load.
    assert CATALOGUE.fields["assessment_type"].known_values == ("BA", "SA", "ETT")
    assert not [field.name for field in API_FIELDS if "enum" in field.constraints]


def test_counts_of_people_are_stocks_in_persons() -> None:
    counts = {field.name for field in FIELDS if field.unit == "persons"}

    assert counts == {"num_present_idp_ind", "number_males", "number_females"}
    assert all(CATALOGUE.fields[name].measure == "stock" for name in counts)
    assert all(CATALOGUE.fields[name].type == "integer" for name in counts)


def test_of_the_api_fields_only_the_numbers_by_sex_are_ever_null() -> None:
    assert {field.name for field in API_FIELDS if field.nullable} == {"number_males", "number_females"}


def test_unavailable_origins_are_declared_as_missing_values() -> None:
    for name in ("idp_origin_admin1_pcode", "idp_origin_admin1_name"):
        assert CATALOGUE.fields[name].missing_values == ("Not available",)


@pytest.mark.parametrize("field", FIELDS, ids=by_name)
def test_full_description_fits_the_column_comments_of_warehouses(field: Field) -> None:
    # BigQuery takes 1,024 characters.
    assert len(field.full_description) <= 1024


def test_full_description_says_unit_measure_and_caveats() -> None:
    text = CATALOGUE.fields["num_present_idp_ind"].full_description

    assert "Unit: persons. A stock, not a flow." in text
    assert "never add up rounds or dates" in text


# Resources


def test_the_streams_are_the_two_lists_three_levels_their_histories_and_the_pcodes() -> None:
    assert [(resource.name, resource.level, resource.key) for resource in RESOURCES] == [
        ("countries", None, ("admin0_pcode",)),
        ("operations", None, ("admin0_pcode", "operation")),
        ("idp_admin0", 0, ("admin0_pcode", "operation", "row_number")),
        ("idp_admin1", 1, ("admin0_pcode", "operation", "row_number")),
        ("idp_admin2", 2, ("admin0_pcode", "operation", "row_number")),
        ("idp_admin0_history", 0, ("admin0_pcode", "operation", "row_number", "observed_at")),
        ("idp_admin1_history", 1, ("admin0_pcode", "operation", "row_number", "observed_at")),
        ("idp_admin2_history", 2, ("admin0_pcode", "operation", "row_number", "observed_at")),
        ("runs", None, ("admin0_pcode", "observed_at")),
        ("pcodes", None, ("admin0_pcode", "pcode")),
    ]


def test_histories_and_runs_are_read_only_when_asked_for() -> None:
    assert {each.name for each in RESOURCES if not each.selected_by_default} == {
        *map(by_name, HISTORIES),
        "runs",
        "pcodes",
    }


@pytest.mark.parametrize("history", HISTORIES, ids=by_name)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_history_has_the_columns_of_its_table_but_the_deletion_time(history: Resource, version: str) -> None:
    table = [field.name for field in CATALOGUE.resources[str(history.history_of)].fields_for(version)]
    own = [field.name for field in history.fields_for(version)]

    assert [name for name in own if name not in OF_HISTORIES] == table[:-1]
    assert set(own) >= OF_HISTORIES
    assert not history.foreign_keys  # an operation that has left the list is in the history for ever


def test_a_table_of_another_source_says_whose_it_is_and_under_which_terms() -> None:
    table = CATALOGUE.resources["pcodes"]

    assert table.source
    assert table.license
    assert (table.source.title, table.license.name) == ("OCHA, global P-code list", "CC-BY-3.0-IGO")
    assert table.license != CATALOGUE.package.license
    assert "OCHA's global P-code list" in table.full_description
    assert "under CC BY-IGO" in table.full_description
    assert "The newest `valid_from` is its date." in table.full_description


@pytest.mark.parametrize("resource", RESOURCES, ids=by_name)
def test_every_resource_says_what_a_row_is_and_how_not_to_use_it(resource: Resource) -> None:
    assert resource.description.endswith(".")
    assert resource.grain.endswith(".")
    assert resource.warnings
    assert all(re.fullmatch(r"[a-z_]+", warning.code) for warning in resource.warnings)
    assert all(warning.text.endswith(".") for warning in resource.warnings)


@pytest.mark.parametrize("resource", IDP_RESOURCES, ids=by_name)
def test_figures_warn_of_every_known_way_to_count_people_twice(resource: Resource) -> None:
    codes = {warning.code for warning in resource.warnings}

    assert codes >= {"stock_not_flow", "overlapping_assessments", "overlapping_operations", "levels_repeat"}
    assert codes >= {"latest_by_date", "missing_is_not_zero", "exact_duplicates"}


@pytest.mark.parametrize("resource", RESOURCES, ids=by_name)
def test_every_stream_from_which_rows_go_ends_with_the_deletion_time(resource: Resource) -> None:
    keeps_the_past = resource.replication_key == "observed_at"

    assert (resource.fields[-1].name == "_sdc_deleted_at") is not keeps_the_past


@pytest.mark.parametrize("resource", RESOURCES, ids=by_name)
def test_no_stream_carries_the_renumbered_id(resource: Resource) -> None:
    assert CATALOGUE.fields["id"].omitted
    assert "id" not in [field.name for field in resource.fields]


@pytest.mark.parametrize("resource", IDP_RESOURCES, ids=by_name)
def test_version_2_lacks_reason_sex_and_origin(resource: Resource) -> None:
    v2 = [field.name for field in resource.fields_for("v2")]
    v3 = [field.name for field in resource.fields_for("v3")]

    assert set(v3) - set(v2) == ONLY_IN_V3
    assert [name for name in v3 if name not in ONLY_IN_V3] == v2


def test_deeper_levels_add_their_areas_and_nothing_else() -> None:
    names = [{field.name for field in resource.fields} for resource in IDP_RESOURCES]

    assert names[1] - names[0] == {"admin1_pcode", "admin1_name"}
    assert names[2] - names[1] == {"admin2_pcode", "admin2_name"}
    assert names[0] < names[1] < names[2]


@pytest.mark.parametrize("resource", IDP_RESOURCES, ids=by_name)
def test_figures_are_incremental_and_point_to_both_lists(resource: Resource) -> None:
    assert resource.replication_key == "reporting_date"
    assert [(key.fields, key.resource) for key in resource.foreign_keys] == [
        (("admin0_pcode",), "countries"),
        (("admin0_pcode", "operation"), "operations"),
    ]


def test_lists_are_replicated_whole() -> None:
    for name in ("countries", "operations", "pcodes"):
        assert CATALOGUE.resources[name].replication_key is None


def test_an_unknown_api_version_is_refused_by_name() -> None:
    with pytest.raises(CatalogueError, match=r"countries knows no API version 'v9'; expected one of: v2, v3"):
        CATALOGUE.resources["countries"].fields_for("v9")


# Package


def test_the_terms_of_iom_come_with_the_package() -> None:
    licence = CATALOGUE.package.license

    assert licence.name == "other"
    assert not licence.commercial_use
    assert not licence.redistribution
    assert not licence.derivative_works
    assert licence.credit_required
    assert licence.url.startswith("https://dtm.iom.int/")


def test_a_citation_names_the_day_of_access() -> None:
    citation = CATALOGUE.package.cite(dt.date(2025, 7, 15))

    assert "Accessed on 2025-07-15." in citation
    assert "{" not in citation


# Singer schemas


def as_the_sdk_writes_it(resource: Resource, version: str) -> dict[str, Any]:
    types: dict[str, Any] = {
        "string": th.StringType,
        "integer": th.IntegerType,
        "date": th.DateType,
        "datetime": th.DateTimeType,
        "boolean": th.BooleanType,
    }
    properties = [
        th.Property(
            field.name,
            types[field.type](**{name: limit for name, limit in field.constraints.items() if name != "enum"}),
            required=field.name in resource.key,
            title=field.title,
            description=field.full_description,
        )
        for field in resource.fields_for(version)
    ]
    schema = th.PropertiesList(*properties).to_dict()
    for field in resource.fields_for(version):
        if "enum" in field.constraints:  # the SDK would write it without null
            schema["properties"][field.name]["enum"] = [*field.constraints["enum"], None]  # type: ignore[misc]
    return schema


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("resource", RESOURCES, ids=by_name)
def test_singer_schemas_are_what_the_sdk_helpers_would_write(resource: Resource, version: str) -> None:
    assert singer_schema(resource, version) == as_the_sdk_writes_it(resource, version)


@pytest.mark.parametrize("resource", RESOURCES, ids=by_name)
def test_nothing_of_a_schema_is_lost_in_a_singer_message(resource: Resource) -> None:
    schema = singer_schema(resource, "v3")

    assert Schema.from_dict(schema).to_dict()["properties"] == schema["properties"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("resource", RESOURCES, ids=by_name)
def test_a_tombstone_has_values_in_the_key_only(resource: Resource, version: str) -> None:
    properties = singer_schema(resource, version)["properties"]

    assert {name for name, schema in properties.items() if "null" not in schema["type"]} == set(resource.key)


def test_properties_come_in_column_order() -> None:
    properties = singer_schema(CATALOGUE.resources["idp_admin2"], "v3")["properties"]

    assert " ".join(properties) == (
        "admin0_pcode admin0_name operation row_number reporting_date round_number assessment_type "
        "year_reporting_date month_reporting_date admin1_pcode admin1_name admin2_pcode admin2_name "
        "num_present_idp_ind displacement_reason number_males number_females "
        "idp_origin_admin1_pcode idp_origin_admin1_name _sdc_deleted_at"
    )


# Against what the API really answered. The recordings may not be copied here, so others skip this.

RECORDINGS = [
    (resource, path)
    for resource, pattern in [
        (CATALOGUE.resources["countries"], "*country-list.json"),
        (CATALOGUE.resources["operations"], "*operation-list.json"),
        *((resource, f"*admin{resource.level}-*.json") for resource in IDP_RESOURCES),
    ]
    for path in sorted(RECORDED.glob(pattern))
]


def records_of(path: Path) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["result"]
    return records


@pytest.mark.skipif(not RECORDED.is_dir(), reason="recorded answers are not part of this repository")
def test_recordings_of_every_stream_are_compared() -> None:
    assert {resource.name for resource, _ in RECORDINGS} == {
        each.name for each in RESOURCES if each.endpoints and not each.history_of
    }


@pytest.mark.parametrize(("resource", "path"), RECORDINGS, ids=by_name)
def test_recorded_keys_are_exactly_the_declared_fields(resource: Resource, path: Path) -> None:
    declared = {field.api_name for field in resource.fields_for("v3") if field.api_name}
    omitted = {
        field.api_name
        for field in FIELDS
        if field.omitted and resource.level is not None and resource.level >= field.from_level
    }

    for record in records_of(path):
        assert set(record) == declared | omitted


@pytest.mark.parametrize(("resource", "path"), RECORDINGS, ids=by_name)
def test_recorded_values_meet_the_declared_types_nulls_and_constraints(resource: Resource, path: Path) -> None:
    python_types = {"integer": int, "string": str, "date": str}

    for record in records_of(path):
        for field in resource.fields_for("v3"):
            value = record.get(field.api_name or "")
            if value is None:
                assert field.nullable or field.api_name is None
                continue
            assert type(value) is python_types[field.type]
            assert meets_constraints(field, value)
