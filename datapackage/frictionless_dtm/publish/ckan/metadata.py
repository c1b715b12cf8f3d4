"""The metadata of a package and its files on a CKAN site. Pure functions.

HDX has its own fields for what it requires. Any other CKAN would silently drop them, so there the texts are extras.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.descriptor.package import WORKBOOK
from frictionless_dtm.descriptor.table_schema import PREFIX
from frictionless_dtm.publish.descriptor import DESCRIPTOR
from frictionless_dtm.publish.terms import PERMISSION, check_permission
from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from frictionless_dtm.publish.folder import File, Folder

HDX: Final = "hdx"
CKAN: Final = "ckan"
FREQUENCIES: Final = {
    "live": "0",
    "daily": "1",
    "weekly": "7",
    "fortnightly": "14",
    "monthly": "30",
    "quarterly": "90",
    "half-yearly": "180",
    "yearly": "365",
    "irregular": "-1",
    "never": "-2",
}
"""HDX's codes for the expected frequency of updates."""
_HDX_ONLY: Final = (
    "dataset_source",
    "license_other",
    "methodology",
    "methodology_other",
    "caveats",
    "data_update_frequency",
    "dataset_date",
    "subnational",
)
_HDX_REQUIRES: Final = (
    "name",
    "title",
    "notes",
    "dataset_source",
    "owner_org",
    "maintainer",
    "dataset_date",
    "data_update_frequency",
    "groups",
    "license_id",
    "methodology",
    "tags",
)
# HDX accepts only tags of its own vocabulary.
_HDX_TOPICS: Final = "b891512e-9516-4bf5-962a-7a289772a2a1"
_HDX_TAGS: Final = ("displacement", "internally displaced persons-idp")
# HDX's names of formats. It has no name for Markdown.
_KINDS: Final = {
    ".csv": ("CSV", "text/csv"),
    ".gz": ("GZ", "application/gzip"),
    ".parquet": ("Parquet", "application/vnd.apache.parquet"),
    ".xlsx": ("XLSX", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ".json": ("JSON", "application/json"),
    ".md": ("TXT", "text/markdown"),
    ".html": ("HTML", "text/html"),
    ".cff": ("TXT", "text/yaml"),
    ".zip": ("ZIP", "application/zip"),
}
_OPTIONS: Final = {"maintainer": "--maintainer", "owner_org": "--owner-org", "groups": "--group", "tags": "--tag"}
_DOCUMENTS: Final = {
    DESCRIPTOR: "Machine-readable description of all tables (Data Package v2)",
    "README.md": "What the data are, how to use them, and how not to",
    "CHANGELOG.md": "What changed from version to version",
    "CITATION.cff": "How to cite the data",
    "index.html": "The data at a glance, on one page to download and open",
    "quality.json": "Quality report: facts about the data, not repairs",
}


@dataclass(frozen=True)
class Target:
    """The place of the package on the site, and metadata that is not in the package."""

    owner_org: str
    dataset: str
    maintainer: str | None = None
    profile: str = HDX
    public: bool | None = None  # None keeps the visibility on the site; a new dataset is private
    frequency: str = "irregular"
    license_id: str | None = None
    groups: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    overrides: Mapping[str, str] = field(default_factory=dict, hash=False)


def dataset_fields(folder: Folder, target: Target) -> dict[str, Any]:
    """Return the dataset's fields without its visibility.

    Raises:
        DtmError: The package may not be published, or lacks a field that HDX requires.
    """
    descriptor = folder.descriptor
    check_permission(descriptor)
    fields: dict[str, Any] = {
        "name": target.dataset,
        "title": descriptor.get("title") or target.dataset,
        "notes": str(descriptor.get("description") or ""),
        "owner_org": target.owner_org,
        "maintainer": target.maintainer,
        "url": descriptor.get("homepage"),
        "version": folder.version,
        "license_id": target.license_id or ("hdx-other" if target.profile == HDX else "other-closed"),
        "tags": _tags(descriptor, target),
        "groups": [{"name": group} for group in _groups(descriptor, target)],
        "dataset_source": "; ".join(_creators(descriptor)),
        "license_other": license_text(descriptor),
        "methodology": "Other",
        "methodology_other": _methodology(descriptor),
        "caveats": _caveats(descriptor),
        "data_update_frequency": FREQUENCIES[target.frequency],
        "dataset_date": _period(descriptor),
        "subnational": "1" if any(_level(resource) for resource in descriptor["resources"]) else "0",
    }
    if target.license_id and target.license_id != "hdx-other":
        # The user chose the licence. The permission in the package is added to the description.
        fields["notes"] = f"{fields['notes']}\n\n{license_text(descriptor)}"
    fields = {name: value for name, value in (fields | dict(target.overrides)).items() if value not in (None, "", [])}
    if target.profile != HDX:
        return _for_any_ckan(fields, descriptor)
    if absent := [name for name in _HDX_REQUIRES if not fields.get(name)]:
        raise DtmError(
            f"HDX requires {', '.join(absent)}, which this package does not have: add "
            f"{' '.join(_OPTIONS.get(name, f'--set {name}=...') for name in absent)}."
        )
    return fields


def _for_any_ckan(fields: dict[str, Any], descriptor: Mapping[str, Any]) -> dict[str, Any]:
    extras: dict[str, str] = {name: fields.pop(name) for name in _HDX_ONLY if name in fields}
    # CKAN has no fields for these lists and our own properties. Programs can read them back from JSON.
    ours = sorted(key for key in descriptor if key.startswith(PREFIX) and key != WORKBOOK)  # the workbook is a file
    for name in ("sources", "contributors", "licenses", *ours):
        if value := descriptor.get(name):
            extras[name] = value if isinstance(value, str) else as_json(value)
    return fields | {"extras": [{"key": name, "value": value} for name, value in sorted(extras.items())]}


def resource_fields(file: File, folder: Folder) -> dict[str, str]:
    """Return the fields of one file, all of them as text for a form."""
    kind, media_type = file_kind(file.path)
    fields = {
        "name": resource_name(file, folder),
        "format": kind,
        "mimetype": media_type,
        "hash": f"sha256:{file.sha256}",
        "size": str(file.size),
        "url_type": "upload",
        "resource_type": "file.upload",
        "description": _DOCUMENTS.get(file.path, file.path),
    }
    if file.resource:
        title, description = file.resource.get("title", ""), file.resource.get("description", "")
        if title or description:
            fields["description"] = f"{title}. {description}".strip(". ") + "."
        fields["schema"] = as_json(file.resource["schema"]) if "schema" in file.resource else ""
        fields["rows"] = str(file.resource.get("rows", ""))
    return {name: value for name, value in fields.items() if value}


def resource_name(file: File, folder: Folder) -> str:
    """Return the name of a file on the site: its own name, or its path if the name is not unique."""
    name = file.path.rsplit("/", 1)[-1]
    is_unique = sum(other.path.rsplit("/", 1)[-1] == name for other in folder.files) == 1
    return name if is_unique else file.path


def file_kind(path: str) -> tuple[str, str]:
    """Return CKAN's name of a format, and its media type."""
    suffix = f".{path.rsplit('.', 1)[-1].lower()}"
    return _KINDS.get(suffix, (suffix[1:].upper(), "application/octet-stream"))


def license_text(descriptor: Mapping[str, Any]) -> str:
    """Return the terms in words: the owner's terms, the permission and the credit line."""
    entries = ({"title": entry.get("name"), **entry} for entry in descriptor.get("licenses", []))
    licenses = " ".join(f"{_with_path(entry)}." for entry in entries if _name(entry))
    parts = [
        licenses,
        " ".join(descriptor.get(f"{PREFIX}terms", [])),
        f"Redistribution permitted: {descriptor[PERMISSION]}",
        descriptor.get(f"{PREFIX}creditLine", ""),
    ]
    return "\n\n".join(part for part in parts if part)


def as_json(value: object) -> str:
    """Return a nested value as one text, which CKAN can store and programs can read back."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _creators(descriptor: Mapping[str, Any]) -> list[str]:
    everyone = descriptor.get("contributors", [])
    creators = [_name(who) for who in everyone if {"creator", "rightsHolder"} & set(who.get("roles", ()))]
    return [name for name in creators if name] or [name for name in map(_name, descriptor.get("sources", [])) if name]


def _name(who: Mapping[str, Any]) -> str:
    """Return the best name of a person, a licence or a source. The standard requires none of these properties."""
    return str(who.get("title") or who.get("path") or who.get("email") or "")


def _with_path(entry: Mapping[str, Any]) -> str:
    name, path = _name(entry), entry.get("path")
    return f"{name} ({path})" if path and path != name else name


def _methodology(descriptor: Mapping[str, Any]) -> str:
    grains = [
        f"{resource.get('title', resource['name'])}: {resource[f'{PREFIX}grain']}"
        for resource in descriptor["resources"]
        if resource.get(f"{PREFIX}grain")
    ]
    source = ", ".join(
        f"{_with_path(source)}, read on {source.get(f'{PREFIX}accessed', 'an unknown day')}"
        for source in descriptor.get("sources", [])
        if _name(source)
    )
    return "\n\n".join([*([f"Taken from {source}, unchanged."] if source else []), *grains])


def _caveats(descriptor: Mapping[str, Any]) -> str:
    """Return each warning once, in the order of the descriptor."""
    texts = dict.fromkeys(
        warning["text"]
        for resource in descriptor["resources"]
        for warning in resource.get(f"{PREFIX}usageWarnings", [])
    )
    return "\n".join(f"- {text}" for text in texts)


def _period(descriptor: Mapping[str, Any]) -> str | None:
    coverage = descriptor.get(f"{PREFIX}temporalCoverage")
    return f"[{coverage['start']}T00:00:00 TO {coverage['end']}T23:59:59]" if coverage else None


def _groups(descriptor: Mapping[str, Any], target: Target) -> list[str]:
    """Return the groups of the user. By default, they are the countries on HDX, and none elsewhere."""
    if target.groups is not None:
        return list(target.groups)
    codes = descriptor.get(f"{PREFIX}spatialCoverage", []) if target.profile == HDX else []
    return sorted({str(code).lower() for code in codes})


def _tags(descriptor: Mapping[str, Any], target: Target) -> list[dict[str, str]]:
    if target.profile == HDX:
        own = _HDX_TAGS if _HDX_TAGS[0] in descriptor.get("keywords", []) else ()
        tags = target.tags if target.tags is not None else own
        return [{"name": tag, "vocabulary_id": _HDX_TOPICS} for tag in tags]
    if target.tags is not None:
        return [{"name": tag} for tag in target.tags]
    texts = (re.sub(r"[^\w .-]+", "", str(keyword)).strip() for keyword in descriptor.get("keywords", []))
    return [{"name": text} for text in sorted({text for text in texts if len(text) > 1})]


def _level(resource: Mapping[str, Any]) -> int:
    level = resource.get(f"{PREFIX}level")
    return level if isinstance(level, int) else 0
