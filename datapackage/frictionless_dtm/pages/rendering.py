"""Writes the files of a package for its readers. Every value is escaped, as HTML or as Markdown."""

from __future__ import annotations

import json
import logging
import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from frictionless_dtm import quality
from frictionless_dtm.descriptor import markdown
from frictionless_dtm.descriptor.package import DESCRIPTOR, GENERAL_TERMS, PAGES
from frictionless_dtm.descriptor.profile import is_invented
from frictionless_dtm.pages.figures import headlines_of, operation_key, operations_of, without_effect
from frictionless_dtm.pages.front import citation_cff, front_of, linked_data
from frictionless_dtm.pages.payload import past_of, payload
from frictionless_dtm.pages.snippets import snippets
from frictionless_dtm.quality.database import database_of
from frictionless_dtm.quality.reporting import RULE
from tap_dtm.metadata.model import API_VERSIONS
from tap_dtm.metadata.views import load_views
from tap_dtm.views.package import preferences_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from frictionless_dtm.descriptor.contents import Contents, ResourceChange
    from frictionless_dtm.pages.front import Column, File, Front
    from frictionless_dtm.quality.database import Row

_VERDICTS = {"current": "Current", "stale": "Stale", "closed": "Closed", "single": "One round only"}
_SCRIPTS = ("page.js", "vega.js", "charts.js", "figures.js", "explore.js")
_HEADLINE = "headline_stock_admin0"
_LOGGER = logging.getLogger("target-datapackage")
_SHOWN = 50
"""The most findings of a check on the page. quality.json counts all of them."""


def render(contents: Contents) -> Mapping[str, bytes]:
    """Return the files for readers, by name: README, citation, change log, quality report and page.

    The same contents give the same bytes.

    Raises:
        DtmError: The data files cannot be read.
    """
    with database_of(contents) as database:
        operations = operations_of(database)
        headlines = headlines_of(database, operations)
        for sentence in without_effect(preferences_of(contents.descriptor), headlines):
            _LOGGER.warning("%s", sentence)
        report = quality.report(database)
        data = payload(database, operations, headlines)
    past = past_of(contents, operations)
    if past is not None:
        for each, drawn in zip(operations, data["operations"], strict=True):
            drawn["past"] = past.get(operation_key(each))
    countries = {each["country"]: each["country_name"] for each in operations}
    front = front_of(contents.descriptor, invented=is_invented(countries))
    tables = [file for file in front.resources if not file.same_as]  # each once, if it comes in several formats
    style = _asset("page.css")
    scripts = [_asset(name) for name in (_SCRIPTS if operations else _SCRIPTS[:1])]
    (headline_rule,) = (each.description for each in load_views(API_VERSIONS[-1]) if each.name == _HEADLINE)
    values: dict[str, Any] = {
        "front": front,
        "tables": tables,
        "dictionary": _dictionary(tables),
        "covered": operations,
        "quality": report,
        "verdicts": _VERDICTS,
        "staleness_rule": RULE,
        "general_terms": GENERAL_TERMS,
        "summary": _summary(front, len(countries), len(operations)),
        "snippets": snippets(front, contents.descriptor),
        "headlines": headlines,
        "headline_rule": headline_rule,
        "countries": countries,
        "shown": _SHOWN,
        "other_files": [name for name in (*PAGES, DESCRIPTOR) if name != "index.html"],
        "changes": contents.changes,
        "other_changes": contents.others,
        "figures": data,
        "has_past": past is not None,
        "linked_data": linked_data(front, contents.descriptor, operations),
        "style": style,
        "scripts": scripts,
        "policy": _policy(style, scripts),
    }
    texts = {
        "README.md": _filled("README.md.j2", **values),
        "CITATION.cff": citation_cff(front, contents.descriptor.get("description", "")),
        "CHANGELOG.md": _changelog(contents, front),
        "quality.json": json.dumps(report, ensure_ascii=False, indent=1) + "\n",
        "index.html": _filled("index.html.j2", **values),
    }
    return {name: text.encode() for name, text in texts.items()}


