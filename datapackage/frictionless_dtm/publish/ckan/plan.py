"""What has to be sent to a CKAN site, given what is there already. Pure functions."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from frictionless_dtm.descriptor.package import WORKBOOK
from frictionless_dtm.publish.ckan.metadata import resource_fields
from frictionless_dtm.publish.descriptor import DESCRIPTOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from frictionless_dtm.publish.folder import File, Folder

    There = Mapping[str, Mapping[str, Any]]
    """The resources of the dataset on the site, by name."""


@dataclass(frozen=True)
class Step:
    """One file: created without an ``id``, updated in place with one; ``is_new_content`` when it must be uploaded."""

    file: File
    fields: Mapping[str, str]
    id: str | None
    is_new_content: bool
    is_new_metadata: bool
    url: str | None = None  # where it can be downloaded, once it is there
    content: bytes | None = None  # what is sent in place of the file's own content

    @property
    def name(self) -> str:
        """The name of the file on the site."""
        return self.fields["name"]

    @property
    def word(self) -> str:
        """What happens to the file."""
        if self.id is None:
            return "new"
        if self.is_new_content:
            return "new content"
        return "new metadata" if self.is_new_metadata else "unchanged"


@dataclass(frozen=True)
class Plan:
    """All that has to be sent: the dataset's fields, then the files in this order, the descriptor last.

    ``was_private`` is how the dataset is on the site, None for a new one.
    """

    dataset_id: str | None
    fields: Mapping[str, Any]
    is_new_metadata: bool
    private: bool
    was_private: bool | None
    steps: tuple[Step, ...]
    there: There

    @property
    def surplus(self) -> dict[str, str]:
        """The ids of the resources that are no part of the package, by name."""
        ours = {step.name for step in self.steps}
        return {name: str(resource["id"]) for name, resource in self.there.items() if name not in ours}


def make_plan(
    folder: Folder, fields: Mapping[str, Any], existing: Mapping[str, Any] | None, *, public: bool | None
) -> Plan:
    """Compare a package with the dataset that is on the site.

    Args:
        folder: The package.
        fields: The dataset's fields, as they shall be.
        existing: The dataset on the site; None when there is no such dataset.
        public: Whether everybody shall see it; None for as it is, and nobody outside the organisation at first.
    """
    there = {str(resource.get("name")): resource for resource in (existing or {}).get("resources", [])}
    was_private = existing["private"] if existing else None
    private = was_private is not False if public is None else not public
    files = (*folder.data, *folder.documents)
    steps = [_step(file, resource_fields(file, folder), there) for file in files]
    merged = _merged(fields, existing or {})
    return Plan(
        dataset_id=str(existing["id"]) if existing else None,
        fields=merged,
        is_new_metadata=existing is None or _differs({**merged, "private": private}, _with_names(existing, merged)),
        private=private,
        was_private=was_private,
        steps=(*steps, descriptor_step(folder, steps, there)),
        there=there,
    )


def descriptor_step(folder: Folder, steps: Iterable[Step], there: There) -> Step:
    """Return the last step: the descriptor has the files' addresses, so that programs read the package from the site.

    It is settled when every file has its address.
    """
    addresses = {step.file.path: step.url for step in steps if step.url}
    resources = [
        {**resource, "path": addresses.get(resource["path"], resource["path"])}
        for resource in folder.descriptor["resources"]
    ]
    described = {**folder.descriptor, "resources": resources}
    if book := described.get(WORKBOOK):
        described[WORKBOOK] = {**book, "path": addresses.get(book["path"], book["path"])}
    content = (json.dumps(described, ensure_ascii=False, indent=2) + "\n").encode()
    file = next(file for file in folder.files if file.path == DESCRIPTOR)
    own = {"hash": f"sha256:{hashlib.sha256(content).hexdigest()}", "size": str(len(content))}
    return replace(_step(file, {**resource_fields(file, folder), **own}, there), content=content)


def _merged(fields: Mapping[str, Any], existing: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with what others have added to the dataset: a patch replaces lists as a whole."""
    merged = dict(fields)
    for name, key in (("tags", "name"), ("extras", "key")):
        if name in merged:
            ours = {entry[key] for entry in merged[name]}
            others = [dict(entry) for entry in existing.get(name) or () if entry[key] not in ours]
            merged[name] = [*merged[name], *others]
    return merged


def _with_names(existing: Mapping[str, Any], fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the dataset with its organisation by name if that is how we call it: CKAN keeps the id."""
    name = (existing.get("organization") or {}).get("name")
    return {**existing, "owner_org": name} if name is not None and name == fields.get("owner_org") else existing


def _step(file: File, fields: Mapping[str, str], there: There) -> Step:
    known = there.get(fields["name"])
    if known is None:
        return Step(file, fields, None, is_new_content=True, is_new_metadata=True)
    return Step(
        file,
        fields,
        str(known["id"]),
        is_new_content=known.get("hash") != fields["hash"],
        is_new_metadata=_differs(fields, known),
        url=known.get("url"),
    )


def _differs(wanted: Mapping[str, Any], there: Mapping[str, Any]) -> bool:
    return any(_comparable(name, value) != _comparable(name, there.get(name)) for name, value in wanted.items())


def _comparable(name: str, value: Any) -> Any:  # noqa: ANN401
    """Bring a value and what CKAN made of it into one form: it adds to tags and groups, and sorts them."""
    if name in {"tags", "groups"}:
        return sorted(str(entry["name"]) for entry in value or ())
    if name == "extras":
        return sorted((str(entry["key"]), str(entry["value"])) for entry in value or ())
    if isinstance(value, bool) or value is None:
        return bool(value)
    return str(value).replace("\r\n", "\n").strip()
