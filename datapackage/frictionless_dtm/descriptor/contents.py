"""What a data package is made of: the contract between the rooms of this package.

``target`` gathers rows and writes the data files with their descriptor; ``pages`` and ``quality`` read the files, and
never touch the store behind them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from frictionless_dtm.descriptor.shape import Shape
    from tap_dtm.metadata import Resource


@dataclass(frozen=True)
class RoundChange:
    """A round that differs from the package's previous version."""

    country: str
    operation: str
    reporting_date: str
    round_number: int | None
    assessment_type: str | None
    kind: str  # added, revised, withdrawn


@dataclass(frozen=True)
class ResourceChange:
    """A table that differs from the package's previous version, with the numbers of rows if they are known."""

    name: str
    kind: str  # added, changed, removed: the table
    added: int | None = None
    changed: int | None = None
    removed: int | None = None

    @property
    def is_of_rows(self) -> bool:
        """Whether it has other rows, and not the same rows in another form."""
        return self.kind != "changed" or (self.added, self.changed, self.removed) != (0, 0, 0)


@dataclass(frozen=True)
class Derived:
    """A table that is computed from the others: its columns, what it means, and its rows in order."""

    shape: Shape
    resource: Resource
    rows: Sequence[tuple[Any, ...]]


@dataclass(frozen=True)
class Contents:
    """A data package about to be finished.

    ``descriptor`` is the finished Data Package v2 descriptor (resources with bytes, hash and rows included),
    ``folder`` has its data files, ``scratch`` is a folder for temporary files, ``changes`` has the rounds that are new
    against the version before (None at first), ``others`` the tables that differ without a round that tells it.
    """

    descriptor: Mapping[str, Any]
    folder: Path
    scratch: Path
    changes: tuple[RoundChange, ...] | None = None
    history: tuple[str, ...] = field(default=())  # the CHANGELOG's earlier entries, newest first, as Markdown
    others: tuple[ResourceChange, ...] = ()
