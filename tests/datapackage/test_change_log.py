"""What the change log of a package on disk says, and the version that goes with it."""

from __future__ import annotations

import copy
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.datapackage.pipe import descriptor, run_target
from tests.datapackage.singer import activate, dtm, record, schema, state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.target import Message


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    return dtm("sandbox://?rows=200&countries=1")


def entry(folder: Path) -> tuple[str, str]:
    """Return the version of a package, and what its change log says of it."""
    version = descriptor(folder)["version"]
    _, newest, *_ = (folder / "CHANGELOG.md").read_text("utf-8").split("\n## ")
    title, _, said = newest.partition("\n\n")
    assert title.split()[0] == version
    return version, said.strip()


def later(messages: list[Message], stream: str, **values: Any) -> list[Message]:
    """Return a run that goes on from the first one: the last record of a stream, with other values."""
    last_state = next(each for each in reversed(messages) if each["type"] == "STATE")
    of_stream = [each for each in messages if each.get("stream") == stream]
    changed = copy.deepcopy(next(each for each in reversed(of_stream) if each["type"] == "RECORD"))
    changed["record"] |= {
        name: value(changed["record"]) if callable(value) else value for name, value in values.items()
    }
    return [last_state, of_stream[0], changed, last_state]


def test_a_row_more_in_a_round_that_is_known_is_a_minor_version(tmp_path: Path, messages: list[Message]) -> None:
    folder = tmp_path / "package"
    run_target(messages, folder)
    run_target(later(messages, "idp_admin1", row_number=lambda row: row["row_number"] + 1), folder)
    version, said = entry(folder)
    assert (version, said.splitlines()[0]) == ("1.1.0", "### Revised")


def test_a_change_outside_rounds_has_a_line_of_its_own(tmp_path: Path, messages: list[Message]) -> None:
    folder = tmp_path / "package"
    run_target(messages, folder)
    run_target(later(messages, "operations", operation_status="Inactive"), folder)
    assert entry(folder) == ("1.0.1", "* operations: 1 row changed")


def test_the_change_log_of_another_taps_package_counts_rows(tmp_path: Path) -> None:
    folder = tmp_path / "package"

    def said(*messages: Message) -> tuple[str, str]:
        run_target(messages, folder)
        return entry(folder)

    rows = [record(id=number, item="a") for number in range(5)]
    assert said(schema(), *rows) == ("1.0.0", "First version.")
    assert said(schema(), record(id=5), record(id=0, item="b"), record(id=1, item="a")) == (
        "1.1.0",
        "* orders: 1 row added, 1 row changed",
    )
    assert said(schema(), record(id=1, _sdc_deleted_at="now")) == ("1.1.1", "* orders: 1 row removed")
    keyless = schema("Log", key=())
    assert said(keyless, record("Log", id=1), record("Log", id=1)) == ("1.2.0", "* log: a new table, 2 rows")
    assert said(keyless, record("Log", version=2, id=1), record("Log", version=2, id=3), activate(2, "Log")) == (
        "1.3.0",
        "* log: 1 row added, 1 row removed",
    )
    assert said(state({})) == ("1.3.0", "* log: 1 row added, 1 row removed"), "nothing has changed"


def titles(folder: Path) -> list[str]:
    """Return the versions in the change log, newest first."""
    text = (folder / "CHANGELOG.md").read_text("utf-8")
    return [line.removeprefix("## ").split()[0] for line in text.splitlines() if line.startswith("## ")]


def replace(path: Path, kind: str) -> None:
    """Put something else in the place of a change log."""
    text = path.read_text("utf-8")
    path.unlink()
    if kind == "Latin-1":
        path.write_bytes(f"{text}\nÉdité.\n".encode("latin-1"))
    elif kind == "release":
        path.write_text(text + "\n## 99.0.0\n\nForged.\n", encoding="utf-8")
    elif kind == "link":
        elsewhere = path.parent.with_name("secrets")
        elsewhere.write_text("## 99.0.0\n\nA secret.\n")
        path.symlink_to(elsewhere)
    elif kind == "pipe":
        os.mkfifo(path)


KINDS = ["Latin-1", "release", "link", "removed", *(["pipe"] if hasattr(os, "mkfifo") else [])]


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_log_that_somebody_changed_is_written_again(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "package"
    run_target([schema(), record(id=1)], folder)
    run_target([schema(), record(id=2)], folder)
    replace(folder / "CHANGELOG.md", kind)

    run_target([schema(), record(id=3)], folder)

    assert titles(folder) == ["1.2.0", "1.1.0", "1.0.0"]
    assert f"The file {folder / 'CHANGELOG.md'} was changed or removed" in caplog.text
    assert "secret" not in (folder / "CHANGELOG.md").read_text("utf-8")
    caplog.clear()
    run_target([schema(), record(id=4)], folder)
    assert "changed or removed" not in caplog.text
    assert titles(folder)[0] == "1.3.0"


@pytest.mark.parametrize("is_changed", [False, True])
def test_the_change_log_of_an_earlier_release_is_read_once(tmp_path: Path, is_changed: bool) -> None:  # noqa: FBT001
    """Its record has none, so only what is unchanged in the package is taken over."""
    folder = tmp_path / "package"
    run_target([schema(), record(id=1)], folder)
    with closing(sqlite3.connect(folder.with_name(".package.target-datapackage") / "rows.sqlite")) as store:
        store.execute("DELETE FROM meta WHERE name = 'history'")
        store.commit()
    if is_changed:
        replace(folder / "CHANGELOG.md", "release")

    run_target([schema(), record(id=2)], folder)

    assert titles(folder) == (["1.1.0"] if is_changed else ["1.1.0", "1.0.0"])


def test_other_words_are_no_other_data(tmp_path: Path) -> None:
    folder = tmp_path / "package"
    run_target([schema(), record(id=1)], folder)
    run_target([schema()], folder, redistribution="permitted", permission="by me")
    assert entry(folder) == ("1.0.1", "The data are the same. Only their description has changed.")
    run_target([schema()], folder, formats=["parquet"])
    assert entry(folder)[1] == "* orders: the same rows in another form"
