"""From the contents of a package to the files for its readers."""

from __future__ import annotations

import json
import logging
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

from frictionless_dtm import quality
from frictionless_dtm.descriptor.invented import is_invented
from frictionless_dtm.descriptor.package import GENERAL_TERMS
from frictionless_dtm.pages.changelog import changelog
from frictionless_dtm.pages.citation import citation_cff
from frictionless_dtm.pages.figures import headlines_of, operation_key, operations_of, without_effect
from frictionless_dtm.pages.front import front_of
from frictionless_dtm.pages.linked_data import linked_data
from frictionless_dtm.pages.past import past_of
from frictionless_dtm.pages.payload import as_script, payload
from frictionless_dtm.pages.snippets import sample_file, shows_newest, snippets
from frictionless_dtm.pages.templating import as_html, as_markdown
from frictionless_dtm.quality.database import database_of
from frictionless_dtm.quality.reporting import RULE
from tap_dtm.metadata.model import API_VERSIONS
from tap_dtm.metadata.views import load_views
from tap_dtm.views.package import preferences_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from frictionless_dtm.descriptor.contents import Contents
    from frictionless_dtm.pages.front import Column, File, Front
    from frictionless_dtm.quality.database import Row

_VERDICTS = {"current": "Current", "stale": "Stale", "closed": "Closed", "single": "One round only"}
_LOGGER = logging.getLogger("target-datapackage")
_SHOWN = 50
"""The page shows at most so many findings of each check; quality.json counts them all."""


def render(contents: Contents) -> Mapping[str, bytes]:
    """Return the files for readers, by name: README, citation, change log, quality report and page.

    The same contents give the same bytes.

    Raises:
        DtmError: The data files cannot be read.
    """
    with database_of(contents) as database:
        operations = operations_of(database)
        headlines = headlines_of(database, operations)
        for complaint in without_effect(preferences_of(contents.descriptor), headlines):
            _LOGGER.warning("%s", complaint)
        report = quality.report(database)
        data = payload(database, operations, headlines)
    past = past_of(contents, operations)
    if past is not None:
        for each, drawn in zip(operations, data["operations"], strict=True):
            drawn["past"] = past.get(operation_key(each))
    countries = {each["country"] for each in operations}
    front = front_of(contents.descriptor, invented=is_invented(countries))
    resources = {str(each["name"]): each for each in contents.descriptor.get("resources") or ()}
    sample = sample_file(front.resources)
    shared = {
        "front": front,
        "tables": _tables(front),
        "dictionary": _dictionary(front),
        "covered": operations,
        "quality": report,
        "reference": database.reference,
        "verdicts": _VERDICTS,
        "staleness_rule": RULE,
        "warnings": front.warnings.items(),
        "general_terms": GENERAL_TERMS,
        "sample": sample,
        "sample_is_dtm": sample is not None and shows_newest(sample),
        "snippets": snippets(sample, resources[sample.name], front.workbook) if sample else {},
        "summary": _summary(front, len(countries), len(operations)),
    }
    style = _asset("page.css")
    scripts = [
        _asset(name)
        for name in ("page.js", *(("vega.js", "charts.js", "figures.js", "explore.js") if operations else ()))
    ]
    page = as_html(
        "index.html.j2",
        **shared,
        headlines=headlines,
        headline_rule=_headline_rule(),
        without_headline=_without(headlines, operations),
        places={operation_key(each): place for place, each in enumerate(operations)},
        shown=_SHOWN,
        files_for_people=("README.md", "CHANGELOG.md", "CITATION.cff", "quality.json", "datapackage.json"),
        changes=contents.changes,
        other_changes=contents.others,
        figures_json=as_script(data),
        has_past=past is not None,
        linked_data=as_script(linked_data(front, contents.descriptor, operations)),
        style=style,
        scripts=scripts,
        policy=_policy(style, scripts),
    )
    texts = {
        "README.md": as_markdown("README.md.j2", **shared),
        "CITATION.cff": citation_cff(front),
        "CHANGELOG.md": changelog(contents, front),
        "quality.json": json.dumps(report, ensure_ascii=False, indent=1) + "\n",
        "index.html": page,
    }
    return {name: text.encode() for name, text in texts.items()}


def _headline_rule() -> str:
    """Return how the figure of a country is chosen, as users of a warehouse read it."""
    return next(view.description for view in load_views(API_VERSIONS[-1]) if view.name == "headline_stock_admin0")


def _without(headlines: Iterable[Row], operations: Iterable[Row]) -> list[tuple[str, str]]:
    """Return the countries that have no headline, with their names."""
    chosen = {each["country"] for each in headlines}
    return list(
        dict.fromkeys((each["country"], each["country_name"]) for each in operations if each["country"] not in chosen)
    )


def _tables(front: Front) -> list[File]:
    """Return one file per table, where the same table comes in several formats."""
    return [file for file in front.resources if not file.same_as]


def _dictionary(front: Front) -> list[tuple[Column, list[str]]]:
    """Return every column once, with the names of the tables that have it."""
    known: dict[tuple[str, str], tuple[Column, list[str]]] = {}
    for file in _tables(front):
        for column in file.columns:
            known.setdefault((column.name, column.description), (column, []))[1].append(file.name)
    return list(known.values())


def _summary(front: Front, countries: int, operations: int) -> list[tuple[str, str]]:
    lines = [
        ("Version", " of ".join(part for part in (front.version, front.created) if part)),
        ("Source", "; ".join(f"{each.title} ({each.path})" if each.path else each.title for each in front.sources)),
        ("API version", front.api_version),
        ("Data accessed", front.accessed),
        ("Countries", str(countries) if countries else ""),
        ("Operations", str(operations) if operations else ""),
        ("Preferred operations", "; ".join(map(str, front.preferred))),
    ]
    return [(label, value) for label, value in lines if value]


def _policy(style: str, scripts: Iterable[str]) -> str:
    """Return the page's Content Security Policy: it runs these scripts, and asks for nothing."""
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
