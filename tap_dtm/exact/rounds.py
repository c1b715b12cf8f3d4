"""Which rounds are new, revised or withdrawn: pure functions, no I/O.

The API has no change feed and its ``id`` is renumbered at every publication, so change is found by comparing
digests. Words used here:

* A *row* is one record of a stream, a struct: see ``api.rows``.
* The *canonical order* of an operation's rows sorts them by round, then by everything else they hold.
  A row's *position* in it, counted from 1, is its key in the target: duplicates survive, ids play no part.
* A *round* is all rows of one (reporting_date, round_number, assessment_type).
* The *index* is the admin 0 answer of a country. It adds up to what lies below it, so it shows what changed.
* A *digest* is chained round by round: that of more rounds is computed from that of fewer and the new rows. Those of
  0.1.0 are shorter, and are compared with others like them.

Whether a level agrees with the index is the business of ``selfcheck``.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tap_dtm.api.rows import as_dict, columns
from tap_dtm.exact.round import Round, sortable
from tap_dtm.exact.selfcheck import EMPTY_LEVEL, Contradiction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tap_dtm.api.rows import Row

# Within a round; the columns that are not named here follow by their names.
_ORDER: Final = (
    "admin1_pcode",
    "admin1_name",
    "admin2_pcode",
    "admin2_name",
    "displacement_reason",
    "idp_origin_admin1_pcode",
    "idp_origin_admin1_name",
)
_LENGTH: Final = 20  # hexadecimal digits of a digest
_LENGTH_0_1_0: Final = 16
NOTHING: Final = "0" * _LENGTH  # the digest of no rows
_encode: Final = msgspec.json.Encoder().encode
_round_of: Final = attrgetter(*Round._fields)
_operation_and_round_of: Final = attrgetter("operation", *Round._fields)


@dataclass(frozen=True)
class Bookmark:
    """What one stream has delivered of one operation.

    ``digest`` is that of the index rows up to and including the newest round, ``content`` that of the delivered
    rows. ``rows`` positions are taken in the target. ``unindexed`` says that the level has rounds which the
    index lacks, ``contradiction`` that the level departs from the index. A bookmark of no round represents an
    operation that is listed and has no rows. An unfinished one (no digests) is in the state while an operation is being
    delivered: whatever happens then, the next run reads the operation again and knows how many positions may be taken.
    In a history, ``rounds`` has a digest of each round.
    """

    reporting_date: str | None = None
    round_number: int | None = None
    assessment_type: str | None = None
    digest: str = ""
    content: str = ""
    rows: int = 0
    unindexed: bool = False
    contradiction: Contradiction | None = None
    rounds: Mapping[Round, str] = field(default_factory=dict)

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
        """Return the bookmark as it is in the Singer state."""
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
        if self.rounds:
            state["rounds"] = [[*each, digest] for each, digest in self.rounds.items()]
        if self.contradiction:
            state["contradiction"] = {"digest": self.contradiction.digest, "looks": self.contradiction.looks}
        return state

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Bookmark:
        """Read a bookmark from the Singer state, which has been checked."""
        values = {name: state[name] for name in cls.__dataclass_fields__ if name in state}
        if contradiction := values.get("contradiction"):
            values["contradiction"] = Contradiction(contradiction["digest"], contradiction["looks"])
        if rounds := values.get("rounds"):
            values["rounds"] = {Round(*each): digest for *each, digest in rounds}
        values |= {name: NOTHING for name in ("digest", "content") if is_of_nothing(values[name])}
        return cls(**values)


def is_of_nothing(digest: str) -> bool:
    """Whether a digest is that of no rows, in whatever version."""
    return bool(digest) and not digest.strip("0")


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
    of them were until now. A history has no positions to give up: there, ``withdrawn`` names the rounds that are gone.
    ``is_announced`` says that the index, or the bookmark, called for a look at the operation: otherwise the change was
    found only because the level was read whole.
    """

    operation: str
    change: Change
    bookmark: Bookmark | None
    rows: Sequence[Row] = ()
    first: int = 1
    tombstones: range = field(default=range(0))
    removed: int = 0
    withdrawn: tuple[Round, ...] = ()
    is_announced: bool = True

    @property
    def is_empty(self) -> bool:
        """Whether nothing is emitted."""
        return not self.size

    @property
    def size(self) -> int:
        """The number of records that are emitted."""
        return len(self.rows) + len(self.tombstones) + len(self.withdrawn)

    @property
    def unfinished(self) -> Bookmark:
        """The bookmark to stand while this is being emitted."""
        return Bookmark(rows=max(self.first - 1 + len(self.rows), self.tombstones.stop - 1))


