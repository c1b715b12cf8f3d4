"""Rows of invented operations, for small cases."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Row = dict[str, Any]
    Ask = Callable[..., list[tuple[Any, ...]]]

NORTH: dict[str, Any] = {"admin1_pcode": "XA01", "admin1_name": "North"}
SOUTH: dict[str, Any] = {"admin1_pcode": "XA02", "admin1_name": "South"}


def row(day: str, number: int | None = 1, idps: int | None = 100, kind: str | None = "BA", **more: Any) -> Row:
    """Return a row of an invented operation."""
    known = {
        "admin0_pcode": "XAA",
        "admin0_name": "Invented Country",
        "operation": "Invented Monitoring",
        "assessment_type": kind,
        "reporting_date": dt.date.fromisoformat(day),
        "round_number": number,
        "num_present_idp_ind": idps,
        "displacement_reason": "Conflict",
        "idp_origin_admin1_pcode": "XA01",
        "idp_origin_admin1_name": "North",
    }
    return {**known, **NORTH, "admin2_pcode": "XA0101", "admin2_name": "Northtown", **more}
