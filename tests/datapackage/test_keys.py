"""Keys are compared by value, as validators of data packages compare them, and written as they were sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.errors import DtmError
from tests.datapackage.pipe import problems, read_csv, run_target
from tests.datapackage.singer import activate, record, schema

if TYPE_CHECKING:
    from pathlib import Path

DATETIME = {"type": "string", "format": "date-time"}
TIME = {"type": "string", "format": "time"}
ANY: dict[str, Any] = {}


pytestmark = pytest.mark.usefixtures("no_pages")


def keyed(definition: Any) -> Any:
    return schema(of={"properties": {"k": definition, "v": {"type": ["integer", "null"]}}}, key=["k"])


@pytest.mark.parametrize(
    ("definition", "one", "other"),
    [
        (DATETIME, "2024-01-01T10:00:00Z", "2024-01-01T10:00:00+00:00"),
        (DATETIME, "2024-01-01T10:00:00Z", "2024-01-01 12:00:00.000+0200"),
        (DATETIME, "2024-01-01T10:00:00", "2024-01-01T10:00:00.000000"),
        (DATETIME, "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00.0+14:00"),
        (TIME, "10:00:00", "10:00:00.000"),
        (TIME, "10:00:00Z", "12:00:00+02:00"),
        (ANY, 1, "1"),
        (ANY, True, "true"),
        (ANY, {"a": 1, "b": [2]}, {"b": [2], "a": 1}),
        ({"type": ["integer", "string"]}, 1, "1"),
        ({"type": "number"}, 1, 1.0),
    ],
)
def test_two_spellings_of_a_key_are_one_row(folder: Path, definition: Any, one: Any, other: Any) -> None:
    run_target([keyed(definition), record(k=one, v=1), record(k=other, v=2)], folder, formats=["csv", "parquet"])
    assert [row["v"] for row in read_csv(folder, "orders")] == ["2"]
    assert problems(folder) == []

    run_target([keyed(definition), record(k=one, v=3)], folder)
    assert [row["v"] for row in read_csv(folder, "orders")] == ["3"]

    run_target([keyed(definition), record(k=other, _sdc_deleted_at="2025-01-01")], folder)
    assert read_csv(folder, "orders") == []


@pytest.mark.parametrize(
    ("definition", "one", "other"),
    [
        (DATETIME, "2024-01-01T10:00:00Z", "2024-01-01T10:00:00"),
        (DATETIME, "2024-01-01T10:00:00.123456Z", "2024-01-01T10:00:00.123457Z"),
        (TIME, "00:30:00+02:00", "22:30:00Z"),  # of another day, if they had one
        (ANY, "a", "A"),
        (ANY, 0, False),
    ],
)
def test_two_values_are_two_rows(folder: Path, definition: Any, one: Any, other: Any) -> None:
    run_target([keyed(definition), record(k=one, v=1), record(k=other, v=2)], folder)
    assert sorted(row["v"] for row in read_csv(folder, "orders")) == ["1", "2"]
    assert problems(folder) == []


def test_rows_are_in_the_order_of_time(folder: Path) -> None:
    texts = ["2024-01-01T23:00:00-05:00", "2024-01-02T00:00:00Z", "2024-01-01T00:00:00+02:00"]
    run_target([keyed(DATETIME), *(record(k=text, v=1) for text in texts)], folder)
    assert [row["k"] for row in read_csv(folder, "orders")] == [texts[2], texts[1], texts[0]]


def test_a_key_in_another_spelling_is_no_other_row_of_a_version(folder: Path) -> None:
    run_target([keyed(DATETIME), record(k="2024-01-01T10:00:00Z", v=1, version=1), activate(1)], folder)
    again = record(k="2024-01-01T10:00:00+00:00", v=2, version=2)
    run_target([keyed(DATETIME), again, activate(2)], folder)
    assert [row["v"] for row in read_csv(folder, "orders")] == ["2"]


@pytest.mark.parametrize(
    ("definition", "text", "sentence"),
    [
        (DATETIME, "2024-01-01T10:00:00.1234567Z", "k is part of the key, and .* is finer than a microsecond"),
        (ANY, None, "k, a part of the key, is missing"),
        (ANY, "", "k, a part of the key, is missing"),
        (DATETIME, "", "k, a part of the key, is missing"),
        ({"type": ["number", "null"]}, None, "k, a part of the key, is missing"),
    ],
)
def test_a_key_that_validators_could_not_tell_from_others_is_refused(
    folder: Path, definition: Any, text: Any, sentence: str
) -> None:
    with pytest.raises(DtmError, match=f"Line 2 .* Orders with the key k .*: {sentence}"):
        run_target([keyed(definition), record(k=text, v=1)], folder)


@pytest.mark.parametrize("kind", ["object", "array"])
def test_an_object_or_array_cannot_be_a_key(folder: Path, kind: str) -> None:
    with pytest.raises(DtmError, match=f"The schema of Orders .*the key column k has the type {kind}"):
        run_target([keyed({"type": kind})], folder)


def test_the_mark_of_removed_rows_cannot_be_a_key(folder: Path) -> None:
    of = {"properties": {"_sdc_deleted_at": {"type": "string"}}}
    with pytest.raises(DtmError, match="the key has _sdc_deleted_at, which marks removed rows"):
        run_target([schema(of=of, key=["_sdc_deleted_at"])], folder)
