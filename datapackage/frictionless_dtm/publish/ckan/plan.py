"""Plans what to send to a CKAN site, given its current dataset, and sends it: first the files, then the metadata."""

from __future__ import annotations

import hashlib
import json
import sys
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from frictionless_dtm.descriptor.package import DESCRIPTOR, WORKBOOK
from frictionless_dtm.publish.ckan.client import TOKEN_VARIABLE
from frictionless_dtm.publish.ckan.metadata import resource_fields
from tap_dtm.errors import DtmAccessError, DtmError
from tap_dtm.redaction import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from frictionless_dtm.publish.ckan.client import Client
    from frictionless_dtm.publish.folder import File, Folder

    Resources = Mapping[str, Mapping[str, Any]]
    """The resources of the dataset on the site, by name."""


@dataclass(frozen=True)
class Step:
    """One file to create (without an ``id``) or to update. It is uploaded if ``is_new_content``."""

    file: File
    fields: Mapping[str, str]
    id: str | None = None
    is_new_content: bool = True
    is_new_metadata: bool = True
    url: str | None = None  # of the download, once the file is on the site
    content: bytes | None = None  # sent in place of the file's own content

    @property
    def name(self) -> str:
        """The name of the file on the site."""
        return self.fields["name"]

    @property
    def word(self) -> str:
        """The action on the file, in words."""
        if self.id is None:
            return "new"
        if self.is_new_content:
            return "new content"
        return "new metadata" if self.is_new_metadata else "unchanged"


@dataclass(frozen=True)
class Plan:
    """Everything to send: the dataset's fields, then the files in this order. The descriptor is last.

    ``was_private`` is the visibility on the site, None for a new dataset. ``existing`` are the resources on the site.
    """

    dataset_id: str | None
    fields: Mapping[str, Any]
    is_new_metadata: bool
    private: bool
    was_private: bool | None
    steps: tuple[Step, ...]
    existing: Resources

    @property
    def surplus(self) -> dict[str, str]:
        """The ids, by name, of the resources on the site that are not in the package."""
        ours = {step.name for step in self.steps}
        return {name: str(resource["id"]) for name, resource in self.existing.items() if name not in ours}


def make_plan(
    folder: Folder, fields: Mapping[str, Any], existing: Mapping[str, Any] | None, *, public: bool | None
) -> Plan:
    """Compare a package and the new fields of its dataset with the dataset on the site, if there is one.

    The visibility stays if ``public`` is None. A new dataset is private.
    """
    resources = {str(resource.get("name")): resource for resource in (existing or {}).get("resources", [])}
    was_private = existing["private"] if existing else None
    private = was_private is not False if public is None else not public
    steps = [_step(file, resource_fields(file, folder), resources) for file in folder.described]
    merged = _merged(fields, existing or {})
    return Plan(
        dataset_id=str(existing["id"]) if existing else None,
        fields=merged,
        is_new_metadata=existing is None or _differs({**merged, "private": private}, _with_names(existing, merged)),
        private=private,
        was_private=was_private,
        steps=(*steps, descriptor_step(folder, steps, resources)),
        existing=resources,
    )


def descriptor_step(folder: Folder, steps: Iterable[Step], existing: Resources) -> Step:
    """Return the last step: a descriptor with the addresses of the files, so that programs can read it from the site.

    The step is final only when every file has its address.
    """
    addresses = {step.file.path: step.url for step in steps if step.url}

    def on_site(described: Mapping[str, Any]) -> dict[str, Any]:
        return {**described, "path": addresses.get(described["path"], described["path"])}

    descriptor = {**folder.descriptor, "resources": [on_site(each) for each in folder.descriptor["resources"]]}
    if book := descriptor.get(WORKBOOK):
        descriptor[WORKBOOK] = on_site(book)
    content = (json.dumps(descriptor, ensure_ascii=False, indent=2) + "\n").encode()
    file = next(file for file in folder.files if file.path == DESCRIPTOR)
    own = {"hash": f"sha256:{hashlib.sha256(content).hexdigest()}", "size": str(len(content))}
    return replace(_step(file, {**resource_fields(file, folder), **own}, existing), content=content)


