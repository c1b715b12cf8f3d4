"""The first run after an update from version 0.1, whose packages had other forms of CSV, keys and decimals."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tap_dtm.errors import DtmError
from tests.datapackage.pipe import content, descriptor, problems, read_csv, run_lines, run_target
from tests.datapackage.singer import dtm

# A package and a store as version 0.1 made them on Python 3.11, and the messages that it was given.
MADE = Path(__file__).parent / "version_0_1"


def store_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.target-datapackage") / "rows.sqlite"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    folder = tmp_path / "package"
    shutil.copytree(MADE / "package", folder)
    store_of(folder).parent.mkdir()
    database = sqlite3.connect(store_of(folder))
    database.executescript((MADE / "rows.sql").read_text(encoding="utf-8"))
    database.close()
    return folder


def messages() -> list[str]:
    return (MADE / "messages.jsonl").read_text(encoding="utf-8").splitlines()


def changelog(folder: Path) -> str:
    return (folder / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_first_run_reports_no_revision_and_leaves_no_old_row(old: Path) -> None:
    created = descriptor(old)["created"]

    run_lines(old, *messages())

    assert problems(old) == []
    assert [(row["at"], row["kind"]) for row in read_csv(old, "events")] == [
        ("2025-01-01T10:00:00+00:00", "1"),  # one key, which version 0.1 had twice
        ("2025-01-02T00:00:00+02:00", "b"),
        ("2025-01-01T23:00:00Z", "10"),
        ("2025-01-01T23:00:00Z", "9"),
    ]
    assert descriptor(old)["version"] == "1.0.1", "the files are others"
    assert descriptor(old)["created"] == created, "and the data are the same"
    assert "events: the same rows in another form" in changelog(old)


def test_the_first_run_writes_lost_digits_and_quotes_again(old: Path) -> None:
    run_lines(old, *messages())

    rows = {row["kind"]: row for row in read_csv(old, "events")}
    assert rows["10"]["any"] == "12345678901234567.89"
    assert rows["10"]["object"] == '{"a":0.12345678901234567890}'
    assert (rows["b"]["text"], rows["10"]["text"]) == ("a\rb", "\r")


def test_a_first_run_that_brings_nothing_repairs_keys_and_quotes_too(old: Path) -> None:
    run_lines(old, messages()[0])

    assert problems(old) == []
    assert len(read_csv(old, "events")) == 4
    assert "events: the same rows in another form" in changelog(old)


def test_the_second_run_changes_nothing(old: Path) -> None:
    run_lines(old, *messages())
    before = content(old)

    run_lines(old, *messages())

    assert content(old) == before


def test_a_real_correction_in_the_first_run_is_reported(old: Path) -> None:
    run_lines(old, *(line.replace('"any": 1e+16', '"any": 2e+16') for line in messages()))

    assert "events: 1 row changed" in changelog(old)


def test_a_version_that_was_begun_before_keeps_its_rows(old: Path) -> None:
    database = sqlite3.connect(store_of(old), isolation_level=None)
    database.execute("CREATE TABLE seen_0 (k0, k1, PRIMARY KEY (k0, k1)) WITHOUT ROWID")
    database.execute("INSERT INTO seen_0 VALUES ('2025-01-01T23:00:00Z', 9)")
    database.execute("INSERT INTO meta VALUES ('seen Events', '7')")
    database.close()

    run_lines(old, messages()[0], {"type": "ACTIVATE_VERSION", "stream": "Events", "version": 7})

    assert [row["kind"] for row in read_csv(old, "events")] == ["9"]


def test_a_package_of_dtm_keeps_its_rounds(tmp_path: Path) -> None:
    """Version 0.1 stored DTM's own streams as this one does, under another number."""
    folder = tmp_path / "package"
    sent: list[Any] = dtm()
    run_target(sent, folder)
    data = {name: text for name, text in content(folder).items() if name.startswith("data/")}
    database = sqlite3.connect(store_of(folder), isolation_level=None)
    database.execute("PRAGMA user_version = 1")
    database.execute("UPDATE meta SET value = '\"of version 0.1\"' WHERE name = 'fingerprint'")
    database.close()
    before = changelog(folder)

    run_target(sent, folder)

    assert {name: text for name, text in content(folder).items() if name.startswith("data/")} == data
    assert changelog(folder) == before
    assert json.loads((folder / "datapackage.json").read_bytes())["version"] == "1.0.0"


def test_rows_of_which_no_key_can_be_made_are_named(old: Path) -> None:
    database = sqlite3.connect(store_of(old), isolation_level=None)
    database.execute("INSERT INTO rows_0 VALUES ('2025-01-05T10:00:00Z', 'null', '[null,null,null,null,null]')")
    database.close()

    with pytest.raises(DtmError, match=r"A row of Events .*kind, a part of the key, is missing.* another folder"):
        run_lines(old, *messages())
