"""Input that is wrong is refused in one sentence that names line, stream and key; a state is its tap's business."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tap_dtm.errors import DtmError
from tests.datapackage.pipe import read_csv, run_lines
from tests.datapackage.singer import record, schema

pytestmark = pytest.mark.usefixtures("no_pages")


def row(values: str, **others: Any) -> str:
    rest = "".join(f',"{name}":{value}' for name, value in others.items())
    return f'{{"type":"RECORD","stream":"Orders","record":{values}{rest}}}'


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (row('{"id":"x"}'), 'Line 3 of the input, a record of Orders with the key id "x", .*Expected `int`, got `str`'),
        (row('{"id":7,"item":1}'), "Line 3 .* a record of Orders with the key id 7, .*Expected `str"),
        (row('{"item":"a"}'), "Line 3 .* a record of Orders with the key id null, .*missing required field `id`"),
        (row('{"id":7,"item":' + "1" * 5000 + "}"), "with the key id 7, .*a number has more than 4300 digits"),
        (row('{"id":' + "1" * 5000 + "}"), "Line 3 .* a record of Orders .*more than 4300 digits"),
        (row('{"id":7,"price":NaN}'), "Line 3 .*stream Orders, key id 7.* NaN or Infinity"),
        (row('{"id":7}', version=2**70), "Line 3 .*stream Orders.* `int` <= 9223372036854775807 - at `.*version`"),
        (row(f'{{"id":7,"tags":{"[" * 200_000}{"]" * 200_000}}}'), "Line 3 .*stream Orders.* nested too deeply"),
        (row('{"id":7,"item":"\\ud800"}'), "Line 3 .*stream Orders.* half a surrogate pair"),
        (
            '{"type":"RECORD","stream":"Orders","record":{"id":',
            r"Line 3 of the input \(stream Orders\) is not a Singer",
        ),
        ("garbage", "Line 3 of the input is not a Singer message"),
        (json.dumps(record("Others", id=1)), "Line 3 of the input is a record of 'Others' before its schema"),
    ],
)
def test_a_bad_line_is_named(folder: Path, line: str, sentence: str) -> None:
    with pytest.raises(DtmError, match=sentence) as raised:
        run_lines(folder, schema(), record(id=1), line)
    assert len(str(raised.value)) < 800
    assert not folder.exists()


@pytest.mark.parametrize(
    "state",
    [
        '{"bookmarks":{"countries":"2024-01-01"}}',
        '{"bookmarks":{"idp_admin0":{"partitions":"x"}, "operations": {"keys": [1]}}}',
        '{"bookmarks":{"idp_admin0":{"partitions":[1, {"operations": [2]}, {"operations": {"a": 3}}]}}}',
        '{"bookmarks":{"idp_admin0":{"partitions":[{"operations":{"a":{"content":"x","rows":"many"}}}]}}}',
        '{"bookmarks":[1]}',
        '"x"',
        "[]",
        "1e400",
        '{"last": 1e400, "id": ' + "1" * 400 + "}",
        '{"id": ' + "1" * 5000 + "}",
        '{"last":1.10, "a":0.30000000000000000001}',
    ],
)
@pytest.mark.parametrize("stream", ["Orders", "idp_admin0", "countries", "operations"])
def test_a_state_of_another_tap_is_handed_over_as_it_came(folder: Path, state: str, stream: str) -> None:
    line = f'{{"type": "STATE", "value": {state}}}'
    other = schema(stream, {"properties": {"id": {"type": "integer"}}})

    output = run_lines(folder, line, other, record(stream, id=1), line)
    assert output == f"{state}\n"

    output = run_lines(folder, line, other, line)
    assert output == f"{state}\n"
    assert read_csv(folder, stream.lower()) == [{"id": "1"}]


def test_a_state_is_handed_over_in_ascii(folder: Path) -> None:
    output = run_lines(folder, schema(), '{"type":"STATE","value":{"café":"\N{GRINNING FACE}"}}')
    assert output == '{"caf\\u00e9":"\\ud83d\\ude00"}\n'
    assert json.loads(output) == {"café": "\N{GRINNING FACE}"}


@pytest.mark.parametrize("number", [0xDC80, 0xD800])
def test_a_path_that_is_not_text_is_refused(number: int) -> None:
    with pytest.raises(DtmError, match=r"The setting path is 'pk.*', which is not a valid path"):
        run_lines(Path(f"pk{chr(number)}"), schema())


@pytest.mark.parametrize(
    ("module", "formats"),
    [("duckdb", ["csv"]), ("jinja2", ["csv"]), ("pyarrow", ["csv", "parquet"]), ("xlsxwriter", ["csv", "xlsx"])],
)
def test_a_missing_extra_is_said_before_anything_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch, module: str, formats: list[str]
) -> None:
    monkeypatch.setitem(sys.modules, module, None)

    sentence = rf"target-datapackage needs {module}, .* not installed\. Run: pip install 'tap-dtm\[datapackage\]'"
    with pytest.raises(DtmError, match=sentence):
        run_lines(folder, "this line is not read", formats=formats)

    assert not list(folder.parent.glob(".*"))


@pytest.mark.programs
def test_the_command_starts_without_the_extra_and_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"path": "package", "formats": ["parquet", "xlsx"]}))
    missing = ["duckdb", "jinja2", "pyarrow", "xlsxwriter"]
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({missing})); from frictionless_dtm.command import main; main()"
    )

    command = [sys.executable, "-c", program, "--config", "config.json"]
    run = subprocess.run(command, cwd=tmp_path, input=b"this line is not read", capture_output=True, check=False)

    assert run.returncode == 1
    last = run.stderr.decode().splitlines()[-1]
    assert "target-datapackage needs duckdb and jinja2 and pyarrow and xlsxwriter, which" in last
