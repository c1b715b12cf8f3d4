"""Which rounds are new, revised or withdrawn: pure functions, no I/O.

The API has no change feed and its ``id`` is renumbered at every publication, so change is found by comparing
digests. Words used here:

* A *row* is one record of a stream: snake_case names, ``reporting_date`` as ``YYYY-MM-DD``.
* The *canonical order* of an operation's rows sorts them by round, then by everything else they hold.
  A row's *position* in it, counted from 1, is its key in the target: duplicates survive, ids play no part.
* A *round* is all rows of one (reporting_date, round_number, assessment_type).
* The *index* is the admin 0 answer of a country. It adds up to what lies below it, so it tells what changed.
* A *digest* is chained round by round: that of more rounds is computed from that of fewer and the new rows.

Whether a level agrees with the index is the business of ``selfcheck``.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from tap_dtm.exact.round import Round, sortable
from tap_dtm.exact.selfcheck import EMPTY_LEVEL, Contradiction

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tap_dtm.api.records import Row

_ORDER = (
    *Round._fields,
    "admin1_pcode",
    "admin1_name",
    "admin2_pcode",
    "admin2_name",
    "displacement_reason",
    "idp_origin_admin1_pcode",
    "idp_origin_admin1_name",
)

_round_fields = itemgetter(*Round._fields)
NOTHING = "0" * 16  # the digest of no rows
_encode = json.JSONEncoder(sort_keys=True).encode


@dataclass(frozen=True)
class Bookmark:
    """What one stream has delivered of one operation.

    ``digest`` is that of the index rows up to and including the newest round, ``content`` that of the delivered
    rows. ``rows`` positions are taken in the target. ``unindexed`` says that the level has rounds which the
    index lacks, ``contradiction`` that the level departs from the index. A bookmark of no round stands for an
    operation that is listed and has no rows. An unfinished one (no digests) stands while an operation is being
    delivered: whatever happens then, the next run reads the operation again and knows how many positions may be taken.
    """

    reporting_date: str | None = None
    round_number: int | None = None
    assessment_type: str | None = None
    digest: str = ""
    content: str = ""
    rows: int = 0
    unindexed: bool = False
    contradiction: Contradiction | None = None

    @property
    def is_doubted(self) -> bool:
        """Whether the level contradicts the index in a way that has not been seen often enough to be believed."""
        return self.contradiction is not None and not self.contradiction.is_believed

    @property
    def was_carried(self) -> bool:
        """Whether the level has, or had, rows of the operation."""
        return bool(self.rows) or (self.contradiction is not None and self.contradiction.digest != EMPTY_LEVEL)

    @property
    def newest(self) -> Round | None:
        """The newest round delivered; None where there is none."""
        if self.reporting_date is None:
            return None
        return Round(self.reporting_date, self.round_number, self.assessment_type)

    def to_state(self) -> dict[str, Any]:
        """Return the bookmark as it stands in the Singer state."""
        state: dict[str, Any] = {
            "reporting_date": self.reporting_date,
            "round_number": self.round_number,
            "assessment_type": self.assessment_type,
            "digest": self.digest,
            "content": self.content,
            "rows": self.rows,
        }
        if self.unindexed:
            state["unindexed"] = True
        if self.contradiction:
            state["contradiction"] = {"digest": self.contradiction.digest, "looks": self.contradiction.looks}
        return state

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Bookmark:
        """Read a bookmark from the Singer state, which has been checked."""
        values = {name: state[name] for name in cls.__dataclass_fields__ if name in state}
        if contradiction := values.get("contradiction"):
            values["contradiction"] = Contradiction(contradiction["digest"], contradiction["looks"])
        return cls(**values)


LISTED = Bookmark(digest=NOTHING, content=NOTHING)  # listed, without rows


class Need(enum.IntEnum):
    """What a level must be asked for one operation, from the cheapest to the dearest."""

    NOTHING = 0
    NEW_ROUNDS = 1
    AGAIN = 2  # the operation, although nothing has changed at admin 0
    OPERATION = 3
    COUNTRY = 4


class Change(enum.IntEnum):
    """What happened to an operation, for the log; the highest of its levels speaks for it."""

    UNCHANGED = 0
    NEW_ROUNDS = 1
    REVISED = 2
    NEW = 3
    WITHDRAWN = 4


@dataclass(frozen=True)
class Delivery:
    """What a stream emits for one operation, and its bookmark afterwards (None: forget the operation).

    ``rows`` take the positions from ``first`` on; the positions in ``tombstones`` are no longer taken, and ``removed``
    of them were until now.
    """

    operation: str
    change: Change
    bookmark: Bookmark | None
    rows: Sequence[Row] = ()
    first: int = 1
    tombstones: range = field(default=range(0))
    removed: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing is emitted."""
        return not self.rows and not self.tombstones

    @property
    def unfinished(self) -> Bookmark:
        """The bookmark to stand while this is being emitted."""
        return Bookmark(rows=max(self.first - 1 + len(self.rows), self.tombstones.stop - 1))


def canonical(rows: Iterable[Row]) -> list[Row]:
    """Sort rows of one operation and level into their canonical order, whatever order they came in."""
    rows = list(rows)
    if not rows:
        return rows
    rest = sorted(set(rows[0]).difference(_ORDER))
    names = [name for name in _ORDER if name in rows[0]] + rest
    return sorted(rows, key=lambda row: [sortable(row[name]) for name in names])


