"""The quality report counts what is odd in the rows, and nothing else."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections import Counter, defaultdict
from random import Random
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from frictionless_dtm import quality
from frictionless_dtm.quality.database import database_of
from frictionless_dtm.quality.pcodes import pattern_of, shape
from frictionless_dtm.quality.streams import reference_date

from tap_dtm.errors import DtmError
from tap_dtm.metadata.model import PUBLICATION_LAG_DAYS
from tap_dtm.sandbox import invent
from tap_dtm.views.script import script
from tests.datapackage.pages_world import contents_of, small_world, tables_of, world_contents
from tests.datapackage.pipe import run_target
from tests.datapackage.singer import dtm
from tests.views.databases import place, rows_of
from tests.views.odd import load, odd_rows

if TYPE_CHECKING:
    from pathlib import Path

    from frictionless_dtm.descriptor.contents import Contents

    from tests.datapackage.pages_world import Row


LEVELS = (0, 1, 2)


def report(contents: Contents) -> dict[str, Any]:
    with database_of(contents) as database:
        return quality.report(database)


def on(day: str, contents: Contents) -> Contents:
    """Return contents that were read from the API on this day."""
    return dataclasses.replace(contents, descriptor={**contents.descriptor, "sources": [{"dtm:accessed": day}]})


@pytest.fixture
def tables() -> dict[str, list[Row]]:
    return tables_of(small_world())


def found(said: dict[str, Any]) -> dict[str, int]:
    return {check["check"]: check["found"] for check in said["summary"]}


def changed(tables: dict[str, list[Row]], name: str, **values: Any) -> tuple[Row, dict[str, int]]:
    """Change one row of a table; return it and what the report finds more than before."""
    before = found(report(contents_of(tables)))
    row = next(row for row in tables[name] if row["number_males"] is not None)
    row.update(values)
    after = found(report(contents_of(tables)))
    return row, {check: after[check] - before[check] for check in after if after[check] != before[check]}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_sums_of_every_round_and_level_are_those_of_the_rows(seed: int) -> None:
    tables = tables_of(invent(seed, 8))
    sums: dict[tuple[Any, ...], Counter[int]] = defaultdict(Counter)
    for level in LEVELS:
        for row in tables[f"idp_admin{level}"]:
            names = ("admin0_pcode", "operation", "reporting_date", "round_number", "assessment_type")
            sums[tuple(row[name] for name in names)][level] += row["num_present_idp_ind"]
    said = report(contents_of(tables))["reconciliation"]
    assert said["checked"] == len(sums)
    for each in said["rounds"]:
        key = (each["country"], each["operation"], each["reporting_date"], each["round_number"])
        expected = sums.pop((*key, each["assessment_type"]))
        assert {level: each[f"admin{level}"] for level in LEVELS if each[f"admin{level}"] is not None} == expected
        verdict = "equal" if len(set(expected.values())) == 1 and len(expected) == len(LEVELS) else each["verdict"]
        assert each["verdict"] == verdict
    assert not sums


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_row_that_repeats_another_is_counted(seed: int) -> None:
    tables = tables_of(invent(seed, 8))
    repeated: Counter[tuple[str, str, str]] = Counter()
    for name in ("idp_admin0", "idp_admin1", "idp_admin2"):
        seen = Counter(json.dumps({k: v for k, v in row.items() if k != "row_number"}) for row in tables[name])
        for row, times in seen.items():
            if times > 1:
                values = json.loads(row)
                repeated[values["admin0_pcode"], values["operation"], name] += times - 1
    said = report(contents_of(tables))["exact_duplicates"]
    assert said["found"] == repeated.total() > 0
    assert {(e["country"], e["operation"], e["resource"]): e["rows"] for e in said["by_operation"]} == repeated


def test_a_changed_figure_makes_the_levels_differ(tables: dict[str, list[Row]]) -> None:
    figure = tables["idp_admin0"][0]["num_present_idp_ind"]
    row, more = changed(tables, "idp_admin0", num_present_idp_ind=figure + 10_000)
    assert more == {"reconciliation": 1}
    (wrong,) = [e for e in report(contents_of(tables))["reconciliation"]["rounds"] if e["verdict"] == "different"]
    assert (wrong["country"], wrong["reporting_date"]) == (row["admin0_pcode"], row["reporting_date"])


@pytest.mark.parametrize("is_partial", [False, True])
def test_a_round_without_a_figure_is_not_compared(tables: dict[str, list[Row]], is_partial: bool) -> None:  # noqa: FBT001
    names = ("admin0_pcode", "operation", "reporting_date", "round_number", "assessment_type")
    key = tuple(tables["idp_admin0"][0][name] for name in names)
    rows = [row for row in tables["idp_admin0"] if tuple(row[name] for name in names) == key]
    for row in rows[: 1 if is_partial else None]:
        row["num_present_idp_ind"] = None
    known = [row["num_present_idp_ind"] for row in rows[1:]] if is_partial else []

    said = report(contents_of(tables))

    (entry,) = [each for each in said["reconciliation"]["rounds"] if each["verdict"] == "figure_missing"]
    assert (entry["country"], entry["operation"], entry["reporting_date"]) == key[:3]
    assert entry["admin0"] == (sum(known) if known else None)
    assert entry["rows_without_figure_at_admin0"] == len(rows) - len(known)
    assert said["reconciliation"]["figure_missing"] == 1
    assert said["rows_without_figure"] == {"idp_admin0": len(rows) - len(known)}
    assert sum(each["total_unknown"] for each in said["sex"]["by_country"]) == len(rows) - len(known)


def test_more_males_and_females_than_people_are_a_contradiction(tables: dict[str, list[Row]]) -> None:
    row, more = changed(tables, "idp_admin1", number_males=10**7)
    assert more == {"sex": 1}
    said = report(contents_of(tables))["sex"]
    assert said["examples"] == [{"resource": "idp_admin1", "row": row}]


def test_every_row_falls_into_one_class_of_sexes(tables: dict[str, list[Row]]) -> None:
    for each in report(contents_of(tables))["sex"]["by_country"]:
        rows = [row for row in tables[each["resource"]] if row["admin0_pcode"] == each["country"]]
        unknown = sum(row["number_males"] is None for row in rows)
        less = sum(
            row["number_males"] + row["number_females"] < row["num_present_idp_ind"]
            for row in rows
            if row["number_males"] is not None
        )
        assert (each["rows"], each["both_unknown"], each["less_than_total"]) == (len(rows), unknown, less)
        classes = ("add_up_to_total", "less_than_total", "more_than_total", "one_unknown", "both_unknown")
        assert sum(each[name] for name in classes) == each["rows"]


def test_a_code_of_another_shape_breaks_the_pattern(tables: dict[str, list[Row]]) -> None:
    for row in tables["idp_admin2"]:
        if row["admin2_pcode"] == "XA0101":
            row["admin2_pcode"] = "XA-101"
    said = report(contents_of(tables))["pcodes"]
    (example,) = [each for each in said["examples"] if each["code"] == "XA-101"]
    assert (example["country"], example["field"], example["expected"]) == ("XAA", "admin2_pcode", "XA9999")
    assert example["rows"] == sum(row["admin2_pcode"] == "XA-101" for row in tables["idp_admin2"])


@pytest.mark.parametrize("field", ["admin1_pcode", "idp_origin_admin1_pcode"])
def test_a_code_with_the_prefix_of_another_country_breaks_the_pattern(tables: dict[str, list[Row]], field: str) -> None:
    before = report(contents_of(tables))["pcodes"]["found"]
    row = next(row for row in tables["idp_admin1"] if row[field].startswith("XA"))
    row[field] = row[field].replace("XA", "QQ")
    said = report(contents_of(tables))["pcodes"]
    assert said["found"] == before + 1
    (example,) = [each for each in said["examples"] if each["code"] == row[field]]
    assert (example["country"], example["field"], example["expected"]) == ("XAA", field, "XA99")


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (["XA01", "XA02", "XB01"], "XA99"),
        (["KIN1", "NKV1", "EQU1"], "AAA9"),
        (["ABC", "DEF"], "AAA"),
        (["A1", "B-2"], None),
        (["XCA-G01Q02"], "XCA-A99A99"),
    ],
)
def test_the_pattern_of_codes(codes: list[str], expected: str | None) -> None:
    pattern = pattern_of(codes)
    assert (pattern and "".join(pattern)) == expected


def test_placeholders_are_no_codes(tables: dict[str, list[Row]]) -> None:
    said = report(contents_of(tables))["pcodes"]
    placeholders = {each["value"] for each in said["placeholders"]}
    assert placeholders == {"Not available", "Unknown"}
    assert not placeholders & {each["code"] for each in said["examples"]}
    rows = sum(each["rows"] for each in said["placeholders"] if each["field"] == "idp_origin_admin1_pcode")
    names = ("idp_admin0", "idp_admin1", "idp_admin2")
    assert rows == sum(row["idp_origin_admin1_pcode"] in placeholders for name in names for row in tables[name])


def test_a_column_without_any_code_has_no_pattern(tables: dict[str, list[Row]]) -> None:
    for level in LEVELS:
        for row in tables[f"idp_admin{level}"]:
            row["idp_origin_admin1_pcode"] = "Not available"
    said = report(contents_of(tables))["pcodes"]
    assert {each["field"] for each in said["patterns"]} == {"admin1_pcode", "admin2_pcode"}


@pytest.mark.parametrize(
    ("code", "expected"),
    [("XA01", "AA99"), ("XCA-G01Q02", "AAA-A99A99"), ("ÑÜ9", "AA9"), ("X A_1", "A A_9"), ("", "")],
)
def test_the_shape_of_a_code(code: str, expected: str) -> None:
    assert shape(code) == expected


def test_an_operation_without_a_level_is_named(tables: dict[str, list[Row]]) -> None:
    said = report(contents_of(tables))["missing_levels"]
    for each in said["operations"]:
        key = (each["country"], each["operation"])
        for level in LEVELS:
            rounds = {
                (row["reporting_date"], row["round_number"], row["assessment_type"])
                for row in tables[f"idp_admin{level}"]
                if (row["admin0_pcode"], row["operation"]) == key
            }
            assert each[f"rounds_at_admin{level}"] == len(rounds)
            assert (level in each["missing_levels"]) is not bool(rounds)
    assert "Invented Estimate" in {each["operation"] for each in said["operations"]}


def test_a_package_of_one_level_lacks_none(tables: dict[str, list[Row]]) -> None:
    said = report(contents_of({"idp_admin1": tables["idp_admin1"]}))
    assert (said["levels"], said["reconciliation"]["checked"], said["missing_levels"]["found"]) == ([1], 0, 0)


@pytest.mark.parametrize(
    ("dates", "reference", "status", "expected"),
    [
        (["2024-01-01", "2024-01-31"], "2024-03-01", None, ("current", 30, 30)),
        (["2024-01-01", "2024-01-31"], "2024-06-01", "Active", ("current", 30, 122)),
        (["2024-01-01", "2024-01-31"], "2024-06-02", "Active", ("stale", 30, 123)),
        (["2024-01-01", "2024-01-31"], "2030-01-01", "Inactive", ("closed", 30, 2162)),
        (["2020-01-01", "2021-01-01", "2022-01-01"], "2023-02-01", None, ("current", 366, 396)),
        (["2024-01-31"], "2030-01-01", "Active", ("single", None, 2162)),
        (["2024-01-31", "2024-01-31"], "2024-01-31", None, ("single", None, 0)),
        (["2024-01-31"], "2024-01-01", None, ("single", None, -30)),
        (["2024-01-01", "2024-01-31"], "2024-01-21", None, ("current", 30, -10)),
    ],
)
def test_age_is_judged_by_the_operations_own_interval(
    tables: dict[str, list[Row]],
    dates: list[str],
    reference: str,
    status: str | None,
    expected: tuple[str, int | None, int],
) -> None:
    assert PUBLICATION_LAG_DAYS == 92
    judged = staleness(tables, [(date, number, "BA") for number, date in enumerate(dates)], reference, status)
    assert (judged["verdict"], judged["usual_interval_days"], judged["age_days"]) == expected


def staleness(
    tables: dict[str, list[Row]],
    rounds: list[tuple[str, int | None, str]],
    reference: str = "2024-12-31",
    status: str | None = None,
) -> dict[str, Any]:
    """Return what the report says of the age of an operation with these rounds."""
    row = tables["idp_admin0"][0]
    rows = [
        {**row, "reporting_date": date, "round_number": number, "assessment_type": of} for date, number, of in rounds
    ]
    key = {name: row[name] for name in ("admin0_pcode", "operation")}
    operations = [each | {"operation_status": status} for each in tables["operations"] if key.items() <= each.items()]
    said = report(on(reference, contents_of({"operations": operations, "idp_admin0": rows})))
    (judged,) = said["staleness"]["operations"]
    assert isinstance(judged, dict)
    return judged


@pytest.mark.parametrize(
    ("rounds", "interval"),
    [
        ([("2024-01-31", 1, "BA"), ("2024-02-01", 1, "SA"), ("2024-07-31", 2, "BA"), ("2024-08-01", 2, "SA")], 182),
        ([("2024-01-31", 1, "BA"), ("2024-02-01", 1, "SA")], None),
        ([("2024-01-31", 1, "BA"), ("2024-02-01", 1, "BA")], None),  # one round with two dates
        ([("2024-01-31", None, "BA"), ("2024-02-01", None, "BA")], 1),
        ([("2024-01-31", 1, "BA"), ("2024-01-31", 2, "BA"), ("2024-03-01", 3, "BA")], 30),
    ],
)
def test_the_interval_is_from_one_round_to_the_next_of_its_type(
    tables: dict[str, list[Row]], rounds: list[tuple[str, int | None, str]], interval: int | None
) -> None:
    assert staleness(tables, rounds)["usual_interval_days"] == interval


@pytest.mark.parametrize(
    ("rounds", "pairs"),
    [
        ([("2017-01-01", 14, "BA"), ("2017-01-01", 14, "SA")], [["BA", "SA"]]),
        ([("2017-01-01", 14, "BA"), ("2017-01-30", 14, "SA")], [["BA", "SA"]]),
        ([("2017-01-01", 14, "SA"), ("2017-02-01", 14, "BA")], [["SA", "BA"]]),
        ([("2017-01-01", 14, "BA"), ("2017-02-02", 14, "SA")], []),  # 32 days
        (
            [("2017-01-01", 14, "BA"), ("2017-01-25", 14, "SA"), ("2017-02-20", 14, "ETT")],
            [["BA", "SA"], ["SA", "ETT"]],
        ),
        ([("2017-01-01", 14, "BA"), ("2017-01-20", 14, "BA")], []),  # one type that dates its round twice
        ([("2016-04-01", 48, "BA"), ("2016-06-01", 48, "BA")], []),
        ([("2023-10-15", 1, "BA"), ("2023-10-15", 2, "SA")], []),  # two rounds on one date
        ([("2011-01-31", 2, "BA"), ("2014-01-31", 2, "SA"), ("2021-01-31", 2, "BA")], []),
        ([("2017-01-01", None, "BA"), ("2017-01-01", None, "SA")], []),
    ],
)
def test_a_round_that_two_types_date_within_31_days_is_one_round_assessed_twice(
    tables: dict[str, list[Row]], rounds: list[tuple[str, int | None, str]], pairs: list[list[str]]
) -> None:
    row = tables["idp_admin0"][0]
    rows = [
        {**row, "reporting_date": date, "round_number": number, "assessment_type": kind, "num_present_idp_ind": persons}
        for persons, (date, number, kind) in enumerate(rounds, start=10)
    ]

    said = report(contents_of({"idp_admin0": rows}))["assessed_twice"]

    persons = {(date, kind): each for each, (date, _, kind) in enumerate(rounds, start=10)}
    assert (said["checked"], said["found"]) == (len(rounds), len(pairs))
    assert [each["assessment_types"] for each in said["rounds"]] == pairs
    for each in said["rounds"]:
        keys = zip(each["reporting_dates"], each["assessment_types"], strict=True)
        assert each["persons"] == [persons[key] for key in keys]
        assert (each["country"], each["operation"], each["round_number"]) == (row["admin0_pcode"], row["operation"], 14)


def as_in_file(row: Row, number: int) -> Row:
    """Return a row as it is read from a file: no text is empty."""
    plain = {name: str(value) if isinstance(value, dt.date) else value for name, value in row.items()}
    return {name: None if value == "" else value for name, value in plain.items()} | {"row_number": number}


@pytest.mark.parametrize("seed", range(8))
def test_the_report_judges_as_the_views_of_a_warehouse_do(seed: int) -> None:
    day = dt.date(2024, 9, 1)
    where, tables = place("duckdb", today=day), odd_rows(Random(seed))
    as_in_files = {name: [as_in_file(row, number) for number, row in enumerate(rows)] for name, rows in tables.items()}
    with duckdb.connect() as db:
        db.execute(f"CREATE SCHEMA dtm; {load(as_in_files, where, 'duckdb')} {script(where)}")
        views = rows_of(db, "SELECT *, CAST(newest_reporting_date AS TEXT) AS newest FROM dtm.operation_freshness")
        rounds = rows_of(db, "SELECT *, CAST(reporting_date AS TEXT) AS date FROM dtm.reconciliation")

    said = report(on(str(day), contents_of({name: rows for name, rows in as_in_files.items() if rows})))

    assert values(
        said["staleness"]["operations"],
        ("operation", "newest_reporting_date", "reporting_dates", "usual_interval_days", "age_days", "verdict"),
    ) == values(views, ("operation", "newest", "date_count", "interval_days", "age_days", "freshness"))
    assert values(
        said["reconciliation"]["rounds"],
        ("operation", "reporting_date", "round_number", "assessment_type", "admin0", "admin2", "verdict"),
    ) == values(
        rounds, ("operation", "date", "round_number", "assessment_type", "idps_admin0", "idps_admin2", "verdict")
    )


def values(rows: list[Row], names: tuple[str, ...]) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(row[name] for name in names) for row in rows)


def test_ages_are_counted_on_the_date_of_access() -> None:
    assert reference_date({"created": "2025-02-01T00:00:00Z"}) == "2025-02-01"
    assert reference_date({"created": "2025-02-01", "sources": [{"dtm:accessed": "2025-01-30"}]}) == "2025-01-30"


@pytest.mark.parametrize(
    "form", [{"formats": ["csv.gz"]}, {"formats": ["parquet"]}, {"include_hxl_row": True}], ids=str
)
def test_every_form_of_the_files_gives_the_same_report(tmp_path: Path, form: dict[str, Any]) -> None:
    messages = dtm()

    run_target(messages, tmp_path / "csv")
    run_target(messages, tmp_path / "other", **form)

    assert (tmp_path / "other" / "quality.json").read_bytes() == (tmp_path / "csv" / "quality.json").read_bytes()


def test_standard_output_is_left_to_the_state() -> None:
    with database_of(world_contents()) as database:
        assert database.answer("SELECT CURRENT_SETTING('enable_progress_bar') AS is_shown") == [{"is_shown": False}]


def test_added_columns_may_have_any_name_and_type(tmp_path: Path) -> None:
    added = {
        "$rows": ("number", 1.5),
        "rowid": ("integer", 3),
        "times": ("object", {"a": 1}),
        "large": ("string", "y" * 10**7),
    }
    messages = dtm("sandbox://?rows=120&countries=1")
    run_target(messages, tmp_path / "plain")
    for message in messages:
        if message.get("stream") == "idp_admin1" and message["type"] == "SCHEMA":
            message["schema"]["properties"] |= {name: {"type": [kind, "null"]} for name, (kind, _) in added.items()}
        elif message.get("stream") == "idp_admin1" and message["type"] == "RECORD":
            is_first = message["record"]["row_number"] == 1
            message["record"] |= {name: value for name, (_, value) in added.items() if is_first or name != "large"}

    run_target(messages, tmp_path / "added")

    said, plain = (json.loads((tmp_path / name / "quality.json").read_text("utf-8")) for name in ("added", "plain"))
    assert said["reconciliation"] == plain["reconciliation"]


def test_a_figure_that_cannot_be_added_up_is_refused_in_a_sentence(tmp_path: Path) -> None:
    messages = dtm("sandbox://?rows=120&countries=1")
    row = next(each["record"] for each in messages if each.get("stream") == "idp_admin1" and each["type"] == "RECORD")
    row["num_present_idp_ind"] = 2**70

    with pytest.raises(DtmError, match=r"The figures for the page cannot be read from the files of the data package: "):
        run_target(messages, tmp_path / "package")

    assert not (tmp_path / "package").exists()
    assert not (tmp_path / ".package.target-datapackage" / "scratch").exists()


def test_another_taps_package_has_nothing_to_judge() -> None:
    assert report(contents_of({"pets": [{"id": 1}]}))["summary"] == []


def test_the_report_of_version_2_says_nothing_about_sexes() -> None:
    said = report(world_contents(version="v2"))
    assert said["sex"]["checked"] == 0
    assert said["reconciliation"]["checked"] > 0
