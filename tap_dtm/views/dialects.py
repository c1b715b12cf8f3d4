"""What differs between Postgres, BigQuery and DuckDB: names, a few expressions, and how a description is attached."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tap_dtm.metadata import Field, Resource
    from tap_dtm.metadata.views import View

_POSTGRES: Final = {
    "days": "({1} - {0})",
    "split": "STRING_TO_ARRAY(COALESCE({0}, ''), '; ')",
    "float": "DOUBLE PRECISION",
    "text": "TEXT",
    "content_hash": "HASHTEXTEXTENDED($content, 0)",
    "moment": "moment",
    # Only UTF-8 has these forms, and Postgres refuses the function elsewhere.
    "decomposed": "CASE WHEN GETDATABASEENCODING() = 'UTF8' THEN NORMALIZE({0}, NFD) ELSE {0} END",
    "sorted_words": "(SELECT STRING_AGG(word, ' ' ORDER BY word) FROM UNNEST(STRING_TO_ARRAY({0}, ' ')) AS word)",
    "char": r"\u{0}",
    "composed": "CASE WHEN GETDATABASEENCODING() = 'UTF8' THEN NORMALIZE({0}, NFC) ELSE {0} END",
    "raw": "",
    "all": ", 'g'",
    "bytewise": ' COLLATE "C"',
}
_SPLIT: Final = "REGEXP_EXTRACT_ALL(COALESCE({0}, ''), '[^; ][^;]*')"
_RE2_CHAR: Final = r"\x{{{0}}}"
_DUCKDB: Final = _POSTGRES | {
    "split": _SPLIT,
    "float": "DOUBLE",
    "text": "VARCHAR",
    "content_hash": "CAST(HASH($content) AS HUGEINT)",
    "moment": "CAST(moment AS TIMESTAMP)",
    "decomposed": "STRIP_ACCENTS({0})",
    "sorted_words": "ARRAY_TO_STRING(LIST_SORT(STRING_SPLIT({0}, ' ')), ' ')",
    "char": _RE2_CHAR,
    "composed": "NFC_NORMALIZE({0})",
    "bytewise": "",
}
_BIGQUERY: Final = {
    "days": "DATE_DIFF({1}, {0}, DAY)",
    "split": _SPLIT,
    "float": "FLOAT64",
    "text": "STRING",
    "content_hash": "MOD(FARM_FINGERPRINT($content), 1000000000000)",
    "moment": "moment",
    "decomposed": "NORMALIZE({0}, NFD)",
    "sorted_words": "(SELECT STRING_AGG(word, ' ' ORDER BY word) FROM UNNEST(SPLIT({0}, ' ')) AS word)",
    "char": _RE2_CHAR,
    "composed": "NORMALIZE({0}, NFC)",
    "raw": "r",
    "all": "",
    "bytewise": "",
}


_POSTGRES_TYPES: Final = {
    "string": "text",
    "integer": "bigint",
    "date": "date",
    "datetime": "timestamp without time zone",
    "array": "text[]",
}
"""By type of a column, as Postgres itself writes them."""


@dataclass(frozen=True)
class Dialect(abc.ABC):
    """A database, and the schema in which the tables are and the views are to be.

    Attributes:
        schema: Letters, digits, ``_`` and ``-`` only; in BigQuery a dot may part project and dataset.
        begin: Statements before all others.
        end: Statements after all others.
        expressions: The placeholders of queries that are this database's own: see `placeholders`.
        function_kind: What the functions that give rows are called.
        signature: What follows the name of such a function where it is dropped.
        distance: How much two texts, ``{0}`` and ``{1}``, differ.
    """

    schema: str
    begin: ClassVar[str] = "BEGIN;\n"
    end: ClassVar[str] = "COMMIT;\n"
    expressions: ClassVar[Mapping[str, str]]
    function_kind: ClassVar[str]
    signature: ClassVar[str] = ""
    distance: ClassVar[str]

    @property
    def quoted_schema(self) -> str:
        """The schema, to be followed by a dot and the name of a table or view."""
        return f'"{self.schema}"'

    def relation(self, name: str) -> str:
        """Return the full name of a table or view."""
        return f"{self.quoted_schema}.{name}"

    def literal(self, text: str) -> str:
        """Return a text as a literal."""
        return "'" + text.replace("'", "''") + "'"

    def prepare(self, views: Sequence[View], others: Sequence[View]) -> str:
        """Return what must be done before the views are made, because views of an earlier run may be in the way.

        Args:
            views: Those that are about to be made.
            others: Those that another API version or other levels would have.
        """
        del views, others
        return ""

    def clean_up(self, others: Sequence[View]) -> str:
        """Return the statements that drop the views of another API version or other levels."""
        return "".join(
            f"DROP {self.function_kind} IF EXISTS {self.relation(view.name)}{self.signature};\n"
            if view.is_function
            else f"DROP VIEW IF EXISTS {self.relation(view.name)};\n"
            for view in others
        )

    @abc.abstractmethod
    def create(self, view: View, query: str) -> str:
        """Return the statements that make or replace a view, and describe it."""

    def create_table(self, table: View) -> str:
        """Return the statements that make a table of the operator's, empty and once, and describe it."""
        columns = ", ".join(f"{column.name} {self.expressions['text']}" for column in table.columns)
        made = f"CREATE TABLE IF NOT EXISTS {self.relation(table.name)} ({columns});\n"
        texts = [(column.name, column.description) for column in table.columns]
        return made + self.describe_there(table.name, table.full_description, texts)

    def describe_there(self, table: str, description: str, columns: Sequence[tuple[str, str]]) -> str:
        """Return the statements that describe a table that is there, and its columns."""
        return _comments(self, "TABLE", table, description, columns)

    def replace_rows(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[str | None]], fault: Callable[[str], str]
    ) -> str:
        """Return the statements that put other rows, which are texts, in the place of those of a table.

        Args:
            table: Its name.
            columns: The names of its columns.
            rows: The rows.
            fault: Returns a query of what is wrong with the rows of a relation: a text, or no row.
        """
        relation = self.relation(table)
        insert = f"INSERT INTO {relation}\n{self.values(columns, rows)};\n" if rows else ""
        return f"DELETE FROM {relation};\n{insert}{self.fail(fault(relation))}"

    def values(self, columns: Sequence[str], rows: Sequence[Sequence[str | None]]) -> str:
        """Return a query that has these rows."""
        text = self.expressions["text"]
        return "\nUNION ALL ".join(
            "SELECT "
            + ", ".join(
                f"CAST({'NULL' if value is None else self.literal(value)} AS {text}) AS {name}"
                for name, value in zip(columns, row, strict=True)
            )
            for row in rows
        )

    @abc.abstractmethod
    def fail(self, query: str) -> str:
        """Return the statement that fails with the text that a query returns, if it returns one."""

    @abc.abstractmethod
    def describe(self, table: Resource, fields: Sequence[Field]) -> str:
        """Return the statements that describe a table and its columns."""


