"""What a data package is made of: the contract between the rooms of this package.

``target`` gathers rows; ``descriptor`` and ``writer`` make the descriptor and the data files of them; ``pages``
and ``quality`` read the result through this module and never touch the store behind it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Row: TypeAlias = "dict[str, Any]"


@dataclass(frozen=True)
class Table:
    """The rows of one resource, in canonical order, without bookkeeping columns, read as often as needed.

    Values are what the stream carries: str, int, float, bool, None; dates as ``YYYY-MM-DD``.
    """

    name: str
    rows: Callable[[], Iterator[Row]]
    count: int


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
class Contents:
    """A data package about to be written.

    ``descriptor`` is the finished Data Package v2 descriptor (resources with bytes, hash and rows included),
    ``tables`` its data by resource name (a resource that is another's data in another format, ``dtm:sameDataAs``, has
    no table of its own), ``changes`` the rounds that are new against the version before (None at
    first), ``others`` the tables that differ without a round that tells it.
    """

    descriptor: Mapping[str, Any]
    tables: Mapping[str, Table]
    changes: tuple[RoundChange, ...] | None = None
    history: tuple[str, ...] = field(default=())  # the CHANGELOG's earlier entries, newest first, as Markdown
    others: tuple[ResourceChange, ...] = ()
