"""Queries to the demo's database, with their answers as text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NoReturn

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterable

    from demo.questions import Question

SCHEMA: Final = "dtm_sandbox"
"""The schema of the sandbox's tables, as meltano.yml names it."""

_RELATIONS: Final = r"""
SELECT relname AS name, CASE relkind WHEN 'v' THEN 'view' ELSE 'table' END AS kind,
  substring(obj_description(oid, 'pg_class') FROM '^.*?\.(?=\s|$)') AS "what it holds"
FROM pg_class
WHERE relnamespace = current_schema::regnamespace AND relkind IN ('r', 'v')
ORDER BY kind, name"""
_COLUMNS: Final = r"""
SELECT attname AS column, format_type(atttypid, atttypmod) AS type,
  substring(col_description(attrelid, attnum) FROM '^.*?\.(?=\s|$)') AS meaning
FROM pg_attribute
WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
ORDER BY attnum"""


def connect(url: str) -> psycopg.Connection:
    """Connect to the demo's database, so that a query need not name the schema.

    Raises:
        psycopg.OperationalError: The server does not answer.
    """
    return psycopg.connect(url, options=f"-c search_path={SCHEMA}")


def answers(db: psycopg.Connection, statements: str) -> str:
    r"""Return the answer to each statement as a table. ``\d`` works as well. Without statements, list tables and views.

    If a statement is wrong, exit with a sentence. Then no statement has changed anything.
    """
    if command := re.fullmatch(r"\\d\w*\+?(?:\s+([\w.]+))?\s*;?", statements.strip()):
        return _columns(db, command[1]) if command[1] else relations(db)
    if not statements.strip():
        return relations(db)
    try:
        cursor = db.execute(statements.encode())
        tables = [table(cursor)]
        while cursor.nextset():
            tables.append(table(cursor))
    except psycopg.Error as error:
        db.close()  # which rolls back all statements
        _refuse(error, statements)
    return "\n".join(tables)


def relations(db: psycopg.Connection) -> str:
    """List the tables and views, each with the first sentence of its description."""
    return table(db.execute(_RELATIONS.encode()))


def _columns(db: psycopg.Connection, name: str) -> str:
    cursor = db.execute(_COLUMNS.encode(), [name])
    if not cursor.rowcount:
        raise SystemExit(f"demo: There is no table or view {name}. `python3 make.py sql` lists them.")
    return table(cursor)


def explained(question: Question, db: psycopg.Connection) -> str:
    """Return a question with its caution, the query and the answer."""
    heading = f"{question.number}. {question.title}\n\n{question.caution}\n"
    return f"{heading}\n{question.sql}\n{answers(db, question.sql)}"


def table(answer: psycopg.Cursor[Any]) -> str:
    """Return the rows of an answer in aligned columns, or the status of a statement without rows."""
    if answer.description is None:
        return f"{answer.statusmessage or 'There is no statement.'}\n"
    head = [column.name for column in answer.description]
    rows = [[_cell(value) for value in row] for row in answer]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return "".join(_line(row, widths) for row in [head, ["-" * width for width in widths], *rows])


def _line(cells: Iterable[str], widths: Iterable[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip() + "\n"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refuse(error: psycopg.Error, statements: str) -> NoReturn:
    """Exit with one sentence about a wrong statement: the place and the error."""
    message = error.diag.message_primary or str(error).strip()
    where = ""
    if error.diag.statement_position:
        before = statements[: int(error.diag.statement_position) - 1]
        where = f" in line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"
    hints = [error.diag.message_hint] if error.diag.message_hint else []
    if isinstance(error, psycopg.errors.UndefinedTable):
        hints.append("`python3 make.py sql` lists the tables and views. Leave out their schema.")
    raise SystemExit(" ".join([f"demo: SQL error{where}: {message}.", *hints]))
