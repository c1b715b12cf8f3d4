"""Which tables hold DTM's figures, and at which administrative level."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from tap_dtm.metadata import load_catalogue

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

LEVELS: Final = (0, 1, 2)
_NEEDED: Final = {
    "admin0_pcode",
    "operation",
    "reporting_date",
    "round_number",
    "assessment_type",
    "num_present_idp_ind",
}
_BY_NAME: Final = {f"idp_admin{level}": level for level in LEVELS}


def level_of(name: str, columns: Iterable[str]) -> int | None:
    """Return the administrative level of a table of displacement figures, None for every other table."""
    level = _BY_NAME.get(name)
    return level if level is not None and _NEEDED.issubset(columns) else None


def levels_in(names: Collection[str]) -> tuple[int, ...]:
    """Return the administrative levels for which there is a table among these."""
    return tuple(level for name, level in _BY_NAME.items() if name in names)


@cache
def placeholders() -> frozenset[str | None]:
    """Return what stands for an unknown area in place of its code or name: the published texts, and null."""
    fields = load_catalogue().fields
    texts = (
        text
        for name in ("admin1_pcode", "admin2_pcode", "idp_origin_admin1_pcode")
        for text in fields[name].missing_values
    )
    return frozenset({None, "", *texts})
