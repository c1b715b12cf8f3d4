"""The templates of pages: whatever they print is escaped, as HTML or as Markdown."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from frictionless_dtm.descriptor import markdown
from frictionless_dtm.pages import words

if TYPE_CHECKING:
    from collections.abc import Iterable

_FILTERS: Final = {
    "number": words.number,
    "paragraphs": words.paragraphs,
    "people": words.people,
    "resource_change": words.resource_change,
    "days": words.days,
    "size": words.size,
}


def as_html(template: str, **values: Any) -> str:  # noqa: ANN401
    """Return the text of an HTML file."""
    return _html().get_template(template).render(**values)


def as_markdown(template: str, **values: Any) -> str:  # noqa: ANN401
    """Return the text of a Markdown file."""
    return _markdown().get_template(template).render(**values)


@cache
def _html() -> Environment:
    made = Environment(loader=_loader(), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    made.filters.update(_FILTERS, link=quote)
    made.globals.update(by_level=_by_level)
    return made


@cache
def _markdown() -> Environment:
    # Markdown is not HTML: escaping for HTML would leave what has a meaning in Markdown.
    made = Environment(  # noqa: S701
        loader=_loader(), finalize=markdown.escaped, undefined=StrictUndefined, keep_trailing_newline=True
    )
    made.filters.update(
        _FILTERS,
        code=markdown.code,
        email=markdown.email,
        fenced=markdown.fenced,
        link=markdown.link,
        url=markdown.url,
    )
    return made


def _loader() -> PackageLoader:
    return PackageLoader("frictionless_dtm.pages")


def _by_level(levels: Iterable[int], head: str, name: str) -> list[tuple[str, str]]:
    """Return the columns of the report that each level has, with their heads."""
    return [(f"{head} {level}", f"{name}{level}") for level in levels]