def _changelog(contents: Contents, front: Front) -> str:
    """Return CHANGELOG.md, the newest version first."""
    text = _filled(
        "CHANGELOG.md.j2",
        front=front,
        changes=contents.changes,
        others=contents.others,
        history=[markdown.Markdown(each.strip("\n")) for each in contents.history],
    )
    return re.sub(r"\n{3,}", "\n\n", text.rstrip("\n")) + "\n"


def _dictionary(tables: Iterable[File]) -> list[tuple[Column, list[str]]]:
    """Return every column once, with the names of the tables that have it."""
    known: dict[tuple[str, str], tuple[Column, list[str]]] = {}
    for file in tables:
        for column in file.schema.fields:
            known.setdefault((column.name, column.description), (column, []))[1].append(file.name)
    return list(known.values())


def _summary(front: Front, countries: int, operations: int) -> list[tuple[str, str]]:
    lines = [
        ("Version", f"{front.version} of {front.created}"),
        ("Source", "; ".join(each.label_with_path for each in front.sources)),
        ("API version", front.api_version),
        ("Data accessed", front.accessed),
        ("Countries", str(countries or "")),
        ("Operations", str(operations or "")),
        ("Preferred operations", "; ".join(map(str, front.preferred))),
    ]
    return [(label, value) for label, value in lines if value]


def _policy(style: str, scripts: Iterable[str]) -> str:
    """Return the page's Content Security Policy: only its own scripts run, and nothing is loaded."""
    return (
        f"default-src 'none'; script-src {' '.join(map(_hash, scripts))}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    """Return how a policy names the one text that an element may contain."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def _asset(name: str) -> str:
    return (files("frictionless_dtm.pages") / "static" / name).read_text(encoding="utf-8")


def _filled(template: str, **values: Any) -> str:  # noqa: ANN401
    """Return the text of an HTML or a Markdown file."""
    return _environment(is_html=template.endswith(".html.j2")).get_template(template).render(**values)


@cache
def _environment(*, is_html: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("frictionless_dtm.pages"),
        autoescape=is_html,  # noqa: S701  Markdown has an escape of its own
        finalize=None if is_html else markdown.escaped,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    environment.filters |= _FILTERS | ({"link": quote} if is_html else _MARKDOWN)
    environment.globals |= {"by_level": _by_level}
    return environment


def _with_separators(value: float | None) -> str:
    """Return a number with thousands separated, and a dash for none."""
    return "\N{EN DASH}" if value is None else f"{value:,}"


def _people(of: Row) -> str:
    """Return the number of people of a round, and what is not known of it."""
    if of["idps"] is None:
        return "not known"
    return _with_separators(of["idps"]) + (f" and {_rows(of['unknown'])} not known" if of["unknown"] else "")


def _days(count: int | None) -> str:
    """Return a number of days in a unit that is easy to read."""
    if count is None:
        return ""
    for length, unit, digits in ((365.25, "years", 1), (30.44, "months", 0)):
        if count >= 2 * length:
            return f"{count / length:.{digits}f} {unit}"
    return "1 day" if count == 1 else f"{count} days"


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
    return "1 row" if count == 1 else f"{_with_separators(count)} rows"


def _by_level(levels: Iterable[int], head: str, name: str) -> list[tuple[str, str]]:
    """Return the columns of the report that each level has, with their heads."""
    return [(f"{head} {level}", f"{name}{level}") for level in levels]


_FILTERS: Final = {
    "number": _with_separators,
    "people": _people,
    "resource_change": _resource_change,
    "days": _days,
}
_MARKDOWN: Final = {
    "code": markdown.code,
    "email": markdown.email,
    "fenced": markdown.fenced,
    "link": markdown.link,
    "url": markdown.url,
}