def _merged(fields: Mapping[str, Any], existing: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with the tags and extras of others, because a patch replaces whole lists."""
    merged = dict(fields)
    for name, key in (("tags", "name"), ("extras", "key")):
        if name in merged:
            ours = {entry[key] for entry in merged[name]}
            merged[name] = [*merged[name], *(each for each in existing.get(name) or () if each[key] not in ours)]
    return merged


def _with_names(existing: Mapping[str, Any], fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the dataset with the name of its organisation if our fields use the name. CKAN stores the id."""
    name = (existing.get("organization") or {}).get("name")
    return {**existing, "owner_org": name} if name is not None and name == fields.get("owner_org") else existing


def _step(file: File, fields: Mapping[str, str], existing: Resources) -> Step:
    known = existing.get(fields["name"])
    if known is None:
        return Step(file, fields)
    is_new_content = known.get("hash") != fields["hash"]
    return Step(file, fields, str(known["id"]), is_new_content, _differs(fields, known), known.get("url"))


def _differs(wanted: Mapping[str, Any], existing: Mapping[str, Any]) -> bool:
    return any(_comparable(name, value) != _comparable(name, existing.get(name)) for name, value in wanted.items())


def _comparable(name: str, value: Any) -> Any:  # noqa: ANN401
    """Return a value in one form for comparison: CKAN adds properties to tags and groups, and sorts them."""
    if name in {"tags", "groups"}:
        return sorted(str(entry["name"]) for entry in value or ())
    if name == "extras":
        return sorted((str(entry["key"]), str(entry["value"])) for entry in value or ())
    if isinstance(value, bool) or value is None:
        return bool(value)
    return str(value).replace("\r\n", "\n").strip()


def send(plan: Plan, folder: Folder, site: Client, report: Callable[[str], None], *, prune: bool) -> None:
    """Run the steps of a plan, and report each of them. ``prune`` removes files that are not in the package.

    Raises:
        DtmError: A step failed. The message lists what has been published.
    """
    if not site.has_token:
        raise DtmAccessError(f"{site.host} needs a token: put yours into {TOKEN_VARIABLE}.")
    sent: list[Step] = []
    try:
        dataset_id = plan.dataset_id
        if dataset_id is None:
            # Only the organisation sees the dataset until it is complete.
            dataset_id = str(site.act("package_create", {**plan.fields, "private": True})["id"])
            report(f"created the dataset {plan.fields['name']}, private until it is complete")
        for planned in plan.steps:
            is_last = planned is plan.steps[-1]  # all files have their addresses now
            step = descriptor_step(folder, sent, plan.existing) if is_last else planned
            sent.append(_sent(step, dataset_id, site))
            report(f"{step.name}: {step.word}")
        for name, resource_id in plan.surplus.items() if prune else ():
            site.act("resource_delete", {"id": resource_id})
            report(f"removed {name}")
        if plan.is_new_metadata:
            site.act("package_patch", {"id": dataset_id, **plan.fields, "private": plan.private})
            report(f"version {folder.package.version}, {'private' if plan.private else 'public'}")
    except DtmError as error:
        done = ", ".join(step.name for step in sent) or "no file"
        raise type(error)(
            f"{error} Up to date on the site: {done} ({len(sent)} of {len(plan.steps)} files). "
            "Run the same command again to send the rest."
        ) from None


def _sent(step: Step, dataset_id: str, site: Client) -> Step:
    """Update one file on the site, and return the step with the file's address."""
    action = "resource_patch" if step.id else "resource_create"
    fields = {**step.fields, **({"id": step.id} if step.id else {"package_id": dataset_id})}
    result: dict[str, Any]
    if step.is_new_content:
        content = step.file.chunks() if step.content is None else [step.content]
        with closing(_with_progress(content, step)) as parts:
            result = site.upload(action, fields, step.file.path.rsplit("/", 1)[-1], parts)
    elif step.is_new_metadata:
        result = site.act(action, fields)
    else:
        return step
    return replace(step, url=result.get("url"))


def _with_progress(parts: Iterable[bytes], step: Step) -> Generator[bytes]:
    """Yield the parts of a file, and show at a terminal how much has been sent. When closed, end the line."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield from parts
        return
    with click.progressbar(length=int(step.fields["size"]), label=shown(step.name), file=sys.stderr) as bar:
        for part in parts:
            yield part
            bar.update(len(part))
