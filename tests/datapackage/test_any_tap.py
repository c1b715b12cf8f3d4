"""Streams of any tap: what they send becomes a valid package that says the same, or is refused in one sentence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from frictionless_dtm.command import main

from tap_dtm.errors import DtmError
from tests.datapackage.children import forks, run_command
from tests.datapackage.pipe import (
    content,
    descriptor,
    problems,
    read_csv,
    resource,
    run_lines,
    run_target,
)
from tests.datapackage.singer import activate, record, schema, state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.target import Message


pytestmark = pytest.mark.usefixtures("no_pages")


def columns(stream: str = "Orders", key: tuple[str, ...] = ("id",), **definitions: Any) -> Message:
    """Return a SCHEMA message; each column is a type or a JSON Schema."""
    properties = {
        name: {"type": [definition, "null"]} if isinstance(definition, str) else definition
        for name, definition in {"id": "integer", **definitions}.items()
    }
    return schema(stream, {"properties": properties}, key)


def test_rows_of_a_version_that_two_runs_bring_are_kept(folder: Path) -> None:
    run_target([schema(), record(id=0, version=1), activate(1)], folder)
    run_target([schema(), record(id=1, version=2), state({"last": 1})], folder)
    run_target([schema(), record(id=2, version=2), activate(2)], folder)
    assert [row["id"] for row in read_csv(folder, "orders")] == ["1", "2"]
    run_target([schema(), record(id=3, version=3), state({"last": 3})], folder)
    run_target([schema(), record(id=4, version=4), activate(4)], folder)
    assert [row["id"] for row in read_csv(folder, "orders")] == ["4"], "a version that begins forgets the other one"


@pytest.mark.parametrize(
    ("before", "value", "after", "expected"),
    [
        ("integer", 5, "number", "5"),
        ("number", 5.0, "integer", "5"),
        ("integer", 5, "string", "5"),
        ("number", 5.25, "string", "5.25"),
        ("boolean", True, "string", "true"),
        ("string", "-12", "integer", "-12"),
        ("string", "1.50", "number", "1.50"),
        ("string", "true", "boolean", "true"),
        ("string", "2024-06-30", {"type": ["string", "null"], "format": "date"}, "2024-06-30"),
        ({"type": ["string", "null"], "format": "date"}, "2024-06-30", "string", "2024-06-30"),
        ("object", {"a": 1}, {}, '{"a":1}'),
    ],
)
def test_a_column_of_another_type_keeps_what_it_said(
    folder: Path, before: Any, value: Any, after: Any, expected: str
) -> None:
    run_target([columns(v=before), record(id=1, v=value), record(id=2, v=None)], folder)
    run_target([columns(v=after)], folder, formats=["csv", "parquet"])
    assert [row["v"] for row in read_csv(folder, "orders")] == [expected, ""]
    assert problems(folder) == []
    assert descriptor(folder)["version"] == "2.0.0"


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("string", "abc", "integer"),
        ("string", "007", "integer"),
        ("string", "abc", "number"),
        ("number", 1.5, "integer"),
        ("string", "30 June", {"type": ["string", "null"], "format": "date"}),
        ("integer", 2, "boolean"),
    ],
)
@pytest.mark.parametrize("key", [("id",), ()])
def test_a_column_of_another_type_that_would_say_something_else_is_refused(
    folder: Path, before: Any, value: Any, after: Any, key: tuple[str, ...]
) -> None:
    run_target([columns(key=key, v=before), record(id=1, v=value)], folder)
    kept = content(folder)
    with pytest.raises(DtmError, match=r"The column v of Orders was of the type .* another folder"):
        run_target([columns(key=key, v=after)], folder)
    assert content(folder) == kept


def test_a_key_of_another_type_is_refused(folder: Path) -> None:
    run_target([columns(), record(id=1)], folder)
    with pytest.raises(DtmError, match="The column id of Orders was of the type integer and is now string"):
        run_target([columns(id="string"), record(id="1")], folder)


def test_numbers_in_a_key_that_are_equal_are_one_key(folder: Path) -> None:
    lines = [
        f'{{"type":"RECORD","stream":"Orders","record":{{"id":{id_},"v":{v}}}}}'
        for v, id_ in enumerate(["1", "1.0", "1E+0", "10", "0.0", "-0", "1.50", "1.5"])
    ]
    run_lines(folder, columns(id="number", v="integer"), *lines)
    assert {row["id"]: row["v"] for row in read_csv(folder, "orders")} == {"0": "5", "1": "2", "1.5": "7", "10": "3"}
    assert problems(folder) == []


def test_constraints_are_of_the_type_of_their_column(folder: Path) -> None:
    definitions: dict[str, Any] = {
        "low": {"type": ["integer", "null"], "minimum": 0.5, "maximum": 9.5},
        "odd": {"type": ["integer", "null"], "enum": [1, "x", None], "minimum": "nothing"},
        "text": {"type": ["string", "null"], "enum": ["a", None], "title": 5, "description": {"a": 1}},
    }
    run_target([columns(**definitions), record(id=1, low=2, odd=1, text="a")], folder)
    fields = {field["name"]: field for field in resource(folder, "orders")["schema"]["fields"]}
    assert fields["low"]["constraints"] == {"minimum": 1, "maximum": 9}
    assert "constraints" not in fields["odd"]
    assert fields["text"] == {"name": "text", "type": "string", "constraints": {"enum": ["a"]}}
    assert problems(folder) == []


def test_true_is_a_schema(folder: Path) -> None:
    run_target([columns(v=True), record(id=1, v="a"), record(id=2, v=[1])], folder)
    assert [row["v"] for row in read_csv(folder, "orders")] == ["a", "[1]"]
    assert problems(folder) == []


def test_an_integer_written_as_a_decimal_keeps_all_its_digits(folder: Path) -> None:
    line = '{"type":"RECORD","stream":"Orders","record":{"id":1,"v":9007199254740993.0,"n":0.10}}'
    run_lines(folder, columns(v="integer", n="number"), line)
    assert read_csv(folder, "orders") == [{"id": "1", "v": "9007199254740993", "n": "0.10"}]


DATE = {"type": ["string", "null"], "format": "date"}
DATETIME = {"type": ["string", "null"], "format": "date-time"}
TIME = {"type": ["string", "null"], "format": "time"}


@pytest.mark.parametrize("formats", [["csv"], ["parquet"]])
@pytest.mark.parametrize(
    ("definition", "value"),
    [
        (DATE, "2024-06-30T00:00:00Z"),
        (DATE, "2024-02-30"),
        (DATE, "20240630"),
        (DATETIME, "2024-06-30"),
        (DATETIME, "2024-06-30T25:00:00Z"),
        (TIME, "10:00"),
    ],
)
def test_an_invalid_date_is_refused(folder: Path, definition: Any, value: str, formats: list[str]) -> None:
    with pytest.raises(DtmError, match=rf"of Orders .*v is '{value}', which is not a valid (date|time)"):
        run_target([columns(v=definition), record(id=1, v=value)], folder, formats=formats)


@pytest.mark.parametrize("formats", [["csv"], ["parquet"]])
def test_dates_and_times_are_valid_as_they_come(folder: Path, formats: list[str]) -> None:
    times = ["10:00:00", "10:00:00.123Z", "10:00:00+02:00", None]
    run_target(
        [
            columns(day=DATE, at=DATETIME, time=TIME),
            *(
                record(id=n, day=None if n else "2024-02-29", at=t and f"2024-06-30T{t}", time=t)
                for n, t in enumerate(times)
            ),
            record(id=9, at="2024-06-30 10:00:00", day="", time=""),
        ],
        folder,
        formats=formats,
    )
    assert problems(folder) == []


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (columns(key=("v",), v="string"), "a part of its key is empty"),
        (columns(key=(), v="string"), "neither key nor value"),
        (schema(of={}, key=()), "it has no columns"),
        (schema(of={"properties": ["id"]}, key=()), "its properties are not a mapping"),
        (columns(v={"type": [{"type": "integer"}]}), "the property v is not a JSON Schema"),
        (columns(v={"type": {"a": 1}}), "the property v is not a JSON Schema"),
        (schema(of={"properties": {"id": "integer"}}, key=()), "the property id is not a JSON Schema"),
        (schema(of={"properties": {'a "b"': {}}}, key=()), "a column has the name"),
        (schema(of={"properties": {"a\\b": {}}}, key=()), "a column has the name"),
        (schema(of={"properties": {"a\nb": {}}}, key=()), "a column has the name"),
        (schema(of={"properties": {" ": {}}}, key=()), "a column has the name"),
    ],
)
def test_what_no_valid_package_can_hold_is_refused_in_a_sentence(folder: Path, message: Message, sentence: str) -> None:
    with pytest.raises(DtmError, match=sentence):
        run_target([message, record(v="")], folder)
    assert not folder.exists()


def test_integers_of_any_length_are_kept_but_in_keys_and_parquet(folder: Path) -> None:
    run_target([columns(v="integer"), record(id=1, v=10**30)], folder)
    assert read_csv(folder, "orders")[0]["v"] == str(10**30)
    with pytest.raises(DtmError, match="a key cannot have an integer of more than 64 bits"):
        run_target([columns(v="integer"), record(id=2**63)], folder)
    with pytest.raises(DtmError, match="The column v has an integer of more than 64 bits, which Parquet"):
        run_target([columns(v="integer")], folder, formats=["parquet"])


@forks
@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('{"type":"RECORD","stream":"Orders","record":null}', "does not match its schema"),
        ('{"type":"RECORD","stream":"Orders","record":[1]}', "does not match its schema"),
        ('{"type":"RECORD","stream":"Orders","record":{"id":1,"v":"\\ud83d"}}', "half a surrogate pair"),
        (
            f'{{"type":"RECORD","stream":"Orders","record":{{"id":1,"v":{"[" * 3000}{"]" * 3000}}}}}',
            "nested too deeply",
        ),
        (b'{"type":"RECORD","stream":"Orders","record":{"id":1,"v":"\xff"}}', "UTF-8"),
        (b'{"type":"STATE","value":"\xff"}', "UTF-8"),
    ],
)
def test_bad_lines_are_refused_in_a_sentence(tmp_path: Path, line: str | bytes, sentence: str) -> None:
    lines = [json.dumps(columns(v={})).encode(), line.encode() if isinstance(line, str) else line]
    (tmp_path / "config.json").write_text(json.dumps({"path": "package"}))

    code, _, log = run_command(main, "--config", "config.json", folder=tmp_path, lines=b"\n".join(lines))

    assert code == 1
    assert "Traceback" not in log
    assert sentence in log.splitlines()[-1]
    assert not (tmp_path / "package").exists()


def test_names_of_other_scripts_are_kept_apart(folder: Path) -> None:
    names = ["\N{ARABIC LETTER NOON}\N{ARABIC LETTER ALEF}", "\N{ARABIC LETTER NOON}"]
    run_target([columns(names[0]), record(names[0], id=1)], folder)
    first = descriptor(folder)["resources"][0]["name"]
    run_target([columns(names[1]), record(names[1], id=2)], folder)
    assert len({each["name"] for each in descriptor(folder)["resources"]}) == 2
    assert read_csv(folder, first) == [{"id": "1"}]
    assert problems(folder) == []


def test_two_streams_that_would_be_one_resource_are_refused(folder: Path) -> None:
    run_target([columns("x"), columns("x-parquet")], folder)
    with pytest.raises(DtmError, match="x and x-parquet would both be the resource 'x-parquet'"):
        run_target([], folder, formats=["csv", "parquet"])