class Postgres(Dialect):
    """Postgres: in one transaction. Views are replaced in place, so that rights on them and views on them survive."""

    expressions = _POSTGRES
    function_kind = "FUNCTION"
    signature = "(timestamp)"
    # Postgres has no edit distance of its own: the pairs of letters that only one of the texts has.
    distance = (
        "(SELECT COUNT(*) FROM (SELECT SUBSTR({0}, i, 2) AS pair FROM GENERATE_SERIES(1, LENGTH({0})) AS i"
        " UNION SELECT SUBSTR({1}, i, 2) FROM GENERATE_SERIES(1, LENGTH({1})) AS i) AS pairs"
        " WHERE STRPOS({0}, pair) = 0 OR STRPOS({1}, pair) = 0)"
    )

    @override
    def fail(self, query: str) -> str:
        return f"""\
DO $$
DECLARE
  fault text := ({query});
BEGIN
  IF fault IS NOT NULL THEN
    RAISE EXCEPTION '%', fault;
  END IF;
END $$;
"""

    @override
    def prepare(self, views: Sequence[View], others: Sequence[View]) -> str:
        """Drop all views where one has columns that its successor has not in the same places; Postgres asks for it.

        The rights on them are kept for ``clean_up``, in a setting of the transaction.
        """
        names = [view.name for view in views]
        wanted = ",\n      ".join(
            f"({self.literal(view.name)}, ARRAY[{', '.join(self.literal(column.name) for column in view.columns)}])"
            for view in views
        )
        return f"""\
DO $$
BEGIN
  PERFORM SET_CONFIG('tap_dtm.rights', '', TRUE);
  IF EXISTS (
    SELECT FROM (VALUES
      {wanted}
    ) AS wanted (name, columns)
    JOIN (
      SELECT relname, ARRAY_AGG(attname::text ORDER BY attnum) AS columns
      FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0
      WHERE {self._are_views(names)}
      GROUP BY relname
    ) AS found ON found.relname = wanted.name
    WHERE wanted.columns[:CARDINALITY(found.columns)] <> found.columns
  ) THEN
    PERFORM SET_CONFIG('tap_dtm.rights', COALESCE(STRING_AGG(FORMAT(
      'GRANT %s ON %I.%I TO %s%s', privilege_type, '{self.schema}', relname,
      CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
      CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END), '; '), ''), TRUE)
    FROM pg_class, ACLEXPLODE(relacl)
    WHERE {self._are_views(names)} AND grantee <> relowner;
    {self._drop([view.name for view in (*views, *others)])}
  END IF;
END $$;
"""

    @override
    def clean_up(self, others: Sequence[View]) -> str:
        """Give the rights back that ``prepare`` put aside, and drop the other views, which no view reads any more."""
        functions = super().clean_up([view for view in others if view.is_function])
        return f"""\
{functions}DO $$
BEGIN
  EXECUTE CURRENT_SETTING('tap_dtm.rights');
  {self._drop([view.name for view in others])}
END $$;
"""

    def _are_views(self, names: Sequence[str]) -> str:
        listed = ", ".join(map(self.literal, names))
        schema = f"""TO_REGNAMESPACE('"{self.schema}"')"""
        return f"relkind = 'v' AND relnamespace = {schema} AND relname = ANY(ARRAY[{listed}]::text[])"

    def _drop(self, names: Sequence[str]) -> str:
        drop = f"SELECT 'DROP VIEW ' || STRING_AGG(FORMAT('%I.%I', '{self.schema}', relname), ', ') FROM pg_class"
        return f"EXECUTE COALESCE(({drop} WHERE {self._are_views(names)}), '');"

    @override
    def create(self, view: View, query: str) -> str:
        return self._create_function(view, query) if view.is_function else _create_and_comment(self, view, query)

    def _create_function(self, view: View, query: str) -> str:
        """Replace a function, or drop it first where it has other columns, and keep the rights on it."""
        name = self.relation(view.name)
        columns = [f"{column.name} {_POSTGRES_TYPES[column.type]}" for column in view.columns]
        listed = ", ".join(columns)
        # Others have no rights to begin with where somebody took them away.
        grant = f"GRANT EXECUTE ON FUNCTION {name}{self.signature} TO %s%s"
        return f"""\
DO $$
DECLARE
  old regprocedure := TO_REGPROCEDURE({self.literal(name + self.signature)});
BEGIN
  PERFORM SET_CONFIG('tap_dtm.rights_on_function', '', TRUE);
  IF PG_GET_FUNCTION_RESULT(old) <> {self.literal(f"TABLE({listed})")} THEN
    PERFORM SET_CONFIG('tap_dtm.rights_on_function', COALESCE(
      'REVOKE ALL ON FUNCTION {name}{self.signature} FROM PUBLIC; ' || STRING_AGG(FORMAT(
        {self.literal(grant)},
        CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
        CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END), '; '), ''), TRUE)
    FROM pg_proc, ACLEXPLODE(proacl)
    WHERE pg_proc.oid = old;
    DROP FUNCTION {name}{self.signature};
  END IF;
END $$;
CREATE OR REPLACE FUNCTION {name}(moment timestamp)
RETURNS TABLE ({listed})
LANGUAGE SQL STABLE PARALLEL SAFE
AS $$
{query}
$$;
COMMENT ON FUNCTION {name}{self.signature} IS {self.literal(view.full_description)};
DO $$ BEGIN EXECUTE CURRENT_SETTING('tap_dtm.rights_on_function'); END $$;
"""

    @override
    def describe(self, table: Resource, fields: Sequence[Field]) -> str:
        """Describe what is there: a catalog may leave out columns, or the whole table."""
        texts = ",\n    ".join(
            f"({self.literal(field.name)}, {self.literal(field.full_description)})" for field in fields
        )
        return f"""\
DO $$
DECLARE
  described regclass := TO_REGCLASS('{self.relation(table.name)}');
  text_of record;
BEGIN
  IF described IS NOT NULL THEN
    EXECUTE FORMAT('COMMENT ON TABLE %s IS %L', described, {self.literal(table.full_description)});
  END IF;
  FOR text_of IN SELECT name, description FROM (VALUES
    {texts}
  ) AS texts (name, description) JOIN pg_attribute ON attrelid = described AND attname = name
  LOOP
    EXECUTE FORMAT('COMMENT ON COLUMN %s.%I IS %L', described, text_of.name, text_of.description);
  END LOOP;
END $$;
"""


