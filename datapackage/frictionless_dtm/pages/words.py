"""Small texts: numbers, Markdown, change log, citation."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import yaml

if TYPE_CHECKING:
    from frictionless_dtm.contents import Contents, ResourceChange, RoundChange
    from frictionless_dtm.pages.figures import Round
    from frictionless_dtm.pages.front import Front

_KINDS = {"added": "Added", "revised": "Revised", "withdrawn": "Withdrawn"}


def number(value: float | None) -> str:
    """Return a number with thousands separated, and a dash for none."""
    return "\N{EN DASH}" if value is None else f"{value:,}"


def people(of: Round) -> str:
    """Return the number of people of a round, and what of it is not known."""
    if of.persons is None:
        return "not known"
    return number(of.persons) + (f" and {_rows(of.unknown_rows)} not known" if of.unknown_rows else "")


def markdown(value: object) -> str:
    """Return text that Markdown shows as it is, on one line."""
    text = " ".join(str(value).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]#|])", r"\\\1", text)


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a text, which empty lines part."""
    return [part for part in re.split(r"\n\s*\n", text.strip()) if part]


def code(text: str) -> str:
    """Return text as code in a cell of a Markdown table."""
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    room = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{room}{text}{room}{fence}".replace("|", "\\|")


def link(path: str) -> str:
    """Return a path as a link target."""
    return quote(path)


def citation_cff(front: Front) -> str:
    """Return CITATION.cff, version 1.2.0."""
    authors = [
        {"name": str(each.get("title", "")), **({"website": str(each["path"])} if each.get("path") else {})}
        for each in front.contributors
        if {"creator", "author", "rightsHolder"} & set(each.get("roles") or [each.get("role")])
    ]
    said: dict[str, Any] = {
        "cff-version": "1.2.0",
        "message": f"Please cite this data as: {front.citation}" if front.citation else "Please cite this data.",
        "type": "dataset",
        "title": front.title,
        "authors": authors or [{"name": front.title}],
        "version": front.version or None,
        "date-released": front.created or None,
        "url": front.homepage or None,
        # The format has no word for terms other than open licences, so they stand where everybody reads.
        "abstract": "\n\n".join(filter(None, (front.description, front.terms_in_short))),
        "keywords": list(front.keywords) or None,
        "license-url": front.license_url or None,
        "contact": [{"name": "Contact for the data", "email": front.contact}] if front.contact else None,
    }
    return yaml.safe_dump(
        {name: value for name, value in said.items() if value},
        sort_keys=False,
        allow_unicode=True,
        width=100,
    )


def changelog(contents: Contents, front: Front) -> str:
    """Return CHANGELOG.md: this version first, then the entries it was given."""
    entry = changelog_entry(contents, front)
    entries = [entry, *(each.strip("\n") for each in contents.history)]
    head = (
        f"# Changes of {markdown(front.title)}\n\n"
        "Versions follow Data Package's recipe: new rows raise the middle number, corrections and withdrawals the "
        "last, removed or renamed columns the first."
    )
    return "\n\n".join([head, *entries]) + "\n"


def changelog_entry(contents: Contents, front: Front) -> str:
    """Return the entry of this version, without a line break at its end."""
    title = f"## {front.version or 'Unversioned'}" + (f" ({front.created})" if front.created else "")
    if contents.changes is None:
        return f"{title}\n\nFirst version."
    if not contents.changes and not contents.others:
        return f"{title}\n\nThe data are the same; what the package says of them is not."
    lines = [title]
    if contents.others:
        lines.append("\n".join(f"* {markdown(resource_change(each))}" for each in contents.others))
    for kind, name in _KINDS.items():
        changes = [each for each in contents.changes if each.kind == kind]
        if changes:
            lines.append(f"### {name}\n\n{_change_lines(changes)}")
    return "\n\n".join(lines)


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


def _change_lines(changes: list[RoundChange]) -> str:
    by_operation: dict[tuple[str, str], list[RoundChange]] = defaultdict(list)
    for each in changes:
        by_operation[each.country, each.operation].append(each)
    lines = []
    for (country, operation), rounds in sorted(by_operation.items()):
        rounds.sort(key=lambda each: (each.reporting_date, each.round_number or 0, each.assessment_type or ""))
        lines.append(f"* {markdown(country)}, {markdown(operation)}: " + "; ".join(_round(each) for each in rounds))
    return "\n".join(lines)


def _round(change: RoundChange) -> str:
    return " ".join(
        [
            "round" if change.round_number is None else f"round {change.round_number}",
            f"of {change.reporting_date}" + (f" ({change.assessment_type})" if change.assessment_type else ""),
        ]
    )
