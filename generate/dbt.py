"""Writes the dbt source files in ``examples/dbt/``: the tables of the tap, with tests, and their views."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from typing_extensions import override

from generate import write
from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.model import API_VERSIONS
from tap_dtm.metadata.views import load_views

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_dtm.metadata import Field, Resource
    from tap_dtm.metadata.model import ForeignKey

FOLDER: Final = Path(__file__).parents[1] / "examples" / "dbt"
SCHEMA: Final = "{{ var('dtm_schema', 'dtm') }}"
_VERSION: Final = API_VERSIONS[-1]
_LIVE: Final = "_sdc_deleted_at is null"

_SOURCES_HEADER: Final = f"""\
# The tables that tap-dtm loads, for dbt 1.10.8 or newer. Generated from the tap's catalogue: python3 make.py generate
#
# Copy this file into the models folder of your dbt project, and remove the tables that you do not load. The schema is
# `dtm`, or the variable dtm_schema. The columns are those of the API's {_VERSION}. Tests of what the tap guarantees
# fail. Tests of IOM's lists, which should have every country and operation, only warn. Freshness is measured on the
# lists, because every run sends them. Figures are sent only when they change.
"""
_VIEWS_HEADER: Final = """\
# The views of tap-dtm-views, for dbt 1.10.8 or newer. Generated from their catalogue: python3 make.py generate
#
# Copy it into the models folder of your dbt project, next to sources.yml. The schema is the same. If you do not load
# histories, remove their views, from history_runs to publication_lag. If you do not load pcodes, remove the view areas
# and the columns cod_pcode, is_name_confirmed, origin_cod_pcode and is_origin_name_confirmed.
"""


class _Dumper(yaml.SafeDumper):
    """Indents the items of lists, as dbt's own files do."""

    @override
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, indentless=False)


def files() -> dict[Path, str]:
    """Return the path and the text of each file."""
    return {
        FOLDER / "sources.yml": _SOURCES_HEADER + _text("dtm", _package_description(), _tables()),
        FOLDER / "views.yml": _VIEWS_HEADER + _text("dtm_views", "Views on the tables of tap-dtm.", _views()),
    }


def _text(source: str, description: str, tables: list[dict[str, Any]]) -> str:
    declared = {"name": source, "description": description, "schema": SCHEMA, "tables": tables}
    content = {"version": 2, "sources": [declared]}
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def _package_description() -> str:
    package = load_catalogue().package
    return " ".join([package.description, *package.license.terms, package.credit_line])


def _tables() -> list[dict[str, Any]]:
    return [_table(table) for table in load_catalogue().resources.values() if table.selected_by_default]


def _table(table: Resource) -> dict[str, Any]:
    declared: dict[str, Any] = {"name": table.name, "description": table.full_description}
    if table.replication_key is None:  # every run sends these tables; the others only when they change
        declared["config"] = {
            "loaded_at_field": "_sdc_batched_at",
            "freshness": {"warn_after": {"count": 36, "period": "hour"}},
        }
    tests = [_unique(table)] if len(table.key) > 1 else []
    declared["data_tests"] = [*tests, *(_relationship(table, key) for key in table.foreign_keys)]
    declared["columns"] = [_column(table, field) for field in table.fields_for(_VERSION)]
    return {name: value for name, value in declared.items() if value != []}


def _column(table: Resource, field: Field) -> dict[str, Any]:
    declared = _described(field.name, field.full_description)
    if field.name in table.key:
        declared["data_tests"] = ["not_null", "unique"] if len(table.key) == 1 else ["not_null"]
    elif field.name == table.replication_key:
        declared["data_tests"] = [{"not_null": {"config": {"where": _LIVE}}}]
    return declared


def _unique(table: Resource) -> dict[str, Any]:
    arguments = {"column_name": _joined(table.key)}
    return {"unique": {"name": f"dtm_{table.name}_key_is_unique", "arguments": arguments}}


def _relationship(table: Resource, key: ForeignKey) -> dict[str, Any]:
    """Return a test that every row, even a deleted one, refers to a row that exists or existed."""
    arguments = {
        "column_name": _joined(key.fields),
        "to": f"source('dtm', '{key.resource}')",
        "field": _joined(key.reference_fields),
    }
    name = f"dtm_{table.name}_is_in_{key.resource}"
    return {"relationships": {"name": name, "arguments": arguments, "config": {"severity": "warn"}}}


def _joined(names: Sequence[str]) -> str:
    """Return one expression for several columns, because dbt's own tests accept only one.

    CONCAT converts numbers to text in Postgres, BigQuery and DuckDB.
    """
    together = ", '/', ".join(names)
    return names[0] if len(names) == 1 else f"concat({together})"


def _views() -> list[dict[str, Any]]:
    return [
        {
            "name": view.name,
            "description": view.full_description,
            "columns": [_described(column.name, column.description) for column in view.columns],
        }
        for view in (*load_views(_VERSION), *load_views(_VERSION, section="tables"))
        if not view.is_function
    ]


def _described(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "description": description}


if __name__ == "__main__":
    write(files())
