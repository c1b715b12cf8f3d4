"""Sends a package to a GitHub repository, as one commit: all of it is there, or nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import requests

from frictionless_dtm.publish.site import Site, SiteError
from tap_dtm.errors import DtmAccessError, DtmError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from frictionless_dtm.publish.folder import File, Folder

TOKEN_VARIABLE: Final = "GITHUB_TOKEN"  # noqa: S105  the name of a variable
API: Final = "https://api.github.com"
LARGEST: Final = 100 * 1000 * 1000
"""What GitHub takes as one file, in bytes."""
_OURS: Final = "data/"
"""The part of the package's folder in which files that are no longer in the package are removed."""


@dataclass(frozen=True)
class Plan:
    """One commit on top of ``parent``; paths are those in the repository."""

    parent: str
    base_tree: str
    changed: Mapping[str, File]
    added: frozenset[str]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]
    is_public: bool

    @property
    def is_empty(self) -> bool:
        """Whether the repository has it all."""
        return not self.changed and not self.removed


class GithubPublisher:
    """Publishes one package into one folder of one branch.

    Args:
        site: GitHub's API.
        folder: The package.
        repository: ``owner/name``.
        branch: The branch, which must exist.
        subfolder: Where in the repository; the top when empty.
    """

    def __init__(self, site: Site, folder: Folder, repository: str, branch: str, subfolder: str = "") -> None:  # noqa: D107
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository, re.ASCII):
            raise DtmError(f"'{repository}' is no repository: write owner/name.")
        parts = [part for part in subfolder.split("/") if part]
        if {".", "..", ".git"} & set(parts):
            raise DtmError(f"'{subfolder}' is no folder of a repository.")
        self._site = site
        self._folder = folder
        self._repository = repository
        self._root = f"/repos/{repository}"
        self._branch = branch
        self._prefix = "".join(f"{part}/" for part in parts)

    def plan(self) -> Plan:
        """Return what there is to do. Asks GitHub what it has; changes nothing.

        Raises:
            DtmError: GitHub does not say, or a file is too large for it.
        """
        for file in self._folder.files:
            if file.size > LARGEST:
                raise DtmError(
                    f"{file.path} has {file.size} bytes, and GitHub takes {LARGEST}: publish csv.gz or a zip."
                )
        is_public = not self._get("", f"the repository {self._repository}").get("private", False)
        head = self._get(f"/git/ref/heads/{quote(self._branch)}", f"the branch {self._branch}")["object"]["sha"]
        base_tree = self._get(f"/git/commits/{head}", "the last commit")["tree"]["sha"]
        tree = self._get(f"/git/trees/{base_tree}?recursive=1", "the files of the branch")
        if tree.get("truncated"):
            raise DtmError(f"{self._repository} has more files than GitHub lists at once: use a smaller repository.")
        there = {entry["path"]: entry["sha"] for entry in tree["tree"] if entry["type"] == "blob"}
        wanted = {self._prefix + file.path: file for file in self._folder.files}
        changed = {path: file for path, file in wanted.items() if there.get(path) != _blob_id(file)}
        ours = [path for path in there if path.startswith(self._prefix + _OURS)]
        return Plan(
            parent=head,
            base_tree=base_tree,
            changed=changed,
            added=frozenset(changed.keys() - there.keys()),
            removed=tuple(sorted(path for path in ours if path not in wanted)),
            unchanged=tuple(sorted(wanted.keys() - changed.keys())),
            is_public=is_public,
        )

    def run(self, plan: Plan, say: Callable[[str], None]) -> str:
        """Do it, and return the address of the commit.

        Raises:
            DtmError: Something failed: the branch is as it was.
        """
        if not self._site.has_token:
            raise DtmAccessError(f"{self._site.host} wants a token: put yours into {TOKEN_VARIABLE}.")
        try:
            return self._commit(plan, say)
        except DtmError as error:
            kind = DtmAccessError if isinstance(error, DtmAccessError) else DtmError
            raise kind(f"{error} The branch {self._branch} is as it was; run the same command again.") from None

    def _commit(self, plan: Plan, say: Callable[[str], None]) -> str:
        entries: list[dict[str, Any]] = []
        for path, file in plan.changed.items():
            content = base64.b64encode(b"".join(file.chunks())).decode()
            blob = self._post("/git/blobs", {"content": content, "encoding": "base64"})
            entries.append({"path": path, "mode": "100644", "type": "blob", "sha": blob["sha"]})
            say(f"{path}: sent")
        entries += [{"path": path, "mode": "100644", "type": "blob", "sha": None} for path in plan.removed]
        tree = self._post("/git/trees", {"base_tree": plan.base_tree, "tree": entries})
        commit = self._post(
            "/git/commits",
            {"message": commit_message(self._folder, plan), "tree": tree["sha"], "parents": [plan.parent]},
        )
        try:
            self._send("PATCH", f"/git/refs/heads/{quote(self._branch)}", {"sha": commit["sha"], "force": False})
        except SiteError as error:
            if error.status == requests.codes.unprocessable_entity:
                raise DtmError("Somebody else has committed meanwhile.") from None
            raise
        return str(commit.get("html_url") or commit["sha"])

    def _get(self, path: str, what: str) -> dict[str, Any]:
        try:
            return _object(self._site.get(self._root + path), self._site.host)
        except SiteError as error:
            if error.status in {requests.codes.not_found, requests.codes.conflict}:
                hint = "" if self._site.has_token else f", or shows it only with a token in {TOKEN_VARIABLE}"
                raise DtmError(f"{self._site.host} has no {what.removeprefix('the ')}{hint}.") from None
            raise DtmError(_reason(error, self._site.host)) from None

    def _post(self, path: str, content: Mapping[str, Any]) -> dict[str, Any]:
        return self._send("POST", path, content)

    def _send(self, method: str, path: str, content: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return _object(self._site.send(method, self._root + path, content), self._site.host)
        except SiteError as error:
            raise SiteError(_reason(error, self._site.host), error.status, error.body) from None


def commit_message(folder: Folder, plan: Plan) -> str:
    """Return what the commit says of itself."""
    count = len(plan.changed) - len(plan.added)
    what = f"{len(plan.added)} files added, {count} changed, {len(plan.removed)} removed"
    return f"{folder.name} {folder.version}\n\n{what}, by target-datapackage."


def _blob_id(file: File) -> str:
    """Return the name that git gives to the content."""
    digest = hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False)
    for chunk in file.chunks():
        digest.update(chunk)
    return digest.hexdigest()


def _object(body: Any, host: str) -> dict[str, Any]:  # noqa: ANN401
    if not isinstance(body, dict):
        raise DtmError(f"{host} answers with something that is not GitHub's: check the address.")
    return body


def _reason(error: SiteError, host: str) -> str:
    said = error.body.get("message") if isinstance(error.body, dict) else None
    if error.status in {requests.codes.forbidden, requests.codes.not_found}:
        return f"{host} does not let this token write there ({said or error.status}): it needs 'Contents: write'."
    return f"{host} answers with HTTP {error.status}{f' ({said})' if said else ''}."
