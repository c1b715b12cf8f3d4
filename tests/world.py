"""What the sandbox serves, as the tap's streams should show it: the other side of every comparison."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

from tap_dtm.metadata import load_catalogue

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tap_dtm.sandbox import World

Version = Literal["v2", "v3"]
LEVELS: tuple[Literal[0, 1, 2], ...] = (0, 1, 2)
ADDED = ("row_number", "_sdc_deleted_at")


def served(
    world: World,
    level: Literal[0, 1, 2],
    version: Version = "v3",
    *,
    countries: Collection[str] | None = None,
    operations: Collection[str] | None = None,
    start_date: str | None = None,
    end_date: str | None = None,
) -> Counter[str]:
    """Count the rows that the API serves at a level under the tap's filters."""
    fields = load_catalogue().resources[f"idp_admin{level}"].fields_for(version)
    rows = []
    for row in world.rows(level, version):
        record = {field.name: row[field.api_name] for field in fields if field.api_name}
        record["reporting_date"] = record["reporting_date"][:10]
        if (
            (countries is None or record["admin0_pcode"] in countries)
            and (operations is None or record["operation"] in operations)
            and (start_date or "") <= record["reporting_date"] <= (end_date or "9999-12-31")
        ):
            rows.append(record)
    return count(rows)


def count(rows: Iterable[dict[str, Any]]) -> Counter[str]:
    """Count rows by what the API says in them."""
    return Counter(
        json.dumps({name: value for name, value in row.items() if name not in ADDED}, sort_keys=True) for row in rows
    )


def assert_positions_are_whole(rows: Iterable[dict[str, Any]]) -> None:
    """Check that the row numbers of each country and operation count from 1 without a gap."""
    positions: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        positions.setdefault((row["admin0_pcode"], row["operation"]), []).append(row["row_number"])
    for numbers in positions.values():
        assert sorted(numbers) == list(range(1, len(numbers) + 1))
