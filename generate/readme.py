"""Writes the generated parts of the README and of docs/: settings, streams, fields, an answer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.descriptor.settings import SETTINGS as TARGET_SETTINGS

from generate import table, write
from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.model import API_VERSIONS
from tap_dtm.metadata.views import load_views
from tap_dtm.settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_dtm.metadata import Field, Resource

ROOT: Final = Path(__file__).parents[1]
README: Final = ROOT / "README.md"
DOCS: Final = ROOT / "docs"
QUESTION: Final = "1"
"""The question that the README shows."""
_ANSWER_ROWS: Final = 3
_WITH_PCODES: Final = " With the table `pcodes` only."


def texts() -> dict[Path, str]:
    """Return each page with generated parts, updated."""
    pages = {
        README: {"streams": _short_streams(), "question": _question()},
        DOCS / "settings.md": {"settings": _settings(SETTINGS)},
        DOCS / "data-packages.md": {"target-settings": _settings(TARGET_SETTINGS)},
        DOCS / "streams.md": {"streams": _streams(), "fields": _fields()},
        DOCS / "views.md": {"views": _views()},
        DOCS / "what-dtm-said-then.md": {"views": _views(with_history=True)},
    }
    return {path: _filled(path, blocks) for path, blocks in pages.items()}


def _filled(path: Path, blocks: Mapping[str, str]) -> str:
    text = path.read_text(encoding="utf-8")
    for name, block in blocks.items():
        begin, end = f"<!-- generated: {name} -->\n", f"<!-- end: {name} -->\n"
        before, found, rest = text.partition(begin)
        _, also_found, after = rest.partition(end)
        if not (found and also_found):
            raise SystemExit(f"{path.name} lacks a place for a table: {begin.strip()} and {end.strip()}.")
        text = before + begin + block + end + after
    return text


def _settings(settings: Mapping[str, Any]) -> str:
    rows = [
        (f"`{name}`", _default(declared["default"]) if "default" in declared else "", declared["description"])
        for name, declared in settings.items()
    ]
    return table(("Setting", "Default", "Meaning"), rows)


def _default(value: object) -> str:
    return ", ".join(f"`{each}`" for each in (value if isinstance(value, list) else [value]))


def _streams() -> str:
    rows = [
        (
            f"`{resource.name}`",
            resource.grain,
            _key(resource),
            "INCREMENTAL" if resource.replication_key else "FULL_TABLE",
        )
        for resource in load_catalogue().resources.values()
    ]
    return table(("Stream", "Grain", "Key", "Replication"), rows)


def _short_streams() -> str:
    resources = (each for each in load_catalogue().resources.values() if each.selected_by_default)
    rows = [(f"`{each.name}`", f"{each.grain.partition(';')[0].rstrip('.')}.", _key(each)) for each in resources]
    return table(("Stream", "Rows", "Key"), rows)


def _key(resource: Resource) -> str:
    return ", ".join(f"`{name}`" for name in resource.key)


def _question() -> str:
    """Return a question, its SQL and the first rows of its answer, from the page of all of them."""
    page = (ROOT / "examples" / "questions" / "README.md").read_text(encoding="utf-8")
    found = re.search(
        rf"^## {QUESTION}\. (.+?)\n.*?^(```sql\n.*?^```\n)\n(.*?)(?=^## )", page, re.DOTALL | re.MULTILINE
    )
    if found is None:
        raise SystemExit(f"examples/questions/README.md has no question {QUESTION}.")
    question, sql, answer = found.groups()
    rows = answer.strip().splitlines(keepends=True)[: 2 + _ANSWER_ROWS]
    return f"{question}\n\n{sql}\n{''.join(rows)}"


def _fields() -> str:
    catalogue = load_catalogue()
    rows = []
    for field in catalogue.fields.values():
        streams = {name for name, resource in catalogue.resources.items() if field in resource.fields}
        if streams:
            rows.append((f"`{field.name}`", _kind(field), field.full_description, _where(streams)))
    return table(("Field", "Type", "Meaning", "In"), rows)


def _views(*, with_history: bool = False) -> str:
    rows = {}
    for view in load_views(API_VERSIONS[-1]):
        if view.with_history != with_history:
            continue
        name = f"`{view.kind.format(level='*')}{'(moment)' if view.is_function else ''}`"
        limits = ("" if "v2" in view.versions else " With v3 only.") + (_WITH_PCODES if view.with_pcodes else "")
        rows[name] = (name, view.description + limits)
    return table(("View", "What it holds"), rows.values())


def _kind(field: Field) -> str:
    return field.type + ("" if "v2" in field.versions else ", v3 only")


def _where(streams: set[str]) -> str:
    resources = load_catalogue().resources
    if streams == set(resources):
        return "all"
    idp = {name for name, resource in resources.items() if resource.level is not None}
    if not idp <= streams:
        idp = {name for name in idp if not resources[name].history_of}
    words = "all `idp_*`" if any(resources[name].history_of for name in idp) else "all `idp_*` but the histories"
    named = [words] if idp <= streams else []
    return ", ".join([*named, *(f"`{name}`" for name in sorted(streams - idp if named else streams))])


if __name__ == "__main__":
    write(texts())
