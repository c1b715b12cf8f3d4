"""What target-datapackage makes of any tap's messages: rows, versions, order, and refusals in one sentence."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import re
import stat
from typing import TYPE_CHECKING, Any

import pytest
from frictionless_dtm.command import TargetDataPackage, main
from frictionless_dtm.descriptor.settings import Settings

from tap_dtm.errors import DtmError
from tests.datapackage.children import forks, run_command
from tests.datapackage.pipe import content, descriptor, problems, read_csv, resource, run_target
from tests.datapackage.singer import activate, dtm, record, schema, state
from tests.target import MemoryTarget, run_tap

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("no_pages")


def ids(folder: Path, name: str = "orders") -> list[str]:
    return [row["id"] for row in read_csv(folder, name)]


def test_values_are_written_as_they_came(folder: Path) -> None:
    values: dict[str, Any] = {"item": 'a "b", c\nd', "price": 1.5, "paid": True, "tags": ["x", 1]}
    times: dict[str, Any] = {"at": "2025-01-01T10:00:00Z", "day": "2025-01-01"}
    run_target([schema(), record(id=2), record(id=1, **values, **times)], folder)
    text = (folder / "data/orders.csv").read_bytes().decode()
    assert text == (
        "id,item,price,paid,at,day,tags\n"
        '1,"a ""b"", c\nd",1.5,true,2025-01-01T10:00:00Z,2025-01-01,"[""x"",1]"\n'
        "2,,,,,,\n"
    )
    assert problems(folder) == []


def test_decimals_keep_their_digits(folder: Path) -> None:
    line = json.dumps(record(id=1, price=0)).replace('"price": 0', '"price": 0.12345678901234567890')
    with TemporaryInput([json.dumps(schema()), line]) as lines:
        target = TargetDataPackage(config={"path": str(folder)})
        target.listen(lines)
    assert read_csv(folder, "orders")[0]["price"] == "0.12345678901234567890"


class TemporaryInput:
    def __init__(self, lines: list[str]) -> None:
        self.lines = [f"{line}\n" for line in lines]

    def __enter__(self) -> Any:
        return iter(self.lines)

    def __exit__(self, *_: object) -> None:
        pass


def test_bookkeeping_is_no_part_of_the_package(folder: Path) -> None:
    run_target([schema(), record(id=1, _sdc_batched_at="now", _sdc_deleted_at=None)], folder)
    assert not any(name.startswith("_sdc") for name in read_csv(folder, "orders")[0])


def test_rows_are_upserted_and_removed(folder: Path) -> None:
    run_target([schema(), record(id=1, item="a"), record(id=2, item="b"), record(id=1, item="c")], folder)
    assert [row["item"] for row in read_csv(folder, "orders")] == ["c", "b"]
    run_target([schema(), record(id=2, _sdc_deleted_at="2025-01-01"), record(id=3, item="d")], folder)
    assert [row["item"] for row in read_csv(folder, "orders")] == ["c", "d"]


def test_an_activated_version_replaces_what_was_there(folder: Path) -> None:
    run_target([schema(), record(id=1, version=1), record(id=2, version=1), activate(1)], folder)
    run_target([schema(), record(id=2, version=2)], folder)
    assert ids(folder) == ["1", "2"], "a version that is not active yet removes nothing"
    run_target([schema(), record(id=3, version=3), activate(3)], folder)
    assert ids(folder) == ["3"]
    run_target([schema(), activate(3), record(id=4, version=3), activate(3)], folder)
    assert ids(folder) == ["3", "4"], "the version that is active already removes nothing"
    run_target([schema(), activate(4)], folder)
    assert ids(folder) == []
    assert problems(folder) == []


def test_without_a_key_all_rows_are_kept(folder: Path) -> None:
    keyless = schema(key=())
    run_target([keyless, record(id=2), record(id=1), record(id=1)], folder)
    assert ids(folder) == ["1", "1", "2"]
    run_target([keyless, record(id=1)], folder)
    assert ids(folder) == ["1", "1", "1", "2"]
    run_target([keyless, record(id=9, version=5), activate(5)], folder)
    assert ids(folder) == ["9"]


def test_columns_may_come_and_go(folder: Path) -> None:
    run_target([schema(), record(id=1, item="a", price=1)], folder)
    properties = {"id": {"type": "integer"}, "new": {"type": ["string", "null"]}, "item": {"type": ["string", "null"]}}
    run_target([schema(of={"properties": properties}), record(id=2, new="n", item="b")], folder)
    assert (folder / "data/orders.csv").read_text() == "id,new,item\n1,,a\n2,n,b\n"
    assert descriptor(folder)["version"] == "2.0.0"


@pytest.mark.parametrize("formats", [["csv"], ["csv.gz"], ["parquet"]])
def test_order_of_arrival_leaves_no_trace(tmp_path: Path, formats: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1735689600")
    rows = [record(id=number, item=f"item {number % 7}", price=number / 4) for number in range(500)]
    shuffled = random.Random(1).sample(rows, len(rows))
    run_target([schema(), *rows], tmp_path / "a" / "package", formats=formats, version="1.1.0")
    run_target([schema(), *shuffled[:250]], tmp_path / "b" / "package", formats=formats, version="1.0.0")
    run_target([schema(), *shuffled[200:]], tmp_path / "b" / "package", formats=formats, version="1.1.0")
    assert content(tmp_path / "a" / "package") == content(tmp_path / "b" / "package")


def test_a_run_without_changes_changes_nothing(folder: Path) -> None:
    messages = [schema(), record(id=1, item="a"), state({"bookmark": 1})]
    run_target(messages, folder)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert run_target([*messages, state({"bookmark": 2})], folder) == {"bookmark": 2}
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_damaged_or_missing_package_is_written_again(folder: Path) -> None:
    run_target([schema(), record(id=1)], folder)
    before = content(folder)
    (folder / "data/orders.csv").write_text("damaged")
    run_target([schema()], folder)
    assert content(folder) == before
    os.rename(folder, folder.with_name("elsewhere"))  # noqa: PTH104
    run_target([schema()], folder)
    assert content(folder) == before


def test_what_others_put_into_the_folder_moves_along(folder: Path) -> None:
    run_target([schema(), record(id=1)], folder)
    (folder / "data/note.txt").write_text("mine")
    (folder / "own").mkdir()
    (folder / "own/file").write_text("mine too")
    run_target([schema(), record(id=2)], folder)
    assert (folder / "data/note.txt").read_text() == "mine"
    assert (folder / "own/file").read_text() == "mine too"
    assert ids(folder) == ["1", "2"]


def test_versions_follow_the_recipe(folder: Path) -> None:
    def version(*messages: Any, **config: Any) -> str:
        run_target([schema(), *messages], folder, **config)
        return str(descriptor(folder)["version"])

    assert version(record(id=1, item="a"), record(id=2, item="b")) == "1.0.0"
    assert version(record(id=1, item="a")) == "1.0.0"
    assert version(record(id=3)) == "1.1.0", "rows added"
    assert version(record(id=1, item="A")) == "1.1.1", "a correction"
    assert version(record(id=1, _sdc_deleted_at="x")) == "1.1.2", "a withdrawal"
    assert version(schema("New"), record("New", id=1)) == "1.2.0", "a resource added"
    assert version(formats=["csv", "csv.gz"]) == "1.3.0", "a resource added"
    assert version(redistribution="permitted", permission="by me") == "2.0.0", "a resource gone"
    assert version() == "2.0.1", "other words"
    assert version(version="7.0.0") == "7.0.0"
    assert version(record(id=5)) == "7.1.0"


@pytest.mark.parametrize("pinned", ["2.0.0", "1.9.9", "2.0.0-rc.1", "2.0.0+other"])
def test_other_data_under_the_same_or_a_lower_version_are_refused(folder: Path, pinned: str) -> None:
    run_target([schema(), record(id=1)], folder, version="2.0.0")
    before = content(folder)
    with pytest.raises(
        DtmError, match=f"the setting version is {re.escape(pinned)} while the package already is 2.0.0"
    ):
        run_target([schema(), record(id=2)], folder, version=pinned)
    assert content(folder) == before
    run_target([schema(), record(id=1)], folder, version="2.0.0")
    assert content(folder) == before


def test_a_wrong_time_in_the_environment_is_reported_in_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "abc")
    with pytest.raises(DtmError, match="SOURCE_DATE_EPOCH is 'abc'"):
        run_target([schema()], folder)


def test_created_changes_with_the_data_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    run_target([schema(), record(id=1)], folder)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    run_target([schema(), record(id=1)], folder, redistribution="permitted", permission="by me")
    assert descriptor(folder)["created"] == "1970-01-01T00:00:00Z"
    run_target([schema(), record(id=2)], folder)
    assert descriptor(folder)["created"] == "1970-01-02T00:00:00Z"


def test_files_are_for_everybody_to_read(folder: Path) -> None:
    before = os.umask(0o077)
    try:
        run_target([schema(), record(id=1)], folder, formats=["csv", "csv.gz", "parquet"])
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()} == {0o644}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_gzip_is_csv_packed(folder: Path) -> None:
    run_target([schema(), record(id=1)], folder, formats=["csv", "csv.gz"])
    packed = (folder / "data/orders.csv.gz").read_bytes()
    assert gzip.decompress(packed) == (folder / "data/orders.csv").read_bytes()
    assert resource(folder, "orders-csv-gz")["dtm:sameDataAs"] == "orders"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"formats": ["ods"]}, "formats lists 'ods'\\. Choose from csv, csv.gz, parquet, xlsx"),
        ({"formats": ["xlsx"]}, "formats lists only xlsx, but programs read"),
        ({"redistribution": "permitted"}, "without a permission"),
        ({"redistribution": "yes"}, "redistribution is 'yes'"),
        ({"permission": "by me"}, "redistribution is 'not permitted'"),
        ({"version": "1"}, "version is '1'"),
        ({"version": "\N{ARABIC-INDIC DIGIT ONE}.2.3"}, "write three numbers"),
        ({"metadata": "nowhere"}, "does not exist"),
        ({"path": ""}, "path is empty"),
        ({"path": "a\0b"}, "which is not a valid path"),
        ({"path": "~nosuchuser/package"}, r"which is not a valid path: Could not determine home directory\.$"),
        (
            {"path": "package", "metadata": "~nosuchuser/m.yaml"},
            "metadata is '~nosuchuser/m.yaml', which is not a",
        ),
    ],
)
def test_wrong_settings_are_reported_in_a_sentence(config: dict[str, Any], message: str) -> None:
    with pytest.raises(DtmError, match=message):
        Settings.from_config({"path": "package", **config})


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([record(id=1)], "before its schema"),
        ([schema(), record(id="one")], "does not match its schema"),
        ([schema(), record(item="no key")], "does not match its schema"),
        ([schema(key=["nothing"])], "the key has nothing"),
        ([schema(), {"type": "BATCH", "stream": "Orders"}], "BATCH"),
        ([{"no": "type"}], "not a Singer message"),
    ],
)
def test_wrong_input_leaves_the_package_as_it_is(folder: Path, messages: list[Any], message: str) -> None:
    run_target([schema(), record(id=1)], folder)
    before = content(folder)
    with pytest.raises(DtmError, match=message):
        run_target([*messages[:1], *messages[1:]], folder)
    assert content(folder) == before


def test_an_integer_may_be_written_as_a_decimal(folder: Path) -> None:
    run_target([schema(), record(id=1.0)], folder)
    assert ids(folder) == ["1"]


def test_another_key_is_refused(folder: Path) -> None:
    run_target([schema(), record(id=1)], folder)
    with pytest.raises(DtmError, match="key of Orders was id and is now item"):
        run_target([schema(key=["item"])], folder)


def test_a_folder_of_somebody_else_is_not_replaced(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.odt").write_text("ten years of work")
    with pytest.raises(DtmError, match="is not empty"):
        run_target([schema(), record(id=1)], folder)
    assert (folder / "thesis.odt").exists()


def test_a_state_without_the_rows_it_speaks_of_is_refused(tmp_path: Path) -> None:
    """Otherwise a package without figures would replace the lost one."""
    target = MemoryTarget()
    state_of_a_lost_package = run_target(run_tap(target, api_url="sandbox://"), tmp_path / "lost")
    target.state = state_of_a_lost_package

    with pytest.raises(DtmError, match="Start the tap without state"):
        run_target(run_tap(target, api_url="sandbox://"), tmp_path / "package")

    assert not (tmp_path / "package").exists()


def store_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.target-datapackage") / "rows.sqlite"


def test_a_damaged_store_is_reported_in_a_sentence(folder: Path) -> None:
    run_target([schema(), record(id=1)], folder)
    before = content(folder)
    store_of(folder).write_bytes(b"garbage" * 1000)
    with pytest.raises(DtmError, match=r"rows\.sqlite.* it is damaged"):
        run_target([schema(), record(id=2)], folder)
    store_of(folder).unlink()
    store_of(folder).mkdir()
    with pytest.raises(DtmError, match="it cannot be opened"):
        run_target([schema(), record(id=2)], folder)
    assert content(folder) == before


@pytest.mark.parametrize(
    ("pragma", "sentence"), [("max_page_count = 1", "the disk is full"), ("query_only = 1", "may not write it")]
)
def test_a_store_that_cannot_be_written_is_reported_in_a_sentence(folder: Path, pragma: str, sentence: str) -> None:
    run_target([schema(), record(id=1)], folder)
    before = content(folder)
    target = TargetDataPackage(config={"path": str(folder)})
    target._store._db.execute(f"PRAGMA {pragma}")
    messages = [schema(), *(record(id=number, item="x" * 100) for number in range(1000))]
    with pytest.raises(DtmError, match=sentence):
        target.listen(io.StringIO("".join(json.dumps(each) + "\n" for each in messages)))
    target.close()
    assert content(folder) == before


def test_nothing_makes_no_package_and_says_so(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    run_target([], folder)
    assert "announced no stream" in caplog.text
    assert "Nothing has changed" not in caplog.text
    assert not folder.exists()


@pytest.mark.parametrize(
    ("setting", "words"),
    [("format", r"unknown name: format\. The nearest: formats"), ("colour", r"unknown name: colour\. Remove it")],
)
def test_an_unknown_setting_is_refused_with_the_nearest(folder: Path, setting: str, words: str) -> None:
    with pytest.raises(DtmError, match=words):
        run_target([schema()], folder, **{setting: "parquet"})
    assert not folder.exists()


@pytest.mark.parametrize("formats", ["csv,parquet", "csv, parquet", '["csv", "parquet"]', ["csv", "parquet"]])
def test_formats_may_be_text_as_environments_have_it(formats: object) -> None:
    assert Settings.from_config({"path": "package", "formats": formats}).formats == ("csv", "parquet")


@pytest.mark.parametrize("formats", ["", [], None])
def test_formats_that_are_empty_are_not_set(formats: object) -> None:
    assert Settings.from_config({"path": "package", "formats": formats}).formats == ("csv",)


@pytest.mark.parametrize("path", [".", ".."])
def test_the_folder_that_the_command_runs_in_is_refused(
    tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here" / "now").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here" / "now")
    with pytest.raises(DtmError, match="in which this command runs"):
        TargetDataPackage(config={"path": path})


def test_invented_data_never_take_the_place_of_others(folder: Path) -> None:
    invented = dtm("sandbox://?rows=200&countries=1")
    (code,) = {message["record"]["admin0_pcode"] for message in invented if message["type"] == "RECORD"}
    run_target(json.loads(json.dumps(invented).replace(f'"{code}"', '"QQQ"')), folder)
    before = content(folder)

    with pytest.raises(
        DtmError, match="The input is invented data of the sandbox, and this data package has real data"
    ):
        run_target(invented, folder)

    assert content(folder) == before


def test_two_runs_at_a_time_are_refused(folder: Path) -> None:
    first = TargetDataPackage(config={"path": str(folder)})
    with pytest.raises(DtmError, match="Another run"):
        TargetDataPackage(config={"path": str(folder)})
    first.close()


@forks
@pytest.mark.parametrize(
    ("config", "message"),
    [
        ('{"path": "package", "formats": ["docx"]}', "The setting formats lists 'docx'"),
        ('{"path": ', "config.json is not valid JSON"),
        (None, "config.json cannot be read: No such file"),
    ],
)
def test_the_command_ends_with_one_sentence(tmp_path: Path, config: str | None, message: str) -> None:
    if config is not None:
        (tmp_path / "config.json").write_text(config)

    code, output, log = run_command(main, "--config", "config.json", folder=tmp_path)

    assert (code, output) == (1, "")
    assert "Traceback" not in log
    assert message in log.splitlines()[-1]
