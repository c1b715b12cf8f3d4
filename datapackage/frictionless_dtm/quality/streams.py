"""Which tables hold DTM's figures, and at which administrative level."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.descriptor.table_schema import PREFIX
from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.model import LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping


_OWN_NAMES: Final = frozenset(f"idp_admin{level}" for level in LEVELS)
FIGURES: Final = frozenset(
    {
        "admin0_pcode",
        "operation",
        "reporting_date",
        "round_number",
        "assessment_type",
        "num_present_idp_ind",
    }
)
"""The columns without which displacement figures say nothing."""


def figure_tables(descriptor: Mapping[str, Any]) -> dict[str, int]:
    """Return the tables of displacement figures with their administrative level, by name, one for each level.

    The descriptor says the level, because a stream map may give a stream any name. Of two tables of one level, which
    are copies of each other, the one with DTM's own name is taken, or else the first by name.
    """
    found: dict[int, str] = {}
    resources = (descriptor.get("resources") or ()) if descriptor else ()
    for resource in sorted(resources, key=lambda each: (each["name"] not in _OWN_NAMES, each["name"])):
        level = resource.get(f"{PREFIX}level")
        is_copy = f"{PREFIX}sameDataAs" in resource
        if level in LEVELS and not is_copy and FIGURES.issubset(columns_of(resource)):
            found.setdefault(level, str(resource["name"]))
    return {name: level for level, name in sorted(found.items())}


def columns_of(resource: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of a resource's columns."""
    return frozenset(str(field["name"]) for field in (resource.get("schema") or {}).get("fields") or ())


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