def by_operation(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Split rows of one country and level by operation, each in canonical order."""
    split: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        split[row["operation"]].append(row)
    return {operation: canonical(split[operation]) for operation in sorted(split)}


def fingerprint(*parts: object) -> str:
    """Return a digest of what shapes the records other than the API: fields, filters, maps."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def chain(digest: str, rows: Sequence[Row]) -> str:
    """Extend a digest by whole rounds, given in canonical order."""
    for _, round_rows in groupby(rows, key=_round_fields):
        sha = hashlib.sha256(digest.encode())
        for row in round_rows:
            sha.update(_encode(row).encode())
        digest = sha.hexdigest()[:16]
    return digest


def newer_than(rows: Sequence[Row], mark: Round | None) -> list[Row]:
    """Return the rows of rounds after a round; all rows when it is None."""
    return [row for row in rows if mark is None or Round.of(row).order > mark.order]


def need(index: Sequence[Row], bookmark: Bookmark | None) -> Need:
    """Decide what to ask a level for one operation.

    Args:
        index: The operation's index rows in canonical order; empty when the index lacks it.
        bookmark: What the level's stream delivered, None for an operation that is new to it.
    """
    # Only an unfiltered answer can tell a gap or a withdrawal from a filter that matches nothing.
    if bookmark is None:
        return Need.OPERATION if index else Need.COUNTRY
    new = newer_than(index, bookmark.newest)
    is_same = chain(NOTHING, index[: len(index) - len(new)]) == bookmark.digest
    if is_same and not new:
        if bookmark.is_doubted and not bookmark.rows:
            return Need.COUNTRY
        return Need.AGAIN if bookmark.unindexed or bookmark.is_doubted else Need.NOTHING
    if not index or not bookmark.rows:
        return Need.COUNTRY
    is_plain = not bookmark.unindexed and bookmark.contradiction is None
    return Need.NEW_ROUNDS if is_same and is_plain else Need.OPERATION


def _bookmark(
    index: Sequence[Row], level: Sequence[Row], content: str, rows: int, contradiction: Contradiction | None = None
) -> Bookmark:
    index_rounds = {Round.of(row) for row in index}
    shown = index or level
    date, number, assessment_type = Round.of(shown[-1]) if shown else (None, None, None)
    return Bookmark(
        reporting_date=date,
        round_number=number,
        assessment_type=assessment_type,
        digest=chain(NOTHING, index),
        content=content,
        rows=rows,
        unindexed=any(Round.of(row) not in index_rounds for row in level),
        contradiction=contradiction,
    )


def extend(operation: str, index: Sequence[Row], new_rows: Sequence[Row], bookmark: Bookmark) -> Delivery:
    """Deliver new rounds after those already delivered."""
    content = chain(bookmark.content, new_rows)
    after = _bookmark(index, new_rows, content, bookmark.rows + len(new_rows))
    return Delivery(operation, Change.NEW_ROUNDS, after, new_rows, first=bookmark.rows + 1)


def replace(  # noqa: PLR0913  what there was, what there is, and how to send it
    operation: str,
    index: Sequence[Row] | None,
    rows: Sequence[Row],
    bookmark: Bookmark | None,
    *,
    contradiction: Contradiction | None = None,
    emit_all: bool = False,
    highest: int = 0,
) -> Delivery:
    """Deliver all that a level has of an operation, as far as it differs from what was delivered.

    Args:
        operation: The operation's name.
        index: Its index rows in canonical order; None when nothing names the operation (any more). One that is
            listed without rows anywhere is remembered, so that it is not looked for again in every run.
        rows: All its rows at the level in canonical order; empty for a gap or a withdrawal.
        bookmark: What was delivered before.
        contradiction: How the rows depart from the index.
        emit_all: Emit every row, and a tombstone for every position that was ever taken, even where nothing differs.
        highest: The highest position that was ever taken.
    """
    taken = bookmark.rows if bookmark else 0
    removed = max(taken - len(rows), 0)
    surplus = range(len(rows) + 1, (max(taken, highest) if emit_all else taken) + 1)
    content = chain(NOTHING, rows)
    after = None
    if index is not None or rows:
        after = _bookmark(index or (), rows, content, len(rows), contradiction)
    if after is None or (surplus and not index and not rows):
        change = Change.WITHDRAWN if removed else Change.UNCHANGED
        return Delivery(operation, change, after, tombstones=surplus, removed=removed)
    if bookmark is None or not (bookmark.content or taken):
        change = Change.NEW if rows else Change.UNCHANGED
        return Delivery(operation, change, after, rows, tombstones=surplus)
    if bookmark.content == content:
        return Delivery(operation, Change.UNCHANGED, after, rows if emit_all else (), tombstones=surplus)
    is_longer = 0 < taken < len(rows) and chain(NOTHING, rows[:taken]) == bookmark.content
    if is_longer and Round.of(rows[taken - 1]) != Round.of(rows[taken]):
        kept = 0 if emit_all else taken
        return Delivery(operation, Change.NEW_ROUNDS, after, rows[kept:], first=kept + 1, tombstones=surplus)
    return Delivery(operation, Change.REVISED, after, rows, tombstones=surplus, removed=removed)
