"""What a descriptor declares holds for every row. A constraint that a row does not meet is left out, and shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.errors import DtmError
from tests.datapackage.pipe import descriptor, problems, read_csv, resource, run_target
from tests.datapackage.singer import dtm, record, schema

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("no_pages")


def columns(**definitions: Any) -> Any:
    return schema(of={"properties": {"id": {"type": "integer"}, **definitions}})


def constraints(folder: Path, column: str, table: str = "orders") -> dict[str, Any]:
    fields = {field["name"]: field for field in resource(folder, table)["schema"]["fields"]}
    found: dict[str, Any] = fields[column].get("constraints", {})
    return found


@pytest.mark.parametrize("formats", [["csv"], ["parquet"]])
@pytest.mark.parametrize(
    ("definition", "met", "unmet", "words"),
    [
        ({"type": "integer", "minimum": 5, "maximum": 9}, 5, 1, "declares minimum 5 for v, but a row has 1"),
        ({"type": "integer", "minimum": 5, "maximum": 9}, 9, 10, "declares maximum 9 .* a row has 10"),
        ({"type": "number", "minimum": 0.1}, 0.1, 0.09, "declares minimum 0.1 .* a row has 0.09"),
        ({"type": "string", "enum": ["a", "b"]}, "a", "c", "declares enum a, b for v, but a row has 'c'"),
        ({"type": "integer", "enum": [1, 2]}, 2, 3, "declares enum 1, 2 for v, but a row has 3"),
    ],
)
def test_a_constraint_of_a_schema_holds_or_is_left_out(
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    *,
    definition: Any,
    met: Any,
    unmet: Any,
    words: str,
    formats: list[str],
) -> None:
    run_target([columns(v=definition), record(id=1, v=met)], folder, formats=formats)
    name = words.split()[1]
    declared = constraints(folder, "v")
    assert name in declared
    assert "declares" not in caplog.text

    run_target([columns(v=definition), record(id=2, v=unmet)], folder, formats=formats)
    assert constraints(folder, "v") == {each: value for each, value in declared.items() if each != name}
    (warning,) = [message for message in caplog.messages if "declares" in message]
    assert re.search(words, warning)
    assert problems(folder) == []

    caplog.clear()
    run_target([columns(v=definition), record(id=2, v=met)], folder, formats=formats)
    assert constraints(folder, "v") == declared, "once the row is right, it is declared again"
    assert "declares" not in caplog.text


def test_a_table_that_stays_keeps_what_its_descriptor_leaves_out(folder: Path) -> None:
    limited = columns(v={"type": "integer", "minimum": 5})
    run_target([limited, record(id=1, v=1)], folder)
    run_target([schema("Other"), record("Other", id=1)], folder)
    assert constraints(folder, "v") == {}
    assert problems(folder) == []


def test_counts_of_dtm_below_zero_are_kept_and_said(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    messages = dtm()
    row = next(each for each in messages if each["type"] == "RECORD" and each["stream"] == "idp_admin0")
    row["record"]["num_present_idp_ind"] = -1

    run_target(messages, folder)

    assert "minimum" not in constraints(folder, "num_present_idp_ind", "idp_admin0")
    assert "minimum" in constraints(folder, "num_present_idp_ind", "idp_admin1")
    assert "The schema of idp_admin0 declares minimum 0 for num_present_idp_ind, but a row has -1" in caplog.text
    assert problems(folder) == []


def test_a_pattern_of_the_catalogue_is_of_whole_values(folder: Path) -> None:
    messages = [each for each in dtm() if each["type"] != "STATE"]  # which knows the keys that there are
    row = next(each for each in messages if each["type"] == "RECORD" and each["stream"] == "countries")
    row["record"]["admin0_pcode"] = "AAA\n"

    run_target(messages, folder)

    assert "pattern" not in constraints(folder, "admin0_pcode", "countries")
    assert "pattern" in constraints(folder, "admin0_pcode", "operations")


def test_null_and_nothing_meet_every_constraint(folder: Path) -> None:
    definition = {"type": ["string", "null"], "enum": ["a"]}
    run_target([columns(v=definition), record(id=1, v=None), record(id=2, v=""), record(id=3, v="a")], folder)
    assert constraints(folder, "v") == {"enum": ["a"]}
    assert problems(folder) == []


@pytest.mark.parametrize("name", [" v", "v ", "\u00a0v", "v\t", " "])
def test_a_blank_at_the_end_of_a_columns_name_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(DtmError, match=r"The schema of Orders is wrong .a column has the name .*blanks at its ends"):
        run_target([columns(**{name: {"type": "string"}})], folder)


@pytest.mark.parametrize("kind", ["date-time", "time"])
@pytest.mark.parametrize("offset", ["+24:00", "-24:00", "+23:60", "+99", "+2400"])
def test_an_offset_that_no_zone_has_is_refused(folder: Path, kind: str, offset: str) -> None:
    text = f"10:00:00{offset}" if kind == "time" else f"2024-01-01T10:00:00{offset}"
    with pytest.raises(DtmError, match=r"Line 2 .* with the key id 1, .* which is not a valid"):
        run_target([columns(v={"type": "string", "format": kind}), record(id=1, v=text)], folder)


@pytest.mark.parametrize("offset", ["+23:59", "-23", "+0545", "Z", ""])
def test_an_offset_that_a_zone_may_have_is_valid(folder: Path, offset: str) -> None:
    run_target(
        [columns(v={"type": "string", "format": "date-time"}), record(id=1, v=f"2024-01-01T10:00:00{offset}")], folder
    )
    assert problems(folder) == []


@pytest.mark.parametrize(("kind", "value"), [("object", "text"), ("object", [1]), ("array", "[1]"), ("array", {})])
def test_an_object_or_array_is_one(folder: Path, kind: str, value: Any) -> None:
    with pytest.raises(DtmError, match=rf"Expected `{kind} \| null`"):
        run_target([columns(v={"type": kind}), record(id=1, v=value)], folder)


@pytest.mark.parametrize(
    ("stream", "name"),
    [
        ("CON", "table-con"),
        ("nul", "table-nul"),
        ("COM1", "table-com1"),
        ("lpt9.daily", "table-lpt9.daily"),
        ("console", "console"),
        (".hidden", "hidden"),
        ("..", "table-"),
        ("../up", "up"),
        ("n" * 300, "n" * 100 + "-"),
    ],
)
def test_the_name_of_a_stream_becomes_one_that_every_system_can_hold(folder: Path, stream: str, name: str) -> None:
    run_target([schema(stream), record(stream, id=1)], folder)
    (only,) = descriptor(folder)["resources"]
    assert only["name"].startswith(name)
    assert only["path"] == f"data/{only['name']}.csv"
    assert len(only["name"]) < 120
    assert read_csv(folder, only["name"])[0]["id"] == "1"
    assert problems(folder) == []
