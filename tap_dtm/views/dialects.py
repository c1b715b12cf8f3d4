"""What differs between Postgres, BigQuery and DuckDB: names, a few expressions, and how a description is attached."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tap_dtm.metadata import Field, Resource
    from tap_dtm.metadata.views import View


@dataclass(frozen=True)
class Dialect(abc.ABC):
    """A database, and the schema in which the tables are and the views are to be.

    Attributes:
        schema: Letters, digits, ``_`` and ``-`` only; in BigQuery a dot may part project and dataset.
        begin: Statements before all others.
        end: Statements after all others.
    """

    schema: str
    begin: ClassVar[str] = "BEGIN;\n"
    end: ClassVar[str] = "COMMIT;\n"
    float_type: ClassVar[str] = "DOUBLE PRECISION"

    def relation(self, name: str) -> str:
        """Return the full name of a table or view."""
        return f'"{self.schema}"."{name}"'

    def literal(self, text: str) -> str:
        """Return a text as a literal."""
        return "'" + text.replace("'", "''") + "'"

    def days(self, earlier: str, later: str) -> str:
        """Return an expression for the days from one date to another."""
        return f"({later} - {earlier})"

    def float(self, expression: str) -> str:
        """Return an expression as a floating-point number."""
        return f"CAST({expression} AS {self.float_type})"

    def folded(self, reasons: str) -> str:
        r"""Return an expression for reasons in lower case, joined by ``; ``, however they were spaced."""
        return rf"LOWER(REGEXP_REPLACE(TRIM({reasons}), '\s*;\s*', '; ', 'g'))"

    @abc.abstractmethod
    def listed(self, reasons: str) -> str:
        """Return an expression for folded reasons one by one."""

    def replace(self, views: Sequence[View]) -> str:
        """Return what must be done before the views are made where others of their names may stand."""
        del views
        return ""

    @abc.abstractmethod
    def create(self, view: View, query: str) -> str:
        """Return the statements that make a view, or make it anew, and describe it."""

    @abc.abstractmethod
    def describe(self, table: Resource, fields: Sequence[Field]) -> str:
        """Return the statements that describe a table and its columns."""


class Postgres(Dialect):
    """Postgres: in one transaction. Views are replaced in place, so that rights on them and views on them survive."""

    def listed(self, reasons: str) -> str:  # noqa: D102
        return f"STRING_TO_ARRAY({reasons}, '; ')"

    def replace(self, views: Sequence[View]) -> str:
        """Drop the views where one has columns that its successor has not in the same places; Postgres asks for it."""
        wanted = ",\n      ".join(
            f"({self.literal(view.name)}, ARRAY[{', '.join(self.literal(column.name) for column in view.columns)}])"
            for view in views
        )
        return f"""\
DO $$
BEGIN
  IF EXISTS (
    SELECT FROM (VALUES
      {wanted}
    ) AS wanted (name, columns)
    JOIN (
      SELECT table_name, ARRAY_AGG(column_name::text ORDER BY ordinal_position) AS columns
      FROM information_schema.columns
      WHERE table_schema = '{self.schema}'
      GROUP BY table_name
    ) AS found ON found.table_name = wanted.name
    WHERE wanted.columns[:CARDINALITY(found.columns)] <> found.columns
  ) THEN
    DROP VIEW IF EXISTS {", ".join(self.relation(view.name) for view in views)};
  END IF;
END $$;
"""

    def create(self, view: View, query: str) -> str:  # noqa: D102
        return _create_and_comment(self, view, query)

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

    float_type = "DOUBLE"

    def listed(self, reasons: str) -> str:  # noqa: D102
        return f"STRING_SPLIT({reasons}, '; ')"

    def create(self, view: View, query: str) -> str:  # noqa: D102
        return _create_and_comment(self, view, query)

    def describe(self, table: Resource, fields: Sequence[Field]) -> str:  # noqa: D102
        return _comments(self, "TABLE", table.name, table.full_description, _texts(fields))


class BigQuery(Dialect):
    """BigQuery: a script of statements, each of which takes effect at once."""

    begin = ""
    end = ""
    float_type = "FLOAT64"

    def relation(self, name: str) -> str:  # noqa: D102
        return f"`{self.schema}.{name}`"

    def days(self, earlier: str, later: str) -> str:  # noqa: D102
        return f"DATE_DIFF({later}, {earlier}, DAY)"

    def folded(self, reasons: str) -> str:  # noqa: D102
        return rf"LOWER(REGEXP_REPLACE(TRIM({reasons}), r'\s*;\s*', '; '))"

    def literal(self, text: str) -> str:  # noqa: D102
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def listed(self, reasons: str) -> str:  # noqa: D102
        return f"SPLIT({reasons}, '; ')"

    def create(self, view: View, query: str) -> str:  # noqa: D102
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

    def describe(self, table: Resource, fields: Sequence[Field]) -> str:
        """Describe all columns in one statement, because BigQuery limits how often a table may be altered."""
        relation = self.relation(table.name)
        columns = ",\n  ".join(
            f"ALTER COLUMN IF EXISTS {name} SET OPTIONS (description = {self.literal(text)})"
            for name, text in _texts(fields)
        )
        return f"""\
ALTER TABLE IF EXISTS {relation} SET OPTIONS (description = {self.literal(table.full_description)});
ALTER TABLE IF EXISTS {relation}
  {columns};
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
