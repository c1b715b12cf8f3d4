"""What has to be sent to a GitHub repository, given what is there already. Pure functions."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from frictionless_dtm.publish.descriptor import DESCRIPTOR, PAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from frictionless_dtm.publish.folder import File, Folder
    from frictionless_dtm.publish.github.answers import Tree


@dataclass(frozen=True)
class Plan:
    """One commit on top of ``parent``; paths are those in the repository.

    ``foreign`` are files, links and folders that this package has not put there and would replace.
    """

    parent: str
    base_tree: str
    changed: Mapping[str, File]
    added: frozenset[str]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]
    foreign: tuple[str, ...]
    is_public: bool

    @property
    def is_empty(self) -> bool:
        """Whether the repository has it all."""
        return not self.changed and not self.removed


def make_plan(  # noqa: PLR0913
    folder: Folder,
    prefix: str,
    there: Tree,
    descriptor: bytes | None,
    *,
    parent: str,
    base_tree: str,
    is_public: bool,
) -> Plan:
    """Compare a package with what is on the branch.

    Only what a descriptor of this package lists there is the package's: the rest is somebody's own work.

    Args:
        folder: The package.
        prefix: Where it goes: a folder with a slash at its end, or nothing.
        there: The files of the branch.
        descriptor: The ``datapackage.json`` that is there, if any.
        parent: The last commit.
        base_tree: The tree of the last commit.
        is_public: Whether everybody sees the repository.
    """
    files = there.files
    wanted = {prefix + file.path: file for file in folder.files}
    changed = {path: file for path, file in wanted.items() if files.get(path) != blob_id(file)}
    listed = {prefix + path for path in _listed(descriptor, folder.name)}
    documents = {path for path, file in wanted.items() if listed and not file.resource}
    return Plan(
        parent=parent,
        base_tree=base_tree,
        changed=changed,
        added=frozenset(changed.keys() - files.keys()),
        removed=tuple(sorted((listed & files.keys()) - wanted.keys())),
        unchanged=tuple(sorted(wanted.keys() - changed.keys())),
        foreign=tuple(sorted(there.in_the_way_of(changed) - listed - documents)),
        is_public=is_public,
    )


def commit_message(folder: Folder, plan: Plan) -> str:
    """Return what the commit says of itself."""
    count = len(plan.changed) - len(plan.added)
    what = f"{len(plan.added)} files added, {count} changed, {len(plan.removed)} removed"
    return f"{folder.name} {folder.version}\n\n{what}, by target-datapackage."


def blob_id(file: File) -> str:
    """Return the name that git gives to the content."""
    digest = hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False)
    for chunk in file.chunks():
        digest.update(chunk)
    return digest.hexdigest()


def _listed(descriptor: bytes | None, name: str) -> set[str]:
    """Return the paths that a descriptor accounts for; none if it is not one of this package."""
    try:
        package = json.loads(descriptor or b"null")
    except ValueError:
        return set()
    if not isinstance(package, dict) or package.get("name") != name:
        return set()
    resources = package.get("resources")
    paths = {
        resource["path"]
        for resource in (resources if isinstance(resources, list) else ())
        if isinstance(resource, dict) and isinstance(resource.get("path"), str)
    }
    return paths | {DESCRIPTOR, *PAGES}
