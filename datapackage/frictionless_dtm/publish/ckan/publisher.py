"""Sends a package to a CKAN site: first the files, then the metadata of the dataset."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from frictionless_dtm.publish.ckan.client import TOKEN_VARIABLE
from frictionless_dtm.publish.ckan.plan import Plan, Step, descriptor_step
from tap_dtm.errors import DtmAccessError, DtmError
from tap_dtm.redaction import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from frictionless_dtm.publish.ckan.client import Client
    from frictionless_dtm.publish.folder import Folder


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
            report(f"version {folder.version}, {'private' if plan.private else 'public'}")
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