class DuckDB(Dialect):
    """DuckDB, in one transaction."""

    expressions = _DUCKDB
    function_kind = "MACRO TABLE"
    distance = "LEVENSHTEIN({0}, {1})"

    @override
    def fail(self, query: str) -> str:
        return f"SELECT ERROR(message) FROM (\n{query}\n) AS fault;\n"

    @override
    def create(self, view: View, query: str) -> str:
        if not view.is_function:
            return _create_and_comment(self, view, query)
        name = self.relation(view.name)
        description = self.literal(view.full_description)
        return f"""\
CREATE OR REPLACE MACRO {name}(moment) AS TABLE
{query};
COMMENT ON MACRO TABLE {name} IS {description};
"""

    @override
    def describe(self, table: Resource, fields: Sequence[Field]) -> str:
        return self.describe_there(table.name, table.full_description, _texts(fields))


class BigQuery(Dialect):
    """BigQuery: a script of statements, each of which takes effect at once."""

    begin = ""
    end = ""
    expressions = _BIGQUERY
    function_kind = "TABLE FUNCTION"
    distance = "EDIT_DISTANCE({0}, {1})"

    @override
    def replace_rows(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[str | None]], fault: Callable[[str], str]
    ) -> str:
        """Check first, because nothing can be taken back, and replace all in one statement."""
        relation = self.relation(table)
        if not rows:
            return f"DELETE FROM {relation} WHERE TRUE;\n"
        selected = f"(\n{self.values(columns, rows)}\n)"
        return (
            f"{self.fail(fault(selected))}MERGE {relation} USING {selected} AS wanted ON FALSE\n"
            f"WHEN NOT MATCHED THEN INSERT ({', '.join(columns)}) VALUES ({', '.join(columns)})\n"
            "WHEN NOT MATCHED BY SOURCE THEN DELETE;\n"
        )

    @override
    def fail(self, query: str) -> str:
        return f"SELECT ERROR(message) FROM (\n{query}\n) AS fault;\n"

    @property
    @override
    def quoted_schema(self) -> str:
        return ".".join(f"`{part}`" for part in self.schema.split("."))

    @override
    def literal(self, text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    @override
    def create(self, view: View, query: str) -> str:
        if view.is_function:
            return f"""\
CREATE OR REPLACE TABLE FUNCTION {self.relation(view.name)}(moment TIMESTAMP)
OPTIONS (description = {self.literal(view.full_description)})
AS
{query};
"""
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
    def describe(self, table: Resource, fields: Sequence[Field]) -> str:
        return self.describe_there(table.name, table.full_description, _texts(fields))

    @override
    def describe_there(self, table: str, description: str, columns: Sequence[tuple[str, str]]) -> str:
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


DIALECTS: Final[dict[str, type[Dialect]]] = {"postgres": Postgres, "bigquery": BigQuery, "duckdb": DuckDB}


def _texts(fields: Iterable[Field]) -> list[tuple[str, str]]:
    return [(field.name, field.full_description) for field in fields]


def _create_and_comment(dialect: Dialect, view: View, query: str) -> str:
    columns = [(column.name, column.description) for column in view.columns]
    comments = _comments(dialect, "VIEW", view.name, view.full_description, columns)
    return f"CREATE OR REPLACE VIEW {dialect.relation(view.name)} AS\n{query};\n{comments}"


def _comments(dialect: Dialect, kind: str, name: str, description: str, columns: Iterable[tuple[str, str]]) -> str:
    relation = dialect.relation(name)
    lines = [f"COMMENT ON {kind} {relation} IS {dialect.literal(description)};"]
    lines += [f'COMMENT ON COLUMN {relation}."{column}" IS {dialect.literal(text)};' for column, text in columns]
    return "\n".join(lines) + "\n"
