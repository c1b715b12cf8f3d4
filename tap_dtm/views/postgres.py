"""Postgres: how views and functions are replaced, so that the rights on them and the views on them survive."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from typing_extensions import override

from tap_dtm.views.dialects import Dialect

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tap_dtm.metadata.views import View
    from tap_dtm.views.dialects import Descriptions

_TYPES: Final = {
    "string": "text",
    "integer": "bigint",
    "date": "date",
    "datetime": "timestamp without time zone",
    "array": "text[]",
}
"""By type of a column, as Postgres itself writes them."""


class Postgres(Dialect):
    """Postgres: in one transaction."""

    function_kind = "FUNCTION"
    signature = "(timestamp)"
    expressions: ClassVar = {
        "days": "({1} - {0})",
        "split": "STRING_TO_ARRAY(COALESCE({0}, ''), '; ')",
        "float": "DOUBLE PRECISION",
        "text": "TEXT",
        "content_hash": "HASHTEXTEXTENDED($content, 0)",
        "moment": "moment",
        # Only UTF-8 has these forms, and Postgres refuses the function elsewhere.
        "decomposed": "CASE WHEN GETDATABASEENCODING() = 'UTF8' THEN NORMALIZE({0}, NFD) ELSE {0} END",
        "composed": "CASE WHEN GETDATABASEENCODING() = 'UTF8' THEN NORMALIZE({0}, NFC) ELSE {0} END",
        "sorted_words": "(SELECT STRING_AGG(word, ' ' ORDER BY word) FROM UNNEST(STRING_TO_ARRAY({0}, ' ')) AS word)",
        "char": r"\u{0}",
        "raw": "",
        "all": ", 'g'",
        "bytewise": ' COLLATE "C"',
    }

    @override
    def prepare(self, views: Sequence[View], others: Sequence[View]) -> str:
        """Drop what has other columns than its successor, because Postgres does not replace it.

        One such view is a reason to drop all views, because they read each other. ``clean_up`` gives back the rights,
        which are kept in a setting of the transaction until then.
        """
        names = [view.name for view in views if not view.is_function]
        columns = ",\n      ".join(
            f"({self.literal(view.name)}, ARRAY[{', '.join(self.literal(column.name) for column in view.columns)}])"
            for view in views
            if not view.is_function
        )
        results = ",\n      ".join(
            f"({self.literal(self.relation(view.name) + self.signature)}, {self.literal(f'TABLE({_columns(view)})')})"
            for view in views
            if view.is_function
        )
        functions = f"""
  FOR old IN
    SELECT wanted.name, proacl
    FROM (VALUES
      {results}
    ) AS wanted (name, result)
    JOIN pg_proc ON pg_proc.oid = TO_REGPROCEDURE(wanted.name) AND PG_GET_FUNCTION_RESULT(pg_proc.oid) <> result
  LOOP
    -- By default, all users have a right, unless somebody took it away.
    rights := rights || COALESCE(
      FORMAT('REVOKE ALL ON FUNCTION %s FROM PUBLIC; ', old.name)
      || (SELECT {_grants("'FUNCTION ' || old.name")} FROM ACLEXPLODE(old.proacl)), '');
    EXECUTE 'DROP FUNCTION ' || old.name;
  END LOOP;"""
        return f"""\
DO $$
DECLARE
  rights text := '';
  old record;
BEGIN
  IF EXISTS (
    SELECT FROM (VALUES
      {columns}
    ) AS wanted (name, columns)
    JOIN (
      SELECT relname, ARRAY_AGG(attname::text ORDER BY attnum) AS columns
      FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0
      WHERE {self._are_views(names)}
      GROUP BY relname
    ) AS found ON found.relname = wanted.name
    WHERE wanted.columns[:CARDINALITY(found.columns)] <> found.columns
  ) THEN
    SELECT COALESCE({_grants("pg_class.oid::regclass")}, '') INTO rights
    FROM pg_class, ACLEXPLODE(relacl)
    WHERE {self._are_views(names)} AND grantee <> relowner;
    {self._drop([*names, *(view.name for view in others)])}
  END IF;{functions if results else ""}
  PERFORM SET_CONFIG('tap_dtm.rights', rights, TRUE);
END $$;
"""

    @override
    def clean_up(self, others: Iterable[View]) -> str:
        """Give back the rights that ``prepare`` kept, and drop the other views, which no view reads any more."""
        functions = super().clean_up(view for view in others if view.is_function)
        return f"""\
{functions}DO $$
BEGIN
  EXECUTE CURRENT_SETTING('tap_dtm.rights');
  {self._drop([view.name for view in others])}
END $$;
"""

    def _are_views(self, names: Iterable[str]) -> str:
        listed = ", ".join(map(self.literal, names))
        schema = f"""TO_REGNAMESPACE('"{self.schema}"')"""
        return f"relkind = 'v' AND relnamespace = {schema} AND relname = ANY(ARRAY[{listed}]::text[])"

    def _drop(self, names: Iterable[str]) -> str:
        drop = f"SELECT 'DROP VIEW ' || STRING_AGG(FORMAT('%I.%I', '{self.schema}', relname), ', ') FROM pg_class"
        return f"EXECUTE COALESCE(({drop} WHERE {self._are_views(names)}), '');"

    @override
    def _create_function(self, view: View, query: str) -> str:
        name = self.relation(view.name)
        return f"""\
CREATE OR REPLACE FUNCTION {name}(moment timestamp)
RETURNS TABLE ({_columns(view)})
LANGUAGE SQL STABLE PARALLEL SAFE
AS $$
{query}
$$;
COMMENT ON FUNCTION {name}{self.signature} IS {self.literal(view.full_description)};
"""

    @override
    def describe(self, table: str, description: str, columns: Descriptions) -> str:
        """Describe what exists: a catalog may leave out columns, or the whole table."""
        texts = ",\n    ".join(f"({self.literal(name)}, {self.literal(text)})" for name, text in columns)
        return f"""\
DO $$
DECLARE
  described regclass := TO_REGCLASS('{self.relation(table)}');
  text_of record;
BEGIN
  IF described IS NOT NULL THEN
    EXECUTE FORMAT('COMMENT ON TABLE %s IS %L', described, {self.literal(description)});
  END IF;
  FOR text_of IN SELECT name, description FROM (VALUES
    {texts}
  ) AS texts (name, description) JOIN pg_attribute ON attrelid = described AND attname = name
  LOOP
    EXECUTE FORMAT('COMMENT ON COLUMN %s.%I IS %L', described, text_of.name, text_of.description);
  END LOOP;
END $$;
"""

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


def _columns(view: View) -> str:
    return ", ".join(f"{column.name} {_TYPES[column.type]}" for column in view.columns)


def _grants(name: str) -> str:
    """Return an aggregate of rights as the statements that give them back."""
    return f"""STRING_AGG(FORMAT(
      'GRANT %s ON %s TO %s%s; ', privilege_type, {name},
      CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
      CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END), '')"""
