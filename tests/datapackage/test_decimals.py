"""Numbers keep the digits that were sent, wherever they occur, or are refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.errors import DtmError
from tests.datapackage.pipe import problems, read_csv, run_lines
from tests.datapackage.singer import schema

if TYPE_CHECKING:
    from pathlib import Path

EXACT = ["12345678901234567.89", "0.12345678901234567890", "1.50", "100000000000000000001", "-0.1"]


pytestmark = pytest.mark.usefixtures("no_pages")


def columns(key: tuple[str, ...] = ("id",), **types: Any) -> Any:
    properties = {"id": {"type": "integer"}, **{name: {"type": each} for name, each in types.items()}}
    return schema(of={"properties": properties}, key=key)


def row(text: str, number: int = 1) -> str:
    return f'{{"type": "RECORD", "stream": "Orders", "record": {{"id": {number}, "v": {text}}}}}'


@pytest.mark.parametrize("digits", EXACT)
@pytest.mark.parametrize(
    ("type_", "form"),
    [
        ("number", "{}"),
        (["number", "string", "null"], "{}"),
        (["object", "null"], '{{"a":{{"b":{}}}}}'),
        (["array", "null"], "[1,{}]"),
        ([], '[{{"a":{}}}]'),
    ],
)
def test_decimals_keep_their_digits(folder: Path, type_: Any, form: str, digits: str) -> None:
    text = form.format(digits)

    run_lines(folder, columns(v=type_), row(text), formats=["csv", "parquet"])

    assert read_csv(folder, "orders")[0]["v"] == text
    assert problems(folder) == []


def test_decimals_keep_their_digits_when_the_table_is_written_again(folder: Path) -> None:
    run_lines(folder, columns(v=[]), row("[12345678901234567.89]"))
    run_lines(folder, columns(v=[]), row("1", number=2))
    assert [each["v"] for each in read_csv(folder, "orders")] == ["[12345678901234567.89]", "1"]


@pytest.mark.parametrize("text", ["1e400", "-1e400", "1e-400", "1e999999999", "1e99999999999999999999", "9" * 400])
@pytest.mark.parametrize("key", [("id",), ("v",)])
def test_a_number_that_most_programs_cannot_read_is_refused(folder: Path, text: str, key: tuple[str, ...]) -> None:
    sentence = r"Line 2 .* Orders with the key .*(v has more than 308 digits|exponent that is too large)"
    with pytest.raises(DtmError, match=sentence):
        run_lines(folder, columns(key=key, v="number"), row(text))
    assert not folder.exists()


def test_the_largest_numbers_are_the_same_in_every_format(folder: Path) -> None:
    texts = ["9e307", "-9e307", "1e-307", "0e400"]
    lines = [row(text, number) for number, text in enumerate(texts)]
    run_lines(folder, columns(v="number"), *lines, formats=["csv", "parquet"])
    assert [float(each["v"]) for each in read_csv(folder, "orders")] == [float(text) for text in texts]
    assert problems(folder) == []


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-inf", "1_000", " 1", "", "0x10", "\N{ARABIC-INDIC DIGIT ONE}", "01", "one"]
)
def test_a_text_that_is_not_a_number_is_refused(folder: Path, text: str) -> None:
    with pytest.raises(DtmError, match=r"Line 2 .* Orders with the key id 1, .*: v is \".*\", which is not a number"):
        run_lines(folder, columns(v="number"), row(json.dumps(text)))


@pytest.mark.parametrize("text", ["true", "[1]", '{"a": 1}'])
def test_another_value_in_a_column_of_numbers_is_refused(folder: Path, text: str) -> None:
    with pytest.raises(DtmError, match="which is not a number"):
        run_lines(folder, columns(v="number"), row(text))


def test_a_number_sent_as_text_is_that_number(folder: Path) -> None:
    run_lines(folder, columns(v="number"), row('"-12.50"'))
    assert read_csv(folder, "orders")[0]["v"] == "-12.50"
