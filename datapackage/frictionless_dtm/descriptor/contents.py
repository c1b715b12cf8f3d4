"""The contents of a data package, which the rooms of this package pass to each other.

``target`` collects rows, and writes the data files and their descriptor. ``pages`` and ``quality`` read only these
files, never the store.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from frictionless_dtm.descriptor.shape import Shape
    from tap_dtm.metadata import Resource


RoundKey: TypeAlias = "tuple[str, str, str, int | None, str | None]"
ROUND: Final = ("admin0_pcode", "operation", "reporting_date", "round_number", "assessment_type")
"""The columns of a `RoundKey`, which identify a round."""


@dataclass(frozen=True)
class RoundChange:
    """A round that differs from the previous version of the package."""

    country: str
    operation: str
    reporting_date: str
    round_number: int | None
    assessment_type: str | None
    kind: str  # added, revised, withdrawn


@dataclass(frozen=True)
class ResourceChange:
    """A table that differs from the previous version of the package, with the numbers of rows if known."""

    name: str
    kind: str  # added, changed, removed: the table
    added: int | None = None
    changed: int | None = None
    removed: int | None = None


@dataclass(frozen=True)
class Derived:
    """A table that is computed from the others: its columns, what it means, and its rows in order."""

    shape: Shape
    resource: Resource
    rows: Sequence[tuple[Any, ...]]


@dataclass(frozen=True)
class Contents:
    """A data package before its pages are written.

    ``descriptor`` is the complete Data Package v2 descriptor. ``folder`` has the data files, and ``scratch`` is for
    temporary files. ``changes`` has the rounds that differ from the previous version (None in the first version), and
    ``others`` the tables that differ while none of their rounds does. Both are sorted.
    """

    descriptor: Mapping[str, Any]
    folder: Path
    scratch: Path
    changes: tuple[RoundChange, ...] | None = None
    history: tuple[str, ...] = field(default=())  # the CHANGELOG's earlier entries, newest first, as Markdown
    others: tuple[ResourceChange, ...] = ()
