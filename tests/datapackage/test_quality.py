"""The quality report counts what is odd in the rows, and nothing else."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from frictionless_dtm import quality
from frictionless_dtm.quality.database import database_of, reference_date
from frictionless_dtm.quality.pcodes import pattern_of, shape

from tap_dtm.errors import DtmError
from tap_dtm.sandbox import invent
from tests.datapackage.pages_world import contents_of, small_world, tables_of, world_contents
from tests.datapackage.pipe import run_target
from tests.datapackage.singer import dtm
from tests.extent import mostly

if TYPE_CHECKING:
    from pathlib import Path

    from frictionless_dtm.descriptor.contents import Contents

    from tests.datapackage.pages_world import Row


LEVELS = (0, 1, 2)


def report(contents: Contents) -> dict[str, Any]:
    with database_of(contents) as database:
        return quality.report(database)


@cache
def report_of(seed: int) -> dict[str, Any]:
    """Return the report of a world of eight countries."""
    return report(contents_of(tables_of(invent(seed, 8))))


@cache
def plain() -> dict[str, Any]:
    """Return the report of the small world."""
    return report(contents_of(tables_of(small_world())))


@pytest.fixture
def tables() -> dict[str, list[Row]]:
    return tables_of(small_world())


def found(said: dict[str, Any]) -> dict[str, int]:
    return {check["check"]: check["found"] for check in said["summary"]}


def changed(tables: dict[str, list[Row]], name: str, **values: Any) -> tuple[Row, dict[str, int], dict[str, Any]]:
    """Change one row of the small world; return it, what the report finds more than before, and the report."""
    row = next(row for row in tables[name] if row["number_males"] is not None)
    row.update(values)
    said = report(contents_of(tables))
    before, after = found(plain()), found(said)
    return row, {check: after[check] - before[check] for check in after if after[check] != before[check]}, said


@pytest.mark.parametrize("seed", mostly([1], [1, 2, 3]))
def test_the_sums_of_every_round_and_level_are_those_of_the_rows(seed: int) -> None:
    tables = tables_of(invent(seed, 8))
    sums: dict[tuple[Any, ...], Counter[int]] = defaultdict(Counter)
    for level in LEVELS:
        for row in tables[f"idp_admin{level}"]:
            names = ("admin0_pcode", "operation", "reporting_date", "round_number", "assessment_type")
            sums[tuple(row[name] for name in names)][level] += row["num_present_idp_ind"]
    said = report_of(seed)["reconciliation"]
    assert said["checked"] == len(sums)
    for each in said["rounds"]:
        key = (each["country"], each["operation"], each["reporting_date"], each["round_number"])
        expected = sums.pop((*key, each["assessment_type"]))
        assert {level: each[f"admin{level}"] for level in LEVELS if each[f"admin{level}"] is not None} == expected
        verdict = "equal" if len(set(expected.values())) == 1 and len(expected) == len(LEVELS) else each["verdict"]
        assert each["verdict"] == verdict
    assert not sums


@pytest.mark.parametrize("seed", mostly([1], [1, 2, 3]))
def test_every_row_that_repeats_another_is_counted(seed: int) -> None:
    tables = tables_of(invent(seed, 8))
    repeated: Counter[tuple[str, str, str]] = Counter()
    for name in ("idp_admin0", "idp_admin1", "idp_admin2"):
        seen = Counter(json.dumps({k: v for k, v in row.items() if k != "row_number"}) for row in tables[name])
        for row, times in seen.items():
            if times > 1:
                values = json.loads(row)
                repeated[values["admin0_pcode"], values["operation"], name] += times - 1
    said = report_of(seed)["exact_duplicates"]
    assert said["found"] == repeated.total() > 0
    assert {(e["country"], e["operation"], e["resource"]): e["rows"] for e in said["by_operation"]} == repeated


def test_a_changed_figure_makes_the_levels_differ(tables: dict[str, list[Row]]) -> None:
    figure = tables["idp_admin0"][0]["num_present_idp_ind"]
    row, more, said = changed(tables, "idp_admin0", num_present_idp_ind=figure + 10_000)
    assert more == {"reconciliation": 1}
    (wrong,) = [each for each in said["reconciliation"]["rounds"] if each["verdict"] == "different"]
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
    row, more, said = changed(tables, "idp_admin1", number_males=10**7)
    assert more == {"sex": 1}
    assert said["sex"]["examples"] == [{"resource": "idp_admin1", "row": row}]


def test_every_row_falls_into_one_class_of_sexes(tables: dict[str, list[Row]]) -> None:
    for each in plain()["sex"]["by_country"]:
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


def test_a_code_with_the_prefix_of_another_country_breaks_the_pattern(tables: dict[str, list[Row]]) -> None:
    fields = ("admin1_pcode", "idp_origin_admin1_pcode")
    row = next(row for row in tables["idp_admin1"] if all(row[field].startswith("XA") for field in fields))
    row.update({field: row[field].replace("XA", "QQ") for field in fields})
    said = report(contents_of(tables))["pcodes"]
    assert said["found"] == plain()["pcodes"]["found"] + 2
    examples = {each["field"]: each for each in said["examples"] if each["code"].startswith("QQ")}
    for field in fields:
        example = examples[field]
        assert (example["country"], example["code"], example["expected"]) == ("XAA", row[field], "XA99"), field


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
    said = plain()["pcodes"]
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
    said = plain()["missing_levels"]
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


def test_ages_are_counted_on_the_date_of_access() -> None:
    assert reference_date({"created": "2025-02-01T00:00:00Z"}) == "2025-02-01"
    assert reference_date({"created": "2025-02-01", "sources": [{"dtm:accessed": "2025-01-30"}]}) == "2025-01-30"


def test_every_form_of_the_files_gives_the_same_report(tmp_path: Path) -> None:
    forms: list[dict[str, Any]] = [{}, {"formats": ["parquet"]}, {"formats": ["csv.gz"], "include_hxl_row": True}]
    reports = []
    for number, form in enumerate(forms):
        folder = tmp_path / str(number)
        run_target(dtm("sandbox://?rows=300&countries=2"), folder, **form)
        reports.append((folder / "quality.json").read_bytes())

    for form, text in zip(forms, reports, strict=True):
        assert text == reports[0], form


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
