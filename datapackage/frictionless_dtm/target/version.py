"""Determines the next version of a package by the rules of the Data Package standard. Pure functions."""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.descriptor.table_schema import PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST: Final = "1.0.0"
_OF_THE_RUN: Final = ("version", "created", f"{PREFIX}citation", f"{PREFIX}accessed")
"""Properties that differ in every package, and do not count as changes."""


class Change(enum.IntEnum):
    """How much a package differs from the previous one."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3


def change(before: Mapping[str, Any], after: Mapping[str, Any], *, rows_added: bool) -> Change:
    """Compare two descriptors.

    Major: a resource is removed, or its fields or key change (added, removed, renamed, reordered, of another type).
    Minor: a resource is new, or the data have new rows. Patch: data are corrected or withdrawn, or the descriptor
    changes.
    """
    old = {resource["name"]: resource for resource in before["resources"]}
    new = {resource["name"]: resource for resource in after["resources"]}
    if any(name not in new or _structure(old[name]) != _structure(new[name]) for name in old):
        return Change.MAJOR
    if new.keys() - old.keys():
        return Change.MINOR
    if any(resource["hash"] != old[name]["hash"] for name, resource in new.items()):
        return Change.MINOR if rows_added else Change.PATCH
    return Change.PATCH if without_times(before) != without_times(after) else Change.NONE


def increased(version: str, by: Change) -> str:
    """Return the next version. A version has three numbers and an optional suffix."""
    if by is Change.NONE:
        return version
    numbers = [int(part) for part in re.split("[-+]", version)[0].split(".")]
    place = Change.MAJOR - by
    return ".".join(map(str, [*numbers[:place], numbers[place] + 1, 0, 0][:3]))


def order(version: str) -> tuple[Any, ...]:
    """Return the sort key of Semantic Versioning: 1.0.0-rc.1 comes before 1.0.0, and +build is ignored."""
    numbers, _, before = version.partition("+")[0].partition("-")
    parts = tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in before.split("."))
    return (*(int(part) for part in numbers.split(".")), not before, parts)


def without_times(descriptor: Mapping[str, Any]) -> dict[str, Any]:
    """Return a descriptor without the properties that differ in every package."""
    rest = {name: value for name, value in descriptor.items() if name not in _OF_THE_RUN}
    if sources := descriptor.get("sources"):
        rest["sources"] = [without_times(source) for source in sources]
    return rest


def _structure(resource: Mapping[str, Any]) -> Any:  # noqa: ANN401
    schema = resource["schema"]
    return [(field["name"], field["type"]) for field in schema["fields"]], schema.get("primaryKey")
