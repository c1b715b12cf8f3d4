"""What has to be sent to a CKAN site, given what is there already. Pure functions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from frictionless_dtm.publish.ckan.metadata import resource_fields
from frictionless_dtm.publish.folder import DESCRIPTOR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from frictionless_dtm.publish.folder import File, Folder


@dataclass(frozen=True)
class Step:
    """One file: created without an ``id``, updated in place with one; ``is_new_content`` when it must be uploaded."""

    file: File
    fields: Mapping[str, str]
    id: str | None
    is_new_content: bool
    is_new_metadata: bool

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

    ``surplus`` are resources of the dataset that are no part of the package, by name.
    """

    dataset_id: str | None
    fields: Mapping[str, Any]
    is_new_metadata: bool
    private: bool
    steps: tuple[Step, ...]
    surplus: Mapping[str, str]


def make_plan(folder: Folder, fields: Mapping[str, Any], existing: Mapping[str, Any] | None, *, private: bool) -> Plan:
    """Compare a package with the dataset that is on the site.

    Args:
        folder: The package.
        fields: The dataset's fields, as they shall be.
        existing: The answer of ``package_show``; None when there is no such dataset.
        private: Whether only members of the organisation shall see it.
    """
    there = {str(resource.get("name")): resource for resource in (existing or {}).get("resources", [])}
    descriptor = next(file for file in folder.files if file.path == DESCRIPTOR)
    steps = tuple(_step(file, folder, there) for file in (*folder.data, *folder.documents, descriptor))
    ours = {step.name for step in steps}
    return Plan(
        dataset_id=str(existing["id"]) if existing else None,
        fields=fields,
        is_new_metadata=existing is None or _differs({**fields, "private": private}, existing),
        private=private,
        steps=steps,
        surplus={name: str(resource["id"]) for name, resource in there.items() if name not in ours},
    )


def _step(file: File, folder: Folder, there: Mapping[str, Mapping[str, Any]]) -> Step:
    fields = resource_fields(file, folder)
    known = there.get(fields["name"])
    return Step(
        file,
        fields,
        str(known["id"]) if known else None,
        is_new_content=known is None or known.get("hash") != fields["hash"],
        is_new_metadata=known is None or _differs(fields, known),
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


def site_descriptor(descriptor: Mapping[str, Any], addresses: Mapping[str, str]) -> bytes:
    """Return the descriptor with the files' addresses on the site, so that programs can read the package from there.

    Args:
        descriptor: The package's.
        addresses: The download address of each path.
    """
    resources = [
        {**resource, "path": addresses.get(resource["path"], resource["path"])} for resource in descriptor["resources"]
    ]
    return (json.dumps({**descriptor, "resources": resources}, ensure_ascii=False, indent=2) + "\n").encode()
