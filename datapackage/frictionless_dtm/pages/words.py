"""Small texts for all pages: numbers, people, changes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from frictionless_dtm.descriptor.contents import ResourceChange
    from frictionless_dtm.quality.database import Row


def number(value: float | None) -> str:
    """Return a number with thousands separated, and a dash for none."""
    return "\N{EN DASH}" if value is None else f"{value:,}"


def size(count: float) -> str:
    """Return a number of bytes in a unit that is easy to read."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:  # noqa: PLR2004 - decimal units
            return f"{count:.0f} {unit}" if unit == "bytes" or count >= 100 else f"{count:.1f} {unit}"  # noqa: PLR2004
        count /= 1000
    return f"{count:.1f} GB"


def people(of: Row) -> str:
    """Return the number of people of a round, and what of it is not known."""
    if of["idps"] is None:
        return "not known"
    return number(of["idps"]) + (f" and {_rows(of['unknown'])} not known" if of["unknown"] else "")


def days(number_of_days: int | None) -> str:
    """Return a number of days as people say it."""
    if number_of_days is None:
        return ""
    for size, name, digits in ((365.25, "years", 1), (30.44, "months", 0)):
        if number_of_days >= 2 * size:
            return f"{number_of_days / size:.{digits}f} {name}"
    return "1 day" if number_of_days == 1 else f"{number_of_days} days"


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a text, which empty lines part."""
    return [part for part in re.split(r"\n\s*\n", text.strip()) if part]


def resource_change(change: ResourceChange) -> str:
    """Return what has changed in a table."""
    name = change.name
    if change.kind == "added":
        return f"{name}: a new table, {_rows(change.added)}"
    if change.kind == "removed":
        return f"{name}: no longer in the package"
    counts = {"added": change.added, "changed": change.changed, "removed": change.removed}
    if None in counts.values():
        return f"{name}: rows changed"
    said = ", ".join(f"{_rows(count)} {what}" for what, count in counts.items() if count)
    return f"{name}: {said or 'the same rows, written otherwise'}"


def _rows(count: int | None) -> str:
    return "1 row" if count == 1 else f"{number(count)} rows"
