"""Writes the README of ``examples/questions/``: each question with its SQL, and its answer on invented data."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb

from demo.questions import AFTER, BEFORE, FOLDER, Question, questions
from generate import table, write
from generate.catalogs import FOLDER as CATALOGS
from tap_dtm.metadata.model import API_VERSIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

README: Final = FOLDER / "README.md"
EVERYTHING: Final = CATALOGS / API_VERSIONS[-1] / "everything.json"
SCHEMA: Final = "dtm"
"""The schema that `tap-dtm-views` makes in DuckDB."""

_INTRODUCTION = """\
# Twelve questions

Usual questions about displacement data, as SQL on [the views](../../docs/views.md) of `tap-dtm-views`. Each has a
note on how not to misread the answer. The queries are the same for Postgres, DuckDB and BigQuery.

**Every figure, place and operation below is invented.** The answers are those of the demo:

```sh
python3 make.py demo
python3 make.py question 3
```

The demo loads `{after}` over `{before}`. The tests query the demo,
DuckDB and an emulator of BigQuery, and compare the answers with the same figures computed without SQL.

## Query your own tables

The queries name no schema. Choose the schema of your tables first, once in each session:

| Database | Statement |
| --- | --- |
| Postgres | `SET search_path TO dtm;` |
| DuckDB | `USE dtm;` |
| BigQuery | `SET @@dataset_id = 'dtm';`, or a default dataset in the settings of the query |

With psql:

```sh
psql -c 'SET search_path TO dtm' -f examples/questions/01_newest_figures.sql "$DATABASE_URL"
```

DuckDB loads a data package. These lines make the demo's package, load it with the views, and run a query. Do not name
the file `dtm.duckdb`, because DuckDB would confuse its name with the schema:

```sh
python3 make.py package
.venv/bin/tap-dtm-views --dialect duckdb --package output/demo/package > output/views.sql
duckdb -bail output/displacement.duckdb < output/views.sql
duckdb -cmd 'USE dtm' output/displacement.duckdb < examples/questions/01_newest_figures.sql
```

Question 9 compares publications, and the usual tables have only the newest. The demo loads
[histories](../../docs/what-dtm-said-then.md), too, which keep all of them. A data package needs none for this, because
its `CHANGELOG.md` lists the rounds that each run added, corrected and withdrew.
"""


@dataclass(frozen=True)
class Answer:
    """The answer of a database: column names, and rows in order."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def page(answers: Mapping[str, Answer]) -> str:
    """Return the README, from the answer to each question by its name."""
    return "\n".join(
        [
            _INTRODUCTION.format(before=BEFORE, after=AFTER),
            *(section(each, answers[each.name]) for each in questions()),
        ]
    )


def section(question: Question, answer: Answer) -> str:
    """Return the part of the README about one question."""
    return f"""\
## {question.number}. {question.title}

{question.caution}

[`{question.name}.sql`]({question.name}.sql):

```sql
{question.sql}```

{table(answer.columns, (map(_cell, row) for row in answer.rows))}"""


def ask_duckdb(folder: Path) -> dict[str, Answer]:
    """Load both publications into DuckDB, through a data package in this folder, and return the answers by name.

    Raises:
        RuntimeError: A program failed; the message ends with its output.
    """
    with duckdb.connect() as database:
        _load(database, BEFORE, folder)
        _load(database, AFTER, folder)
        database.execute(f"USE {SCHEMA}")
        return {each.name: _answer(database, each) for each in questions()}


def _load(database: duckdb.DuckDBPyConnection, api_url: str, folder: Path) -> None:
    """Update the data package with the usual commands, and load it."""
    config, state, target = folder / "config.json", folder / "state.json", folder / "target.json"
    config.write_text(json.dumps({"api_url": api_url, "pcodes": "sandbox://", "scrub_fraction": 0}), "utf-8")
    target.write_text(json.dumps({"path": "package", "formats": ["parquet"]}), "utf-8")
    arguments = ["--state", str(state)] if state.exists() else []
    messages = _run(folder, "tap-dtm", "--config", str(config), "--catalog", str(_everything(folder)), *arguments)
    state.write_text(
        _run(folder, "target-datapackage", "--config", str(target), given=messages).splitlines()[-1], "utf-8"
    )
    database.execute(
        _run(folder, "tap-dtm-views", "--dialect", "duckdb", "--package", "package", "--pcodes", "--history")
    )


def _everything(folder: Path) -> Path:
    """Return a catalog that selects all streams, the histories included."""
    catalog = json.loads(EVERYTHING.read_text("utf-8"))
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            entry["metadata"]["selected"] = True
    path = folder / "catalog.json"
    path.write_text(json.dumps(catalog), "utf-8")
    return path


def _run(folder: Path, program: str, *arguments: str, given: str = "") -> str:
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    done = subprocess.run(command, cwd=folder, input=given, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise RuntimeError(f"{program} failed:\n{done.stderr}")
    return done.stdout


def _answer(database: duckdb.DuckDBPyConnection, question: Question) -> Answer:
    result = database.execute(question.sql)
    return Answer(tuple(column[0] for column in result.description or ()), tuple(result.fetchall()))


def _cell(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        write({README: page(ask_duckdb(Path(folder)))})
