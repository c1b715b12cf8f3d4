"""The loader for Postgres loads what it was sent: every text, last rows, new columns, deletions; or says why not."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from psycopg import connect

from tap_dtm.sandbox import SandboxServer, invent
from tests.pipeline import Warehouse, output, running_tap, sandbox_config

if TYPE_CHECKING:
    from demo.postgres import EmbeddedPostgres

Message = dict[str, Any]
TEXT = {"type": ["string", "null"]}
NUMBER = {"type": ["integer", "null"]}
TIME = {"type": ["string", "null"], "format": "date-time"}
PLACES = {"code": {"type": "string"}, "name": TEXT, "people": NUMBER, "_sdc_deleted_at": TIME}
STATE = {"type": "STATE", "value": {"bookmarks": {"places": 1}}}


def schema(properties: dict[str, Any], key: tuple[str, ...] = ("code",)) -> Message:
    return {
        "type": "SCHEMA",
        "stream": "places",
        "schema": {"type": "object", "properties": properties},
        "key_properties": list(key),
    }


def record(version: int | None = None, **row: Any) -> Message:
    return {"type": "RECORD", "stream": "places", "record": row} | ({} if version is None else {"version": version})


def load(warehouse: Warehouse, *messages: Message, exit_code: int = 0, **config: Any) -> list[Any]:
    """Send these messages to the loader, and return the states that it printed."""
    lines = "".join(json.dumps(message, ensure_ascii=False) + "\n" for message in messages)
    with warehouse.running_target(**config) as target:
        printed, _ = target.communicate(lines.encode())
    assert target.returncode == exit_code, warehouse.log("target")
    return [json.loads(line) for line in printed.splitlines()]


def wait_for_waiting(warehouse: Warehouse, sessions: int) -> None:
    """Wait until some sessions of the database wait for others."""
    query = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    end = time.monotonic() + 30
    while len(warehouse.query(query)) < sessions:
        assert time.monotonic() < end
        time.sleep(0.02)


def names(warehouse: Warehouse) -> dict[str, Any]:
    return {row["code"]: row["name"] for row in warehouse.query("SELECT code, name FROM places")}


TEXTS = {
    "null": None,
    "empty": "",
    "quotes": '"Île-à-Vache", it\'s ""',
    "back-slashes": "\\ \\\\ \\N \\n \\. \\u0041",
    "white space": "\t tab\x0bfeed\x0c \r\n two\nlines\r",
    "control characters": "\x01\x1f\x7f\x85",
    "the end of COPY, on a line of its own": "a\n\\.\nb",
    "the end of COPY": "\\.",
    "words for null": "null",
    "COPY's null": "\\N",
    "separators": "a,b;c|d",
    "other scripts": "عربي 日本語 \U0001f30d é é",
    "JSON": '{"a": [1, null]}',
    "blanks": "  ",
}


@pytest.mark.parametrize("other", ["", '"\\'], ids=["alone", "next to a text that needs care"])
def test_every_text_arrives_as_it_is(warehouse: Warehouse, other: str) -> None:
    load(
        warehouse,
        schema(PLACES | {"other": TEXT}),
        *(record(code=code, name=text, other=other) for code, text in TEXTS.items()),
        *(record(code=f"code {text}", name="") for text in TEXTS.values() if text),
    )

    loaded = names(warehouse)

    assert {code: loaded.pop(code) for code in TEXTS} == TEXTS
    assert set(loaded) == {f"code {text}" for text in TEXTS.values() if text}


def test_every_type_arrives_as_it_is_and_times_in_utc_wherever_the_server_is(warehouse: Warehouse) -> None:
    types = {
        "code": {"type": "string"},
        "a day": {"type": ["null", "string"], "format": "date"},
        "time": TIME,
        "count": NUMBER,
        "a 'share' %": {"type": ["number", "null"]},
        "known": {"type": ["boolean", "null"]},
    }
    rows = [
        ("1", "2024-02-29", "2024-02-29T23:30:00.123456-01:00", 2**62, decimal.Decimal("0.1"), True),
        ("2", "0001-01-01", "2024-02-29T23:30:00Z", -1, decimal.Decimal("12345678901234567890.5"), False),
        ("3", None, None, None, None, None),
    ]
    lines = [json.dumps(schema(types))]
    for row in rows:
        texts = [str(v) if isinstance(v, decimal.Decimal) else json.dumps(v) for v in row]
        pairs = ",".join(f"{json.dumps(name)}:{text}" for name, text in zip(types, texts, strict=True))
        lines.append(f'{{"type":"RECORD","stream":"places","record":{{{pairs}}}}}')

    in_tokyo = warehouse.target_config()["sqlalchemy_url"] + "?options=-c%20timezone%3DAsia/Tokyo"
    with warehouse.running_target(sqlalchemy_url=in_tokyo) as target:
        target.communicate("\n".join(lines).encode())

    assert target.returncode == 0, warehouse.log("target")
    columns = ", ".join(f'"{name}"' for name in types)
    loaded = [tuple(row.values()) for row in warehouse.query(f"SELECT {columns} FROM places ORDER BY code")]  # noqa: S608
    assert loaded == [
        ("1", dt.date(2024, 2, 29), dt.datetime(2024, 3, 1, 0, 30, 0, 123456), 2**62, decimal.Decimal("0.1"), True),  # noqa: DTZ001
        ("2", dt.date(1, 1, 1), dt.datetime(2024, 2, 29, 23, 30), -1, rows[1][4], False),  # noqa: DTZ001
        ("3", None, None, None, None, None),
    ]


def test_the_last_row_of_a_key_wins_within_a_batch_and_over_three(warehouse: Warehouse) -> None:
    rows = [("a", "1"), ("b", "2"), ("c", "3"), ("b", "4"), ("d", "5"), ("a", "6"), ("e", "7"), ("e", "8"), ("f", "9")]

    load(warehouse, schema(PLACES), *(record(code=code, name=name) for code, name in rows), batch_size_rows=2)
    in_batches = names(warehouse)
    load(warehouse, schema(PLACES), *(record(code=code, name=f"again {name}") for code, name in rows))

    assert in_batches == dict(rows)
    assert names(warehouse) == {code: f"again {name}" for code, name in rows}


def test_a_key_of_several_columns(warehouse: Warehouse) -> None:
    rows = [("a", 1, "x"), ("a", 2, "y"), ("b", 1, "z"), ("a", 1, "last")]

    load(
        warehouse,
        schema(PLACES | {"people": {"type": "integer"}}, key=("people", "code")),
        *(record(code=code, people=people, name=name) for code, people, name in rows),
    )

    loaded = warehouse.query("SELECT code, people, name FROM places ORDER BY code, people")
    assert [tuple(row.values()) for row in loaded] == [("a", 1, "last"), ("a", 2, "y"), ("b", 1, "z")]


def test_without_a_key_every_row_is_added(warehouse: Warehouse) -> None:
    for _ in range(2):
        load(warehouse, schema(PLACES, key=()), record(code="a", name="x"), record(code="a", name="x"))

    assert len(warehouse.query("SELECT * FROM places")) == 4


def test_a_tombstone_clears_its_row(warehouse: Warehouse) -> None:
    load(warehouse, schema(PLACES), record(code="a", name="x", people=3, _sdc_deleted_at=None), record(code="b"))

    load(warehouse, schema(PLACES), record(code="a", name=None, people=None, _sdc_deleted_at="2024-01-02T03:04:05Z"))

    rows = warehouse.query("SELECT code, name, people, _sdc_deleted_at FROM places ORDER BY code")
    assert [tuple(row.values()) for row in rows] == [
        ("a", None, None, dt.datetime(2024, 1, 2, 3, 4, 5)),  # noqa: DTZ001
        ("b", None, None, None),
    ]


def test_a_new_column_between_runs_and_a_column_that_is_sent_no_more(warehouse: Warehouse) -> None:
    load(warehouse, schema(PLACES), record(code="a", name="old", people=1), record(code="b", name="old", people=1))
    changed = {name: kind for name, kind in PLACES.items() if name != "people"} | {"region": TEXT}

    load(warehouse, schema(changed), record(code="a", name="new", region="north"))

    rows = warehouse.query("SELECT code, name, people, region FROM places ORDER BY code")
    assert [tuple(row.values()) for row in rows] == [("a", "new", 1, "north"), ("b", "old", 1, None)]


def test_a_new_column_within_a_run(warehouse: Warehouse) -> None:
    load(
        warehouse,
        schema(PLACES),
        record(code="a", name="old"),
        schema(PLACES | {"region": TEXT}),
        record(code="a", name="new", region="north"),
        record(code="b", name="new", region="south"),
        batch_size_rows=2,
    )

    rows = warehouse.query("SELECT code, name, region FROM places ORDER BY code")
    assert [tuple(row.values()) for row in rows] == [("a", "new", "north"), ("b", "new", "south")]


@pytest.mark.parametrize("hard_delete", [False, True], ids=["marked", "removed"])
def test_a_version_that_is_activated_replaces_the_rows_of_older_ones(warehouse: Warehouse, hard_delete: bool) -> None:  # noqa: FBT001
    load(warehouse, schema(PLACES), record(1, code="a"), record(1, code="b"), record(code="c"))

    load(
        warehouse,
        schema(PLACES),
        record(2, code="a"),
        {"type": "ACTIVATE_VERSION", "stream": "places", "version": 2},
        hard_delete=hard_delete,
    )

    rows = warehouse.query("SELECT code, _sdc_deleted_at IS NULL AS live FROM places ORDER BY code")
    expected = [("a", True)] if hard_delete else [("a", True), ("b", False), ("c", False)]
    assert [tuple(row.values()) for row in rows] == expected


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"code": "bad", "name": "a\0b"}, "`name` has a NUL character, which Postgres cannot store."),
        ({"code": "bad", "people": "many"}, "Expected `int | null`, got `str` - at `$.people`."),
    ],
    ids=["NUL", "type"],
)
def test_a_row_that_cannot_be_loaded_is_named_and_no_state_is_confirmed(
    warehouse: Warehouse, row: dict[str, Any], problem: str
) -> None:
    states = load(warehouse, schema(PLACES), record(code="a"), STATE, record(**row), STATE, exit_code=1)

    log = warehouse.log("target")
    assert f'Stream \'places\', record {{"code":"bad"}}: {problem}' in log
    assert "Traceback" not in log
    assert states == []
    assert names(warehouse) == {}


@pytest.mark.parametrize(
    ("row", "said"),
    [({"code": "a", "people": 2**70}, "out of range"), ({"people": 1}, "null value in column")],
    ids=["number", "no key"],
)
def test_a_batch_that_postgres_refuses_is_one_sentence(warehouse: Warehouse, row: dict[str, Any], said: str) -> None:
    states = load(warehouse, schema(PLACES), record(code="b"), record(**row), STATE, exit_code=1)

    log = warehouse.log("target")
    assert "Stream 'places': Postgres refuses a batch: " in log
    assert said in log
    assert "Traceback" not in log
    assert states == []
    assert names(warehouse) == {}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"type": "RECORD", "stream": "places"', "Line 2 of the input is not a Singer message: "),
        (b'{"type": 1}', "Line 2 of the input is not a Singer message: "),
        (b'{"type": "RECORD", "stream": "places", "record": []}', "Stream 'places', record {}: Expected `object`"),
        (b'{"type": "RECORD", "stream": "places", "record": {"code": "\xff"}}', "Stream 'places', record {}: "),
    ],
    ids=["incomplete", "no type", "no record", "not UTF-8"],
)
def test_a_line_that_is_no_message_is_named(warehouse: Warehouse, line: bytes, said: str) -> None:
    with warehouse.running_target() as target:
        target.communicate(json.dumps(schema(PLACES)).encode() + b"\n" + line + b"\n")

    assert target.returncode == 1
    assert said in warehouse.log("target")
    assert "Traceback" not in warehouse.log("target")


def test_state_is_confirmed_when_its_rows_are_committed(warehouse: Warehouse) -> None:
    states = load(warehouse, schema(PLACES), record(code="a", name="x"), STATE)

    assert states == [STATE["value"]]
    assert names(warehouse) == {"a": "x"}


def test_the_columns_of_the_loader(warehouse: Warehouse) -> None:
    before = dt.datetime.now(dt.timezone.utc).replace(tzinfo=None)
    row = record(5, code="a") | {"time_extracted": "2024-05-06T07:08:09+02:00"}

    load(warehouse, schema(PLACES), row)

    (loaded,) = warehouse.query("SELECT * FROM places")
    after = dt.datetime.now(dt.timezone.utc).replace(tzinfo=None)
    assert loaded["_sdc_extracted_at"] == dt.datetime(2024, 5, 6, 5, 8, 9)  # noqa: DTZ001
    assert loaded["_sdc_table_version"] == 5
    assert before < loaded["_sdc_received_at"] <= loaded["_sdc_batched_at"] < after
    assert before.timestamp() < loaded["_sdc_sequence"] / 1000
    assert loaded["_sdc_sync_started_at"] <= loaded["_sdc_sequence"]


def test_what_is_rare_goes_the_way_of_the_target_itself(warehouse: Warehouse) -> None:
    load(
        warehouse,
        schema(
            PLACES | {"shape": {"type": ["object", "null"]}, "tags": {"type": "array", "items": {"type": "string"}}}
        ),
        record(code="a", name='\t"x"\\', shape={"b": [1]}, tags=["t"]),
        stream_maps={"places": {"people": "7"}},
    )

    (row,) = warehouse.query("SELECT code, name, people, shape, tags FROM places")
    assert row == {"code": "a", "name": '\t"x"\\', "people": 7, "shape": {"b": [1]}, "tags": ["t"]}


def test_without_columns_of_its_own(warehouse: Warehouse) -> None:
    config = {"add_record_metadata": False, "activate_version": False}

    load(warehouse, schema(PLACES), record(code="a", name="x", people=1, _sdc_deleted_at=None), **config)

    assert warehouse.query("SELECT * FROM places") == [{"code": "a", "name": "x", "people": 1}]


def test_the_tables_are_those_of_the_target_that_it_extends(warehouse: Warehouse, postgres: EmbeddedPostgres) -> None:
    theirs = Warehouse(postgres, f"{warehouse.schema}_theirs", warehouse.folder, program="target-postgres")
    with (
        SandboxServer(invent(5)) as sandbox,
        running_tap(warehouse.folder, sandbox_config(sandbox), {}) as tap,
    ):
        messages = output(tap).read()

    for loaded in (warehouse, theirs):
        with loaded.running_target() as target:
            printed, _ = target.communicate(messages)
        assert target.returncode == 0, loaded.log("target")
        loaded.confirm(printed)

    assert warehouse.state == theirs.state
    columns = (
        "SELECT table_name, column_name, data_type, is_nullable, ordinal_position FROM information_schema.columns"
        " WHERE table_schema = current_schema ORDER BY table_name, ordinal_position"
    )
    assert warehouse.query(columns) == theirs.query(columns)
    for stream in ("countries", "operations", "idp_admin0", "idp_admin1", "idp_admin2"):
        rows = f"SELECT * FROM {stream} AS t ORDER BY t"  # noqa: S608
        of_the_run = ("_sdc_received_at", "_sdc_batched_at", "_sdc_sequence", "_sdc_sync_started_at")
        ours, other = (
            sorted(str({name: row[name] for name in row if name not in of_the_run}) for row in loaded.query(rows))
            for loaded in (warehouse, theirs)
        )
        assert ours == other
        assert ours


def test_loaders_that_create_the_same_table_at_the_same_time_all_load(warehouse: Warehouse) -> None:
    loaders = [replace(warehouse, folder=warehouse.folder / name, state={}) for name in ("first", "second")]
    with ExitStack() as stack, connect(warehouse.server.url) as other:
        other.execute(f"CREATE SCHEMA {warehouse.schema}".encode())
        other.commit()
        other.execute(f"CREATE TABLE {warehouse.schema}.places ()".encode())
        running = []
        for number, loader in enumerate(loaders):
            loader.folder.mkdir()
            target = stack.enter_context(loader.running_target())
            messages = "".join(json.dumps(each) + "\n" for each in (schema(PLACES), record(code=str(number))))
            assert target.stdin
            target.stdin.write(messages.encode())
            target.stdin.close()
            running.append(target)
        wait_for_waiting(warehouse, len(loaders))
        other.rollback()  # both have seen that there is no such table

        for loader, target in zip(loaders, running, strict=True):
            assert target.wait() == 0, loader.log("target")
    assert set(names(warehouse)) == {"0", "1"}
