"""The metadata of a package and its files on a CKAN site. Pure functions.

HDX has its own fields for what it requires. Any other CKAN would silently drop them, so there the texts are extras.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.descriptor.package import DESCRIPTOR, MEDIA_TYPES, PAGES, WORKBOOK, terms_in_words, warnings_in
from frictionless_dtm.descriptor.table_schema import PREFIX
from frictionless_dtm.publish.terms import check_permission
from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from frictionless_dtm.descriptor.reading import Descriptor
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
# What HDX requires and a package may lack.
_HDX_REQUIRES: Final = ("notes", "dataset_source", "maintainer", "dataset_date", "groups", "tags")
# HDX accepts only tags of its own vocabulary.
_HDX_TOPICS: Final = "b891512e-9516-4bf5-962a-7a289772a2a1"
_HDX_TAGS: Final = ("displacement", "internally displaced persons-idp")
# HDX's names of formats that are not their suffix in capital letters. HDX has no name for Markdown.
_FORMATS: Final = {"parquet": "Parquet", "md": "TXT", "cff": "TXT"}
_OPTIONS: Final = {"maintainer": "--maintainer", "groups": "--group", "tags": "--tag"}
_DOCUMENTS: Final = {DESCRIPTOR: "Machine-readable description of all tables (Data Package v2)", **PAGES}


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
    groups: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    overrides: Mapping[str, str] = field(default_factory=dict, hash=False)


def dataset_fields(folder: Folder, target: Target) -> dict[str, Any]:
    """Return the dataset's fields without its visibility.

    Raises:
        DtmError: The package may not be published, or lacks a field that HDX requires.
    """
    package = folder.package
    check_permission(folder.descriptor)
    terms = terms_in_words(folder.descriptor)
    countries = sorted({code.lower() for code in package.spatial}) if target.profile == HDX else []
    # If the user chose the licence, the permission in the package is added to the description.
    has_own_license = target.license_id not in {None, "hdx-other"}
    fields: dict[str, Any] = {
        "name": target.dataset,
        "title": package.title or target.dataset,
        "notes": f"{package.description}\n\n{terms}" if has_own_license else package.description,
        "owner_org": target.owner_org,
        "maintainer": target.maintainer,
        "url": package.homepage,
        "version": package.version,
        "license_id": target.license_id or ("hdx-other" if target.profile == HDX else "other-closed"),
        "tags": _tags(package, target),
        "groups": [{"name": group} for group in target.groups or countries],
    }
    period = package.temporal
    for_hdx = {
        "dataset_source": "; ".join(_creators(package)),
        "license_other": terms,
        "methodology": "Other",
        "methodology_other": _methodology(package),
        "caveats": "\n".join(f"- {text}" for text in warnings_in(folder.descriptor)),
        "data_update_frequency": FREQUENCIES[target.frequency],
        "dataset_date": f"[{period.start}T00:00:00 TO {period.end}T23:59:59]" if period else None,
        "subnational": "1" if any(each.level for each in package.resources) else "0",
    }
    fields = {name: value for name, value in (fields | for_hdx | dict(target.overrides)).items() if value}
    if target.profile != HDX:
        extras = {name: fields.pop(name) for name in for_hdx if name in fields} | _nested(folder.descriptor)
        return fields | {"extras": [{"key": name, "value": value} for name, value in sorted(extras.items())]}
    if absent := [name for name in _HDX_REQUIRES if name not in fields]:
        raise DtmError(
            f"HDX requires {', '.join(absent)}, which this package does not have: add "
            f"{' '.join(_OPTIONS.get(name, f'--set {name}=...') for name in absent)}."
        )
    return fields


def _nested(descriptor: Mapping[str, Any]) -> dict[str, str]:
    """Return the properties for which CKAN has no field, as texts. Programs can read lists back from JSON."""
    own = [key for key in descriptor if key.startswith(PREFIX) and key != WORKBOOK]  # the workbook is a file
    values = {name: descriptor[name] for name in ("sources", "contributors", "licenses", *own) if descriptor.get(name)}
    return {name: value if isinstance(value, str) else _as_json(value) for name, value in values.items()}


def resource_fields(file: File, folder: Folder) -> dict[str, str]:
    """Return the fields of one file, all of them as text for a form."""
    suffix = file.path.rsplit(".", 1)[-1].lower()
    fields = {
        "name": _resource_name(file, folder),
        "format": _FORMATS.get(suffix, suffix.upper()),
        "mimetype": MEDIA_TYPES.get(suffix, "application/octet-stream"),
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
        fields["schema"] = _as_json(file.resource["schema"]) if "schema" in file.resource else ""
        fields["rows"] = str(file.resource.get("rows", ""))
    return {name: value for name, value in fields.items() if value}


def _resource_name(file: File, folder: Folder) -> str:
    """Return the name of a file on the site: its own name, or its path if the name is not unique."""
    names = [each.path.rsplit("/", 1)[-1] for each in folder.files]
    name = file.path.rsplit("/", 1)[-1]
    return name if names.count(name) == 1 else file.path


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _creators(package: Descriptor) -> list[str]:
    creators = [each.label for each in package.contributors if {"creator", "rightsHolder"} & set(each.roles)]
    return list(filter(None, creators)) or [each.label for each in package.sources if each.label]


def _methodology(package: Descriptor) -> str:
    grains = [f"{each.title or each.name}: {each.grain}" for each in package.resources if each.grain]
    source = ", ".join(f"{each.label_with_path}, read on {each.accessed}" for each in package.sources if each.label)
    return "\n\n".join([*([f"Taken from {source}, unchanged."] if source else []), *grains])


def _tags(package: Descriptor, target: Target) -> list[dict[str, str]]:
    if target.profile == HDX:
        tags = target.tags or (_HDX_TAGS if _HDX_TAGS[0] in package.keywords else ())
        return [{"name": tag, "vocabulary_id": _HDX_TOPICS} for tag in tags]
    texts = {re.sub(r"[^\w .-]+", "", keyword).strip() for keyword in package.keywords}
    return [{"name": tag} for tag in target.tags or sorted(text for text in texts if len(text) > 1)]