def canonical(rows: Iterable[Row]) -> list[Row]:
    """Sort rows of one operation and level into their canonical order, whatever order they came in."""
    return [row for same in by_operation(rows).values() for row in same]


def by_operation(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Split rows of one country and level by operation, each in canonical order."""
    by_round: defaultdict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        by_round[_operation_and_round_of(row)].append(row)
    split: defaultdict[str, list[Row]] = defaultdict(list)
    for key in sorted(by_round, key=lambda key: (key[0], Round(*key[1:]).order)):
        split[key[0]] += _sorted(by_round[key])
    return dict(split)


def _sorted(rows: list[Row]) -> list[Row]:
    """Sort rows of one round."""
    values_of = _values_of(columns(rows[0]))
    try:
        return sorted(rows, key=values_of)
    except TypeError:  # null is next to a value
        return sorted(rows, key=lambda row: tuple(map(sortable, values_of(row))))


@lru_cache
def _values_of(names: tuple[str, ...]) -> Callable[[Row], tuple[Any, ...]]:
    rest = sorted(set(names).difference(_ORDER, Round._fields))
    return attrgetter(*(name for name in _ORDER if name in names), *rest)


def fingerprint(*parts: object) -> str:
    """Return a digest of what shapes the records other than the API: fields, filters, maps."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def chain(digest: str, rows: Sequence[Row]) -> str:
    """Extend a digest by whole rounds, given in canonical order."""
    encoded = _encoded_as_0_1_0 if len(digest) == _LENGTH_0_1_0 else _encode
    for _, round_rows in groupby(rows, key=_round_of):
        digest = hashlib.sha256(digest.encode() + encoded(list(round_rows))).hexdigest()[: len(digest)]
    return digest


def _encoded_as_0_1_0(rows: Iterable[Row]) -> bytes:
    return "".join(json.dumps(as_dict(row), sort_keys=True) for row in rows).encode()


def is_digest_of(digest: str, rows: Sequence[Row]) -> bool:
    """Whether a digest is that of these rows, in the version that wrote it."""
    return bool(digest) and chain("0" * len(digest), rows) == digest


def newer_than(rows: Sequence[Row], mark: Round | None) -> list[Row]:
    """Return the rows of rounds after a round; all rows when it is None."""
    return [row for row in rows if mark is None or Round.of(row).order > mark.order]


def need(index: Sequence[Row], bookmark: Bookmark | None) -> Need:
    """Decide what to ask a level for one operation.

    Args:
        index: The operation's index rows in canonical order; empty when the index lacks it.
        bookmark: What the level's stream delivered, None for an operation that is new to it.
    """
    # Only an unfiltered answer distinguishes a gap or a withdrawal from a filter that matches nothing.
    if bookmark is None:
        return Need.OPERATION if index else Need.COUNTRY
    new = newer_than(index, bookmark.newest)
    is_same = is_digest_of(bookmark.digest, index[: len(index) - len(new)])
    if is_same and not new:
        if bookmark.is_doubted and not bookmark.rows:
            return Need.COUNTRY
        return Need.AGAIN if bookmark.unindexed or bookmark.is_doubted else Need.NOTHING
    if not index or not bookmark.rows:
        return Need.COUNTRY
    is_plain = not bookmark.unindexed and bookmark.contradiction is None
    return Need.NEW_ROUNDS if is_same and is_plain else Need.OPERATION
