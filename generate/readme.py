"""Writes the tables of the README that the code knows better: settings, streams, fields."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from generate import write
from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.model import API_VERSIONS
from tap_dtm.metadata.views import load_views
from tap_dtm.settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_dtm.metadata import Field

README = Path(__file__).parents[1] / "README.md"


def text() -> str:
    """Return the README with its generated tables brought up to date."""
    readme = README.read_text(encoding="utf-8")
    blocks = {"settings": _settings(), "streams": _streams(), "fields": _fields(), "views": _views()}
    for name, block in blocks.items():
        begin, end = f"<!-- generated: {name} -->\n", f"<!-- end: {name} -->\n"
        before, found, rest = readme.partition(begin)
        _, also_found, after = rest.partition(end)
        if not (found and also_found):
            raise SystemExit(f"README.md lacks a place for a table: {begin.strip()} and {end.strip()}.")
        readme = before + begin + block + end + after
    return readme


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _settings() -> str:
    properties: dict[str, dict[str, Any]] = SETTINGS
    rows = [
        (f"`{name}`", f"`{declared['default']}`" if "default" in declared else "", declared["description"])
        for name, declared in properties.items()
    ]
    return _table(("Setting", "Default", "Meaning"), rows)


def _streams() -> str:
    rows = [
        (
            f"`{resource.name}`",
            resource.grain,
            ", ".join(f"`{name}`" for name in resource.key),
            resource.replication_method,
        )
        for resource in load_catalogue().resources.values()
    ]
    return _table(("Stream", "Grain", "Key", "Replication"), rows)


def _fields() -> str:
    catalogue = load_catalogue()
    rows = []
    for field in catalogue.fields.values():
        streams = {name for name, resource in catalogue.resources.items() if field in resource.fields}
        if streams:
            rows.append((f"`{field.name}`", _kind(field), field.full_description, _where(streams)))
    return _table(("Field", "Type", "Meaning", "In"), rows)


def _views() -> str:
    rows = {}
    for view in load_views(API_VERSIONS[-1]):
        name = f"`{view.kind.format(level='*')}`"
        rows[name] = (name, view.description + ("" if "v2" in view.versions else " With v3 only."))
    return _table(("View", "What it holds"), rows.values())


def _kind(field: Field) -> str:
    return field.type + ("" if "v2" in field.versions else ", v3 only")


def _where(streams: set[str]) -> str:
    resources = load_catalogue().resources
    if streams == set(resources):
        return "all"
    idp = {name for name, resource in resources.items() if resource.level is not None}
    named = ["all `idp_*`"] if idp <= streams else []
    return ", ".join([*named, *(f"`{name}`" for name in sorted(streams - idp if named else streams))])


if __name__ == "__main__":
    write({README: text()})
