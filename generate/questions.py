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

from generate import write

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FOLDER: Final = Path(__file__).parents[1] / "examples" / "questions"
README: Final = FOLDER / "README.md"
KEEP: Final = (FOLDER / "keep_rounds.sql").read_text(encoding="utf-8")
BEFORE: Final = "sandbox://?seed=112&publication=2"
"""The publication that is loaded first: its rounds are put aside."""
AFTER: Final = "sandbox://?seed=112&publication=3"
"""The publication that is loaded over it, and that the answers are about."""

_INTRODUCTION = """\
# Ten questions

What analysts ask of displacement data, as SQL on [the views](../../docs/views.md) that `tap-dtm-views` makes, and how
not to read each answer. The queries are written so that Postgres, DuckDB and BigQuery read them alike. They name the
schema `dtm`; yours may have another name.

**Every figure, place and operation below is invented.** The answers are those of the sandbox: of
`{after}`, loaded over `{before}`. The tests ask Postgres, DuckDB
and an emulator of BigQuery again, and compare them with the same figures worked out without SQL.

For question 9, put the figures of the rounds aside *before* the tap runs: [`keep_rounds.sql`](keep_rounds.sql). Once a
publication has been loaded over the one before, the tables no longer tell. A data package needs no such care:
its `CHANGELOG.md` says round by round what each run added, corrected and withdrew.

With the views in place, `psql -f examples/questions/01_newest_figures.sql` queries Postgres. DuckDB takes everything
from a data package with Parquet (in a file that is not called `dtm`, like the schema):

```sh
tap-dtm-views --dialect duckdb --package package > views.sql && duckdb -bail displacement.duckdb < views.sql
duckdb displacement.duckdb < examples/questions/01_newest_figures.sql
```
"""


@dataclass(frozen=True)
class Question:
    """A question and the SQL that answers it.

    Attributes:
        name: The name of its file, without ``.sql``.
        title: The question, as one sentence.
        caution: How not to read the answer.
        sql: The query, without the comments before it.
    """

    name: str
    title: str
    caution: str
    sql: str


@dataclass(frozen=True)
class Answer:
    """What a database answers: names of columns, and rows in order."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def questions() -> list[Question]:
    """Return the questions in order, from their files."""
    return [_question(path) for path in sorted(FOLDER.glob("[0-9]*.sql"))]


def page(answers: Mapping[str, Answer]) -> str:
    """Return the README, from the answer to each question by its name."""
    return "\n".join(
        [
            _INTRODUCTION.format(before=BEFORE, after=AFTER),
            *(section(number, each, answers[each.name]) for number, each in enumerate(questions(), start=1)),
        ]
    )


def section(number: int, question: Question, answer: Answer) -> str:
    """Return the part of the README about one question."""
    return f"""\
## {number}. {question.title}

{question.caution}

[`{question.name}.sql`]({question.name}.sql):

```sql
{question.sql}```

{_table(answer)}"""


def ask_duckdb(folder: Path) -> dict[str, Answer]:
    """Load both publications into DuckDB, through a data package in this folder, and return the answers by name.

    Raises:
        RuntimeError: A program failed; the message ends with what it said.
    """
    with duckdb.connect() as database:
        _load(database, BEFORE, folder)
        database.execute(KEEP)
        _load(database, AFTER, folder)
        return {each.name: _answer(database, each) for each in questions()}


def _load(database: duckdb.DuckDBPyConnection, api_url: str, folder: Path) -> None:
    """Bring the data package up to date, as one would in a shell, and load it."""
    config, state, target = folder / "config.json", folder / "state.json", folder / "target.json"
    config.write_text(json.dumps({"api_url": api_url, "scrub_fraction": 0}), "utf-8")
    target.write_text(json.dumps({"path": "package", "formats": ["parquet"]}), "utf-8")
    arguments = ["--state", str(state)] if state.exists() else []
    messages = _run(folder, "tap-dtm", "--config", str(config), *arguments)
    state.write_text(
        _run(folder, "target-datapackage", "--config", str(target), given=messages).splitlines()[-1], "utf-8"
    )
    database.execute(_run(folder, "tap-dtm-views", "--dialect", "duckdb", "--package", "package"))


def _run(folder: Path, program: str, *arguments: str, given: str = "") -> str:
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    done = subprocess.run(command, cwd=folder, input=given, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise RuntimeError(f"{program} failed:\n{done.stderr}")
    return done.stdout


def _question(path: Path) -> Question:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    size = next(place for place, line in enumerate(lines) if not line.startswith("--"))
    title, *caution = "\n".join(line.removeprefix("--").strip() for line in lines[:size]).split("\n\n")
    return Question(path.stem, title, "\n\n".join(caution), "\n".join(lines[size:]) + "\n")


def _answer(database: duckdb.DuckDBPyConnection, question: Question) -> Answer:
    result = database.execute(question.sql)
    return Answer(tuple(column[0] for column in result.description or ()), tuple(result.fetchall()))


def _table(answer: Answer) -> str:
    lines: Iterable[Iterable[object]] = (answer.columns, ["---"] * len(answer.columns), *answer.rows)
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text.replace("|", "\\|")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        write({README: page(ask_duckdb(Path(folder)))})
