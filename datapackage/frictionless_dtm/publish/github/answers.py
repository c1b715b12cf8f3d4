"""What GitHub's Git Data API answers, as far as publishing asks it. Pure functions."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, TypeVar

import msgspec

from frictionless_dtm.publish.shapes import as_shape

if TYPE_CHECKING:
    from collections.abc import Iterable

_Answer = TypeVar("_Answer")


class Object(msgspec.Struct, frozen=True):
    """What git knows by the hash of its content; ``html_url`` is its page, which commits have."""

    sha: str
    html_url: str | None = None


class Repository(msgspec.Struct, frozen=True):
    """A repository."""

    private: bool


class Ref(msgspec.Struct, frozen=True):
    """A branch, and the last commit of it."""

    object: Object


class Commit(msgspec.Struct, frozen=True):
    """A commit, and its files."""

    tree: Object


class Entry(msgspec.Struct, frozen=True):
    """A file or link (``blob``), a folder (``tree``) or another repository (``commit``) at a path."""

    path: str
    type: str
    sha: str


class Tree(msgspec.Struct, frozen=True):
    """All files of a commit, but for those that GitHub does not list."""

    tree: tuple[Entry, ...]
    truncated: bool = False

    @property
    def files(self) -> dict[str, str]:
        """The hash of each file, by its path."""
        return {entry.path: entry.sha for entry in self.tree if entry.type == "blob"}

    def in_the_way_of(self, paths: Iterable[str]) -> set[str]:
        """Return what files at these paths would replace: the file there, a folder, or a file for a folder."""
        wanted = set(paths)
        folders = {path[:end] for path in wanted for end, letter in enumerate(path) if letter == "/"}
        return {
            entry.path
            for entry in self.tree
            if entry.path in wanted or (entry.type != "tree" and entry.path in folders)
        }


class Blob(msgspec.Struct, frozen=True):
    """The content of a file."""

    content: str
    encoding: str = "base64"

    @property
    def bytes(self) -> bytes | None:
        """The content, None when it is not in the answer."""
        try:
            return base64.b64decode(self.content) if self.encoding == "base64" else None
        except binascii.Error:
            return None


def as_answer(body: object, shape: type[_Answer], host: str) -> _Answer:
    """Return an answer in its form.

    Raises:
        DtmError: It is no answer of GitHub's.
    """
    return as_shape(body, shape, f"What {host} answers is not an answer of GitHub's API: check the address")
