"""Sends a package to a GitHub repository, as one commit: all of it is there, or nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

import requests

from frictionless_dtm.publish.descriptor import DESCRIPTOR
from frictionless_dtm.publish.github.answers import Blob, Commit, Object, Ref, Repository, Tree, as_answer
from frictionless_dtm.publish.github.plan import Plan, commit_message, make_plan
from frictionless_dtm.publish.site import Site, SiteError
from tap_dtm.errors import DtmAccessError, DtmError
from tap_dtm.redaction import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from frictionless_dtm.publish.folder import File, Folder

_Answer = TypeVar("_Answer")

TOKEN_VARIABLE: Final = "GITHUB_TOKEN"  # noqa: S105  the name of a variable
API: Final = "https://api.github.com"
LARGEST: Final = 100 * 1000 * 1000
"""What GitHub takes as one file, in bytes."""


class GithubPublisher:
    """Publishes one package into one folder of one branch.

    Args:
        site: GitHub's API.
        folder: The package.
        repository: ``owner/name``.
        branch: The branch, which must exist.
        subfolder: Where in the repository; the top when empty.
        replace: Whether files of others may be replaced.
    """

    def __init__(  # noqa: D107, PLR0913
        self,
        site: Site,
        folder: Folder,
        repository: str,
        branch: str,
        subfolder: str = "",
        *,
        replace: bool = False,
    ) -> None:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository, re.ASCII) or {".", ".."} & set(repository.split("/")):
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
        self._replace = replace

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
        repository = self._get(Repository, "", f"the repository {self._repository}")
        head = self._get(Ref, f"/git/ref/heads/{quote(self._branch)}", f"the branch {self._branch}").object.sha
        base_tree = self._get(Commit, f"/git/commits/{head}", "the last commit").tree.sha
        there = self._get(Tree, f"/git/trees/{base_tree}?recursive=1", "the files of the branch")
        if there.truncated:
            raise DtmError(f"{self._repository} has more files than GitHub lists at once: use a smaller repository.")
        return make_plan(
            self._folder,
            self._prefix,
            there,
            self._content(there.files.get(self._prefix + DESCRIPTOR)),
            parent=head,
            base_tree=base_tree,
            is_public=not repository.private,
        )

    def check(self, plan: Plan) -> None:
        """Refuse to replace what is not the package's, unless told to.

        Raises:
            DtmError: There is such a file, and nobody said that it may go.
        """
        if plan.foreign and not self._replace:
            raise DtmError(
                f"{self._repository} has files that this package has not put there and would replace: "
                f"{', '.join(plan.foreign)}. Choose another place with --folder, or add --replace if they may go."
            )

    def run(self, plan: Plan, say: Callable[[str], None]) -> str:
        """Do it, and return the address of the commit.

        Raises:
            DtmError: Something failed; the message says whether the branch is as it was.
        """
        if not self._site.has_token:
            raise DtmAccessError(f"{self._site.host} wants a token: put yours into {TOKEN_VARIABLE}.")
        self.check(plan)
        try:
            commit = self._write(plan, say)
        except DtmError as error:
            raise _with(error, self._as_it_was) from None
        self._move(commit.sha)
        return commit.html_url or commit.sha

    @property
    def _as_it_was(self) -> str:
        return f"The branch {self._branch} is as it was; run the same command again."

    def _write(self, plan: Plan, say: Callable[[str], None]) -> Object:
        """Send all that the commit consists of. No branch has it yet."""
        entries: list[dict[str, Any]] = []
        for path, file in plan.changed.items():
            blob = self._blob(file)
            entries.append({"path": path, "mode": "100644", "type": "blob", "sha": blob.sha})
            say(f"{path}: sent")
        entries += [{"path": path, "mode": "100644", "type": "blob", "sha": None} for path in plan.removed]
        tree = self._post("/git/trees", {"base_tree": plan.base_tree, "tree": entries})
        message = commit_message(self._folder, plan)
        return self._post("/git/commits", {"message": message, "tree": tree.sha, "parents": [plan.parent]})

    def _move(self, commit: str) -> None:
        """Put the branch onto the commit."""
        path, content = f"{self._root}/git/refs/heads/{quote(self._branch)}", {"sha": commit, "force": False}
        try:
            self._site.send("PATCH", path, content)
        except DtmError as error:
            reason = _reason(error, self._site.host) if isinstance(error, SiteError) else str(error)
            if "fast forward" in reason:
                reason = "Somebody else has committed meanwhile."
            # Whoever refuses has done nothing; who breaks off may have.
            is_refused = isinstance(error, DtmAccessError) or (
                isinstance(error, SiteError) and error.status < requests.codes.internal_server_error
            )
            unknown = f"Whether the branch {self._branch} has the new commit is not known: run the same command again."
            raise _with(error, self._as_it_was if is_refused else unknown, reason) from None

    def _content(self, blob: str | None) -> bytes | None:
        return self._get(Blob, f"/git/blobs/{blob}", "the package's descriptor").bytes if blob else None

    def _get(self, shape: type[_Answer], path: str, what: str) -> _Answer:
        host = self._site.host
        try:
            return as_answer(self._site.get(self._root + path), shape, host)
        except SiteError as error:
            if error.status in {requests.codes.not_found, requests.codes.conflict}:
                hint = "" if self._site.has_token else f", or shows it only with a token in {TOKEN_VARIABLE}"
                raise DtmError(f"{host} has no {what.removeprefix('the ')}{hint}.") from None
            raise DtmError(_reason(error, host)) from None

    def _blob(self, file: File) -> Object:
        return self._made(lambda: self._site.send_base64(f"{self._root}/git/blobs", file.size, file.chunks()))

    def _post(self, path: str, content: Mapping[str, Any]) -> Object:
        return self._made(lambda: self._site.send("POST", self._root + path, content))

    def _made(self, ask: Callable[[], Any]) -> Object:
        try:
            return as_answer(ask(), Object, self._site.host)
        except SiteError as error:
            raise DtmError(_reason(error, self._site.host)) from None


def _with(error: DtmError, more: str, reason: str | None = None) -> DtmError:
    kind = DtmAccessError if isinstance(error, DtmAccessError) else DtmError
    return kind(f"{reason or error} {more}")


def _reason(error: SiteError, host: str) -> str:
    said = error.body.get("message") if isinstance(error.body, dict) else None
    if error.status in {requests.codes.forbidden, requests.codes.not_found} and "rate limit" not in str(said):
        return (
            f"{host} does not let this token write there ({quoted(said or error.status)}): it needs 'Contents: write'."
        )
    return f"{host} answers with HTTP {error.status}{f' ({quoted(said)})' if said else ''}."
