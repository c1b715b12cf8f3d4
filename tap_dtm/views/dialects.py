"""What differs between the databases: names, a few expressions, and how a description is attached."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tap_dtm.metadata.views import View

    Descriptions = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Dialect(abc.ABC):
    r"""A database, and its schema with the tables and the views.

    Attributes:
        schema: Letters, digits, ``_`` and ``-`` only. In BigQuery, a dot may separate project and dataset.
        begin: Statements before all others.
        end: Statements after all others.
        function_kind: What the functions that return rows are called.
        signature: What follows the name of such a function when it is dropped.
        expressions: The placeholders of queries that this database defines:

            * ``days``: the days from one date to another
            * ``split``: the reasons one by one, as an array, which is empty where the text is null
            * ``float``, ``text``: types
            * ``content_hash``: a number for all values in a row of a history
            * ``moment``: the argument of a function, in UTC
            * ``decomposed``: the text with each accent as a character of its own, or without accents
            * ``composed``: the text in Unicode's form NFC, in which an accent has one spelling
            * ``sorted_words``: the words of a text, separated by blanks, in order
            * ``char``: a character in the brackets of a pattern, by its hexadecimal number
            * ``raw``, ``all``: what REGEXP_REPLACE needs before a pattern, and at its end to replace all matches
            * ``bytewise``: follows a text that is sorted by its bytes, as in the other databases. This is also faster.
    """

    schema: str
    begin: ClassVar[str] = "BEGIN;\n"
    end: ClassVar[str] = "COMMIT;\n"
    function_kind: ClassVar[str]
    signature: ClassVar[str] = ""
    expressions: ClassVar[Mapping[str, str]]

    @property
    def quoted_schema(self) -> str:
        """The schema, to be followed by a dot and the name of a table or view."""
        return f'"{self.schema}"'

    def relation(self, name: str) -> str:
        """Return the full name of a table or view."""
        return f"{self.quoted_schema}.{name}"

    @staticmethod
    def literal(text: str) -> str:
        """Return a text as a literal."""
        return "'" + text.replace("'", "''") + "'"

    def prepare(self, views: Sequence[View], others: Sequence[View]) -> str:
        """Return the statements before the views are made, because existing views may be in the way.

        Args:
            views: Those that are about to be made.
            others: Those that only another API version or other levels have.
        """
        del views, others
        return ""

    def clean_up(self, others: Iterable[View]) -> str:
        """Return the statements that drop the views of another API version or other levels."""
        return "".join(
            f"DROP {self.function_kind} IF EXISTS {self.relation(view.name)}{self.signature};\n"
            if view.is_function
            else f"DROP VIEW IF EXISTS {self.relation(view.name)};\n"
            for view in others
        )

    def create(self, view: View, query: str) -> str:
        """Return the statements that make or replace a view or a function, and describe it."""
        return self._create_function(view, query) if view.is_function else self._create_view(view, query)

    @abc.abstractmethod
    def _create_function(self, view: View, query: str) -> str: ...

    def _create_view(self, view: View, query: str) -> str:
        columns = [(column.name, column.description) for column in view.columns]
        comments = self._comments("VIEW", view.name, view.full_description, columns)
        return f"CREATE OR REPLACE VIEW {self.relation(view.name)} AS\n{query};\n{comments}"

    def create_table(self, table: View) -> str:
        """Return the statements that make an empty table for the operator, unless it exists, and describe it."""
        columns = ", ".join(f"{column.name} {self.expressions['text']}" for column in table.columns)
        made = f"CREATE TABLE IF NOT EXISTS {self.relation(table.name)} ({columns});\n"
        texts = [(column.name, column.description) for column in table.columns]
        return made + self.describe(table.name, table.full_description, texts)

    def describe(self, table: str, description: str, columns: Descriptions) -> str:
        """Return the statements that describe a table and its columns."""
        return self._comments("TABLE", table, description, columns)

    def _comments(self, kind: str, name: str, description: str, columns: Descriptions) -> str:
        relation = self.relation(name)
        lines = [f"COMMENT ON {kind} {relation} IS {self.literal(description)};"]
        lines += [f'COMMENT ON COLUMN {relation}."{column}" IS {self.literal(text)};' for column, text in columns]
        return "\n".join(lines) + "\n"

    def replace_rows(self, table: str, columns: Sequence[str], rows: str | None) -> str:
        """Return the statements that replace all rows of a table with those of a query; None for no rows."""
        relation = self.relation(table)
        return f"DELETE FROM {relation};\n" + (
            f"INSERT INTO {relation} ({', '.join(columns)})\n{rows};\n" if rows else ""
        )

    def values(self, columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> str:
        """Return a query that has these rows, which are texts."""
        text = self.expressions["text"]
        return "\nUNION ALL ".join(
            "SELECT "
            + ", ".join(
                f"CAST({'NULL' if value is None else self.literal(value)} AS {text}) AS {name}"
                for name, value in zip(columns, row, strict=True)
            )
            for row in rows
        )

    def fail(self, query: str) -> str:
        """Return the statement that fails with the text that a query returns, if it returns one."""
        return f"SELECT ERROR(message) FROM (\n{query}\n) AS fault;\n"


_OF_BOTH = {"split": "REGEXP_EXTRACT_ALL(COALESCE({0}, ''), '[^; ][^;]*')", "char": r"\x{{{0}}}", "bytewise": ""}


class DuckDB(Dialect):
    """DuckDB: in one transaction."""

    function_kind = "MACRO TABLE"
    expressions: ClassVar = {
        **_OF_BOTH,
        "days": "({1} - {0})",
        "float": "DOUBLE",
        "text": "VARCHAR",
        "content_hash": "CAST(HASH($content) AS HUGEINT)",
        "moment": "CAST(moment AS TIMESTAMP)",
        "decomposed": "STRIP_ACCENTS({0})",
        "composed": "NFC_NORMALIZE({0})",
        "sorted_words": "ARRAY_TO_STRING(LIST_SORT(STRING_SPLIT({0}, ' ')), ' ')",
        "raw": "",
        "all": ", 'g'",
    }

    @override
    def _create_function(self, view: View, query: str) -> str:
        name = self.relation(view.name)
        return f"""\
