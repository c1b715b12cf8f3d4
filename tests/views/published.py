"""The rows of the tables that a world makes, for the reference of the views."""

from __future__ import annotations

import csv
import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from tap_dtm.metadata import load_catalogue
from tap_dtm.sandbox.pcodes import pcode_list
from tests.world import LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_dtm.sandbox import World
    from tests.world import Version

Row = dict[str, Any]

_PCODES: Final = ("admin0_pcode", "admin_level", "pcode", "name", "parent_pcode", "valid_from")


def published(world: World, version: Version, start_date: str = "1970-01-01") -> dict[str, list[Row]]:
    """Return the rows of each table that a sandbox's world makes, with the tap's setting `start_date`."""
    tables: dict[str, list[Row]] = {}
    for name, table in load_catalogue().resources.items():
        if not table.endpoints:  # not DTM's
            continue
        level: Any = table.level
        rows = world.operation_list() if level is None else world.rows(level, version)
        named = {field.name: field.api_name for field in table.fields_for(version) if field.api_name}
        tables[name] = [{ours: row.get(theirs) for ours, theirs in named.items()} for row in rows]
    tables["pcodes"] = [dict(zip(_PCODES, line, strict=True)) for line in _listed(world)]
    for level in LEVELS:
        rows = tables[f"idp_admin{level}"]
        for row in rows:
            row["reporting_date"] = dt.date.fromisoformat(row["reporting_date"][:10])
        tables[f"idp_admin{level}"] = [row for row in rows if row["reporting_date"].isoformat() >= start_date]
    return tables


def _listed(world: World) -> Iterator[list[Any]]:
    lines = csv.reader(pcode_list(country["admin0Pcode"] for country in world.country_list()).splitlines()[2:])
    return ([*line[:1], int(line[1]), *line[2:5], dt.date.fromisoformat(line[5])] for line in lines)
