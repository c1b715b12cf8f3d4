"""The templates of pages. Every value is escaped, as HTML or as Markdown."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from frictionless_dtm.descriptor import markdown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from frictionless_dtm.descriptor.contents import ResourceChange
    from frictionless_dtm.quality.database import Row


def as_html(template: str, **values: Any) -> str:  # noqa: ANN401
    """Return the text of an HTML file."""
    return _environment(is_html=True).get_template(template).render(**values)


def as_markdown(template: str, **values: Any) -> str:  # noqa: ANN401
    """Return the text of a Markdown file."""
    return _environment(is_html=False).get_template(template).render(**values)


@cache
def _environment(*, is_html: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("frictionless_dtm.pages"),
        autoescape=is_html,  # noqa: S701  Markdown has an escape of its own
        finalize=None if is_html else markdown.escaped,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters |= _FILTERS | ({"link": quote} if is_html else _MARKDOWN)
    environment.globals |= {"by_level": _by_level}
    return environment


def _number(value: float | None) -> str:
    """Return a number with thousands separated, and a dash for none."""
    return "\N{EN DASH}" if value is None else f"{value:,}"


def _size(count: float) -> str:
    """Return a number of bytes in a unit that is easy to read."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:  # noqa: PLR2004  decimal units
            return f"{count:.0f} {unit}" if unit == "bytes" or count >= 100 else f"{count:.1f} {unit}"  # noqa: PLR2004
        count /= 1000
    return f"{count:.1f} GB"


def _people(of: Row) -> str:
    """Return the number of people of a round, and what is not known of it."""
    if of["idps"] is None:
        return "not known"
    return _number(of["idps"]) + (f" and {_rows(of['unknown'])} not known" if of["unknown"] else "")


def _days(count: int | None) -> str:
    """Return a number of days in a unit that is easy to read."""
    if count is None:
        return ""
    for length, unit, digits in ((365.25, "years", 1), (30.44, "months", 0)):
        if count >= 2 * length:
            return f"{count / length:.{digits}f} {unit}"
    return "1 day" if count == 1 else f"{count} days"


def _paragraphs(text: str) -> list[str]:
    return [part for part in re.split(r"\n\s*\n", text.strip()) if part]


def _resource_change(change: ResourceChange) -> str:
    if change.kind == "added":
        return f"{change.name}: a new table, {_rows(change.added)}"
    if change.kind == "removed":
        return f"{change.name}: no longer in the package"
    counts = {"added": change.added, "changed": change.changed, "removed": change.removed}
    if None in counts.values():
        return f"{change.name}: rows changed"
    words = ", ".join(f"{_rows(count)} {what}" for what, count in counts.items() if count)
    return f"{change.name}: {words or 'the same rows in another form'}"


def _rows(count: int | None) -> str:
    return "1 row" if count == 1 else f"{_number(count)} rows"


def _by_level(levels: Iterable[int], head: str, name: str) -> list[tuple[str, str]]:
    """Return the columns of the report that each level has, with their heads."""
    return [(f"{head} {level}", f"{name}{level}") for level in levels]


_FILTERS: Final = {
    "number": _number,
    "paragraphs": _paragraphs,
    "people": _people,
    "resource_change": _resource_change,
    "days": _days,
    "size": _size,
}
_MARKDOWN: Final = {
    "code": markdown.code,
    "email": markdown.email,
    "fenced": markdown.fenced,
    "link": markdown.link,
    "url": markdown.url,
}
