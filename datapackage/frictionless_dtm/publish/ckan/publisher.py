"""Sends a package to a CKAN site: files first, and what the dataset says of itself when all of them are there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import requests

from frictionless_dtm.publish.ckan.answers import result_of
from frictionless_dtm.publish.ckan.metadata import dataset_fields, file_kind
from frictionless_dtm.publish.ckan.plan import Plan, Step, descriptor_fields, make_plan, site_descriptor
from frictionless_dtm.publish.descriptor import DESCRIPTOR
from frictionless_dtm.publish.site import Site, SiteError
from frictionless_dtm.publish.upload import Upload
from tap_dtm.errors import DtmAccessError, DtmError
from tap_dtm.redaction import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from frictionless_dtm.publish.ckan.metadata import Target
    from frictionless_dtm.publish.folder import Folder

TOKEN_VARIABLE: Final = "CKAN_API_TOKEN"  # noqa: S105  the name of a variable
_API: Final = "/api/3/action/"


class CkanPublisher:
    """Publishes one package as one dataset.

    Args:
        site: The CKAN site.
        folder: The package.
        target: Where it goes.
        prune: Whether resources of the dataset that are no part of the package are removed.
    """

    def __init__(self, site: Site, folder: Folder, target: Target, *, prune: bool = False) -> None:  # noqa: D107
        self._site = site
        self._folder = folder
        self._target = target
        self._prune = prune
        self._done: list[str] = []

    def plan(self) -> Plan:
        """Return what there is to do. Asks the site what it has; changes nothing.

        Raises:
            DtmError: The site does not say.
        """
        fields = dataset_fields(self._folder, self._target)
        return make_plan(self._folder, fields, self._existing(), public=self._target.public)

    def run(self, plan: Plan, say: Callable[[str], None]) -> str:
        """Do it, and return the address of the dataset.

        Raises:
            DtmError: Something failed; the message says what is published and what is not.
        """
        if not self._site.has_token:
            raise DtmAccessError(f"{self._site.host} wants a token: put yours into {TOKEN_VARIABLE}.")
        try:
            self._publish(plan, say)
        except DtmError as error:
            kind = DtmAccessError if isinstance(error, DtmAccessError) else DtmError
            raise kind(f"{error} {self._progress(plan)}") from None
        return f"{self._site.url}/dataset/{self._target.dataset}"

    def _publish(self, plan: Plan, say: Callable[[str], None]) -> None:
        dataset_id = plan.dataset_id
        if dataset_id is None:
            # Nobody but the organisation sees it before it is whole.
            dataset_id = str(self._act("package_create", {**plan.fields, "private": True})["id"])
            say(f"created the dataset {self._target.dataset}, private until it is whole")
        there: list[Step] = []
        for step in plan.steps:
            settled, upload = self._settle(step, there)
            there.append(self._send(settled, upload, dataset_id))
            self._done.append(step.name)
            say(f"{step.name}: {settled.word}")
        for name, resource_id in plan.surplus.items() if self._prune else ():
            self._act("resource_delete", {"id": resource_id})
            say(f"removed {name}")
        if plan.is_new_metadata:
            self._act("package_patch", {"id": dataset_id, **plan.fields, "private": plan.private})
            say(f"version {self._folder.version}, {'private' if plan.private else 'public'}")

    def _settle(self, step: Step, there: list[Step]) -> tuple[Step, Upload]:
        """Return what to send: for the descriptor, now that all files have addresses on the site."""
        media_type = file_kind(step.file.path)[1]
        if step.file.path != DESCRIPTOR:
            return step, Upload.of_file(step.file, media_type)
        content = site_descriptor(self._folder, there)
        fields = descriptor_fields(self._folder, content)
        settled = replace(step, fields=fields, is_new_content=step.is_new_content or fields != step.fields)
        return settled, Upload.of_bytes(DESCRIPTOR, media_type, content)

    def _send(self, step: Step, upload: Upload, dataset_id: str) -> Step:
        """Bring one file up to date; return the step with the file's address."""
        if step.id is None:
            result = self._upload("resource_create", {**step.fields, "package_id": dataset_id}, upload)
        elif step.is_new_content:
            result = self._upload("resource_patch", {**step.fields, "id": step.id}, upload)
        elif step.is_new_metadata:
            result = self._act("resource_patch", {**step.fields, "id": step.id})
        else:
            return step
        return replace(step, url=result.get("url"))

    def _existing(self) -> dict[str, Any] | None:
        try:
            existing = self._act("package_show", {"id": self._target.dataset})
        except SiteError as error:
            if error.status == requests.codes.not_found and _is_ckan(error.body):
                return None
            raise
        if existing.get("state") == "deleted":
            raise DtmError(
                f"The dataset {self._target.dataset} was deleted on {self._site.host}, where nobody would see it: have "
                "it restored or purged there, or choose another name with --dataset."
            )
        return existing

    def _act(self, action: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        if action.endswith("_show"):
            return self._result(action, lambda: self._site.get(_API + action, {"id": str(fields["id"])}))
        return self._result(action, lambda: self._site.send("POST", _API + action, fields))

    def _upload(self, action: str, fields: Mapping[str, str], upload: Upload) -> dict[str, Any]:
        return self._result(action, lambda: self._site.upload(_API + action, fields, upload))

    def _result(self, action: str, ask: Callable[[], Any]) -> dict[str, Any]:
        try:
            body = ask()
        except SiteError as error:
            raise SiteError(_reason(error, self._site.host, action), error.status, error.body) from None
        return result_of(action, body, self._site.host)

    def _progress(self, plan: Plan) -> str:
        return (
            f"Up to date on the site: {', '.join(self._done) or 'no file'} ({len(self._done)} of {len(plan.steps)} "
            "files); the rest is not. Run the same command again to go on from there."
        )


def _is_ckan(body: Any) -> bool:  # noqa: ANN401
    return isinstance(body, dict) and body.get("success") is False


def _reason(error: SiteError, host: str, action: str) -> str:
    """Say in one sentence what CKAN says of a failure in a form of its own for each kind."""
    reasons = error.body.get("error") if _is_ckan(error.body) else None
    if error.status == requests.codes.forbidden:
        said = reasons.get("message") if isinstance(reasons, dict) else None
        why = quoted(said or "no reason given")
        return f"{host} does not let this token do {action} ({why}): ask for an editor's role."
    if isinstance(reasons, dict):
        texts = [
            f"{name}: {'; '.join(map(str, said)) if isinstance(said, list) else said}"
            for name, said in reasons.items()
            if name != "__type"
        ]
        return f"{host} refuses {action}: {quoted(', '.join(texts).rstrip('.'))}."
    return f"{host} answers {action} with HTTP {error.status}{f' ({quoted(reasons)})' if reasons else ''}."
