"""Rows that the API might publish one day and the sandbox does not: nulls, placeholders and spellings at random."""

from __future__ import annotations

import datetime as dt
import json
import unicodedata
from typing import TYPE_CHECKING, Any

from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.views import load_views
from tests.world import LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from tap_dtm.views.warehouse import Warehouse

Tables = dict[str, list[dict[str, Any]]]

# The last four are 31, 32 and 62 days apart, so that rounds with one number are one round, or two, or a chain.
_DATES = [
    dt.date(2022, 1, 31),
    dt.date(2022, 1, 31),
    dt.date(2022, 2, 1),
    dt.date(2024, 5, 31),
    dt.date(2051, 10, 31),
    dt.date(2051, 11, 30),
    dt.date(2051, 12, 1),
    dt.date(2052, 1, 1),
]
_OPERATIONS = [
    ("XAA", "Invented Monitoring"),
    ("XAA", 'Invented "Survey" of o\'er'),
    ("XAA", "invented re\u0301ponse"),
    ("XBB", "Invented Monitoring"),
]
_PREFERRED = 0.2  # the share of the operations that the operator prefers
_FIRST = [("XA01", "North"), ("XA01", "NORTH"), ("XA02", "South"), ("Not available", "North"), ("", "South")]
_SECOND = [("XA0101", "Town"), ("XA0101", "town"), ("XA0201", None), ("Unknown", "Town"), (None, "Town"), (None, None)]
_REASONS = [
    "Conflict",
    "conflict",
    "Conflict\n",
    "Conflict; Insecurity",
    "conflict ;\tInsecurity",
    "; Conflict;;Insecurity ;",
    "Conflict; conflict",
    "Natural Disaster",
    "Conflict; Natural disaster",
    "Natural disaster; Invented % reason",
    "Economic reasons; invented_reason",
    "Conflict insecurity",
    "No reason for displacement reported",
    "Conflict; Unknown",
    "Not available; unknown",
    " ; \t",
    "",
    None,
]
_COLUMNS = ("pcode", "name")
_TYPES = {
    "postgres": {"string": "text", "integer": "bigint", "date": "date", "datetime": "timestamp", "boolean": "bool"},
    "duckdb": {
        "string": "VARCHAR",
        "integer": "BIGINT",
        "date": "DATE",
        "datetime": "TIMESTAMP",
        "boolean": "BOOLEAN",
    },
    "bigquery": {
        "string": "STRING",
        "integer": "INT64",
        "date": "DATE",
        "datetime": "TIMESTAMP",
        "boolean": "BOOL",
    },
}


def odd_rows(rng: Random) -> Tables:
    """Return rows of every table: a few rounds, of which each level may or may not have each row."""
    tables: Tables = {name: [] for name in (*load_catalogue().resources, "preferred_operations")}
    for code, operation in _OPERATIONS:
        country = {"admin0_pcode": code, "admin0_name": f"Invented Country {code}", "operation": operation}
        tables["operations"].append({**country, "operation_status": rng.choice(["Active", "Active", "Inactive", None])})
        if rng.random() < _PREFERRED:
            name = unicodedata.normalize(rng.choice(["NFC", "NFD"]), operation)
            kind = rng.choice(["BA", "SA", "ETT", "", None])
            tables["preferred_operations"].append({**country, "operation": name, "assessment_type": kind})
        for kind in rng.sample(["BA", "SA", "ETT", "Other", "", None], 3):
            for _ in range(rng.randint(1, 5)):
                date, number = rng.choice(_DATES), rng.choice([0, 1, 2, None])
                levels = rng.choice([(0, 1, 2), (0, 1, 2), (0,), (1, 2), (2,)])
                round_ = {**country, "assessment_type": kind, "reporting_date": date, "round_number": number}
                for _ in range(rng.randint(1, 6)):
                    row = {**round_, **_figures(rng), **_areas(rng)}
                    for level in levels:
                        tables[f"idp_admin{level}"].append(row)
    for level in LEVELS:  # the order of arrival tells nothing
        rng.shuffle(tables[f"idp_admin{level}"])
    return tables


def _figures(rng: Random) -> dict[str, Any]:
    return {
        "num_present_idp_ind": rng.choice([None, 0, 5, 70]),
        "number_males": rng.choice([None, 0, 2]),
        "number_females": rng.choice([None, 3]),
        "displacement_reason": rng.choice(_REASONS),
        "year_reporting_date": None,
        "month_reporting_date": None,
    }


def _areas(rng: Random) -> dict[str, Any]:
    areas = {"idp_origin_admin1": rng.choice(_FIRST), "admin1": rng.choice(_FIRST), "admin2": rng.choice(_SECOND)}
    return {f"{area}_{what}": text for area, texts in areas.items() for what, text in zip(_COLUMNS, texts, strict=True)}


def load(tables: Mapping[str, list[dict[str, Any]]], where: Warehouse, dialect: str) -> str:
    """Return the statements that make the tables, with these rows, and a deleted one in each that the tap fills."""
    statements = []
    for table in where.tables:
        types = {field.name: _TYPES[dialect][field.type] for field in table.fields_for(where.api_version)}
        rows = [{"row_number": number, **row} for number, row in enumerate(tables[table.name], start=1)]
        if "_sdc_deleted_at" in types:
            rows.append({"admin0_pcode": "XAA", "operation": "Invented", "_sdc_deleted_at": "2026-01-01 00:00:00+00"})
        statements += _filled(where.dialect.relation(table.name), types, rows, dialect)
    for own in load_views(where.api_version, section="tables"):
        types = {column.name: _TYPES[dialect][column.type] for column in own.columns}
        statements += _filled(where.dialect.relation(own.name), types, tables.get(own.name, []), dialect)
    return "".join(statements)


def _filled(relation: str, types: Mapping[str, str], rows: list[dict[str, Any]], dialect: str) -> list[str]:
    columns = ", ".join(f"{name} {kind}" for name, kind in types.items())
    values = ",\n".join(_values(row, types, dialect) for row in rows)
    made = f"CREATE TABLE {relation} ({columns});\n"
    return [made, f"INSERT INTO {relation} VALUES\n{values};\n"] if rows else [made]


def _values(row: Mapping[str, Any], types: Mapping[str, str], dialect: str) -> str:
    return f"({', '.join(_literal(row.get(name), kind, dialect) for name, kind in types.items())})"


def _literal(value: Any, kind: str, dialect: str) -> str:
    if value is None:
        return f"CAST(NULL AS {kind})"
    text = str(value)
    return f"CAST({json.dumps(text, ensure_ascii=False) if dialect == 'bigquery' else _quoted(text)} AS {kind})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
