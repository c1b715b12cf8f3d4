"""Sends a package to a CKAN site: first the files, then the metadata of the dataset."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from frictionless_dtm.publish.ckan.client import TOKEN_VARIABLE
from frictionless_dtm.publish.ckan.metadata import dataset_fields
from frictionless_dtm.publish.ckan.plan import Plan, Step, descriptor_step, make_plan
from frictionless_dtm.publish.progress import with_progress
from tap_dtm.errors import DtmAccessError, DtmError

if TYPE_CHECKING:
    from collections.abc import Callable

    from frictionless_dtm.publish.ckan.client import Client
    from frictionless_dtm.publish.ckan.metadata import Target
    from frictionless_dtm.publish.folder import Folder


class CkanPublisher:
    """Publishes one package as one dataset.

    Args:
        site: The CKAN site.
        folder: The package.
        target: The dataset and its metadata.
        prune: Whether to remove resources of the dataset that are not in the package.
    """

    def __init__(self, site: Client, folder: Folder, target: Target, *, prune: bool = False) -> None:  # noqa: D107
        self._site = site
        self._folder = folder
        self._target = target
        self._prune = prune
        self._sent: list[Step] = []

    def plan(self) -> Plan:
        """Read the dataset on the site, and return the steps to publish the package. Change nothing.

        Raises:
            DtmError: The site cannot be read, or the package may not be published.
        """
        fields = dataset_fields(self._folder, self._target)
        existing = self._site.dataset(self._target.dataset)
        if existing and existing.get("state") == "deleted":
            raise DtmError(
                f"The dataset {self._target.dataset} was deleted on {self._site.host}. Have it restored or "
                "purged there, or choose another name with --dataset."
            )
        return make_plan(self._folder, fields, existing, public=self._target.public)

    def run(self, plan: Plan, report: Callable[[str], None]) -> str:
        """Run the steps, and return the address of the dataset.

        Raises:
            DtmError: A step failed. The message lists what has been published.
        """
        if not self._site.has_token:
            raise DtmAccessError(f"{self._site.host} needs a token: put yours into {TOKEN_VARIABLE}.")
        try:
            self._publish(plan, report)
        except DtmError as error:
            done = ", ".join(step.name for step in self._sent) or "no file"
            raise type(error)(
                f"{error} Up to date on the site: {done} ({len(self._sent)} of {len(plan.steps)} files). "
                "Run the same command again to send the rest."
            ) from None
        return f"{self._site.url}/dataset/{self._target.dataset}"

    def _publish(self, plan: Plan, report: Callable[[str], None]) -> None:
        dataset_id = plan.dataset_id
        if dataset_id is None:
            # Only the organisation sees the dataset until it is complete.
            dataset_id = str(self._site.act("package_create", {**plan.fields, "private": True})["id"])
            report(f"created the dataset {self._target.dataset}, private until it is complete")
        for planned in plan.steps:
            is_last = planned is plan.steps[-1]  # all files have their addresses now
            step = descriptor_step(self._folder, self._sent, plan.existing) if is_last else planned
            self._sent.append(self._send(step, dataset_id))
            report(f"{step.name}: {step.word}")
        for name, resource_id in plan.surplus.items() if self._prune else ():
            self._site.act("resource_delete", {"id": resource_id})
            report(f"removed {name}")
        if plan.is_new_metadata:
            self._site.act("package_patch", {"id": dataset_id, **plan.fields, "private": plan.private})
            report(f"version {self._folder.version}, {'private' if plan.private else 'public'}")

    def _send(self, step: Step, dataset_id: str) -> Step:
        """Update one file on the site, and return the step with the file's address."""
        action = "resource_patch" if step.id else "resource_create"
        fields = {**step.fields, **({"id": step.id} if step.id else {"package_id": dataset_id})}
        result: dict[str, Any]
        if step.is_new_content:
            content = step.file.chunks() if step.content is None else [step.content]
            with closing(with_progress(content, step.name, int(step.fields["size"]))) as parts:
                result = self._site.upload(action, fields, step.file.path.rsplit("/", 1)[-1], parts)
        elif step.is_new_metadata:
            result = self._site.act(action, fields)
        else:
            return step
        return replace(step, url=result.get("url"))