CREATE OR REPLACE MACRO {name}(moment) AS TABLE
{query};
COMMENT ON MACRO TABLE {name} IS {self.literal(view.full_description)};
"""


class BigQuery(Dialect):
    """BigQuery: a script of statements, each of which takes effect at once."""

    begin = ""
    end = ""
    function_kind = "TABLE FUNCTION"
    expressions: ClassVar = {
        **_OF_BOTH,
        "days": "DATE_DIFF({1}, {0}, DAY)",
        "float": "FLOAT64",
        "text": "STRING",
        "content_hash": "MOD(FARM_FINGERPRINT($content), 1000000000000)",
        "moment": "moment",
        "decomposed": "NORMALIZE({0}, NFD)",
        "composed": "NORMALIZE({0}, NFC)",
        "sorted_words": "(SELECT STRING_AGG(word, ' ' ORDER BY word) FROM UNNEST(SPLIT({0}, ' ')) AS word)",
        "raw": "r",
        "all": "",
    }

    @property
    @override
    def quoted_schema(self) -> str:
        return ".".join(f"`{part}`" for part in self.schema.split("."))

    @staticmethod
    @override
    def literal(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    @override
    def _create_function(self, view: View, query: str) -> str:
        return f"""\
CREATE OR REPLACE TABLE FUNCTION {self.relation(view.name)}(moment TIMESTAMP)
OPTIONS (description = {self.literal(view.full_description)})
AS
{query};
"""

    @override
    def _create_view(self, view: View, query: str) -> str:
        columns = ",\n  ".join(
            f"{column.name} OPTIONS (description = {self.literal(column.description)})" for column in view.columns
        )
        return f"""\
CREATE OR REPLACE VIEW {self.relation(view.name)} (
  {columns}
)
OPTIONS (description = {self.literal(view.full_description)})
AS
{query};
"""

    @override
    def describe(self, table: str, description: str, columns: Descriptions) -> str:
        """Describe all columns in one statement, because BigQuery limits how often a table may be altered."""
        relation = self.relation(table)
        options = ",\n  ".join(
            f"ALTER COLUMN IF EXISTS {name} SET OPTIONS (description = {self.literal(text)})" for name, text in columns
        )
        return f"""\
ALTER TABLE IF EXISTS {relation} SET OPTIONS (description = {self.literal(description)});
ALTER TABLE IF EXISTS {relation}
  {options};
"""

    @override
    def replace_rows(self, table: str, columns: Sequence[str], rows: str | None) -> str:
        """Replace all rows in one statement, because the statements are not one transaction."""
        relation, listed = self.relation(table), ", ".join(columns)
        if rows is None:
            return f"DELETE FROM {relation} WHERE TRUE;\n"
        return (
            f"MERGE {relation} USING (\n{rows}\n) AS wanted ON FALSE\n"
            f"WHEN NOT MATCHED THEN INSERT ({listed}) VALUES ({listed})\n"
            "WHEN NOT MATCHED BY SOURCE THEN DELETE;\n"
        )
