"""What one stream emits for one country: pure functions that hold a level against the index and the bookmarks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tap_dtm.exact import rounds, selfcheck, versions
from tap_dtm.exact.round import Round
from tap_dtm.exact.rounds import NOTHING, Bookmark, Change, Delivery, chain
from tap_dtm.exact.selfcheck import compare

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tap_dtm.api.rows import Row
    from tap_dtm.exact.selfcheck import Comparison, Contradiction


@dataclass(frozen=True)
class Doubt:
    """A level contradicts the index in one operation, and that has not been seen often enough to be believed."""

    operation: str
    comparison: Comparison
    contradiction: Contradiction | None
    is_new: bool = False
    is_silence: bool = False
    """Whether the level has no rows at all and never had any; ``contradiction`` is None once that is believed."""

    @property
    def may_be_a_race(self) -> bool:
        """Whether DTM may have published between the index and the level, rather than not yet published the level."""
        return self.is_new and any(each.level_sum is not None for each in self.comparison.disagreements)


@dataclass(frozen=True)
class Delivered:
    """What one stream has delivered of a level of a country, and how it delivers now.

    ``highest`` is the highest position of each operation that was ever taken, where it is no longer. ``emit_all``
    says that every row is emitted, and a tombstone for every such position, even where nothing differs. ``by_round``
    says that it is a history.
    """

    bookmarks: Mapping[str, Bookmark]
    highest: Mapping[str, int] = field(default_factory=dict)
    emit_all: bool = False
    by_round: bool = False

    def extended(self, operation: str, index: Sequence[Row], new_rows: Sequence[Row], mark: Bookmark) -> Delivery:
        """Deliver new rounds after those already delivered."""
        content = chain(mark.content, new_rows)
        after = _bookmark(index, new_rows, content, mark.rows + len(new_rows))
        delivery = Delivery(operation, Change.NEW_ROUNDS, after, new_rows, first=mark.rows + 1)
        return versions.of_new(delivery, mark) if self.by_round else delivery

    def replaced(
        self, operation: str, index: Sequence[Row] | None, rows: Sequence[Row], contradiction: Contradiction | None
    ) -> Delivery:
        """Deliver all that the level has of an operation, as far as it differs from what was delivered.

        Args:
            operation: The operation's name.
            index: Its index rows in canonical order; None when nothing names the operation (any more). One that is
                listed without rows anywhere is remembered, so that it is not looked for again in every run.
            rows: All its rows at the level in canonical order; empty for a gap or a withdrawal.
            contradiction: How the rows depart from the index.
        """
        mark = self.bookmarks.get(operation)
        delivery = self._replacement(operation, index, rows, contradiction)
        if self.by_round:
            delivery = versions.of_all(delivery, rows, mark, emit_all=self.emit_all)
        if delivery.is_empty or self.emit_all:
            return delivery
        is_unheard_of = index is None and mark is None
        return replace(delivery, is_announced=not is_unheard_of and bool(rounds.need(index or (), mark)))

    def _replacement(
        self, operation: str, index: Sequence[Row] | None, rows: Sequence[Row], contradiction: Contradiction | None
    ) -> Delivery:
        mark = self.bookmarks.get(operation)
        taken = mark.rows if mark else 0
        removed = max(taken - len(rows), 0)
        surplus = range(len(rows) + 1, (max(taken, self.highest.get(operation, 0)) if self.emit_all else taken) + 1)
        content = chain(NOTHING, rows)
        after = None
        if index is not None or rows:
            after = _bookmark(index or (), rows, content, len(rows), contradiction)
        if after is None or (surplus and not index and not rows):
            change = Change.WITHDRAWN if removed else Change.UNCHANGED
            return Delivery(operation, change, after, tombstones=surplus, removed=removed)
        if mark is None or not (mark.content or taken):
            change = Change.NEW if rows else Change.UNCHANGED
            return Delivery(operation, change, after, rows, tombstones=surplus)
        if mark.content == content or rounds.is_digest_of(mark.content, rows):
            return Delivery(operation, Change.UNCHANGED, after, rows if self.emit_all else (), tombstones=surplus)
        is_longer = 0 < taken < len(rows) and rounds.is_digest_of(mark.content, rows[:taken])
        if is_longer and Round.of(rows[taken - 1]) != Round.of(rows[taken]):
            kept = 0 if self.emit_all else taken
            return Delivery(operation, Change.NEW_ROUNDS, after, rows[kept:], first=kept + 1, tombstones=surplus)
        return Delivery(operation, Change.REVISED, after, rows, tombstones=surplus, removed=removed)

    def rows(self, *, of_index: bool = False) -> int:
        """Return how many rows were delivered; or how many of the operations whose rounds the index has."""
        return sum(mark.rows for mark in self.bookmarks.values() if not (of_index and mark.unindexed))


def most_rows(streams: Iterable[Delivered], *, of_index: bool = False) -> int:
    """Return how many rows of a level were delivered to the stream that has had most of them."""
    return max((each.rows(of_index=of_index) for each in streams), default=0)


def _bookmark(
    index: Sequence[Row], level: Sequence[Row], content: str, rows: int, contradiction: Contradiction | None = None
) -> Bookmark:
    shown = index or level
    date, number, assessment_type = Round.of(shown[-1]) if shown else (None, None, None)
    return Bookmark(
        reporting_date=date,
        round_number=number,
        assessment_type=assessment_type,
        digest=chain(NOTHING, index),
        content=content,
        rows=rows,
        unindexed=not set(map(Round.of, level)) <= set(map(Round.of, index)),
        contradiction=contradiction,
    )


@dataclass
class LevelChanges:
    """What a stream emits for a country, and its bookmarks afterwards.

    ``in_parts`` says that there was no answer for the whole country; ``kept`` names the operations that are
    unknown because of that.
    """

    deliveries: list[Delivery] = field(default_factory=list)
    bookmarks: dict[str, Bookmark] = field(default_factory=dict)
    doubts: list[Doubt] = field(default_factory=list)
    in_parts: bool = False
    kept: list[str] = field(default_factory=list)

    def add(self, delivery: Delivery) -> None:
        """Add what is delivered of one operation."""
        self.deliveries.append(delivery)
        if delivery.bookmark:
            self.bookmarks[delivery.operation] = delivery.bookmark
        else:
            self.bookmarks.pop(delivery.operation, None)

    def look(self, operation: str, comparison: Comparison, mark: Bookmark | None) -> Contradiction | None:
        """Weigh what a look at a level found against what earlier runs saw; return it for the bookmark."""
        known = mark.contradiction if mark else None
        seen = selfcheck.seen(comparison, known)
        is_new = seen is not None and not is_known(comparison, mark)
        if seen and (is_new or (known and not known.is_believed)):
            self.doubts.append(Doubt(operation, comparison, seen, is_new))
        return seen

    def look_at_nothing(self, operation: str, comparison: Comparison, mark: Bookmark | None) -> Contradiction | None:
        """Do the same for a level that answers with no rows at all, and never had any."""
        seen = selfcheck.seen_empty(mark.contradiction if mark else None)
        self.doubts.append(Doubt(operation, comparison, seen, is_silence=True))
        return seen

    @property
    def size(self) -> int:
        """The number of records that are emitted."""
        return sum(delivery.size for delivery in self.deliveries)

    @property
    def rows(self) -> int:
        """The number of rows among them."""
        return sum(len(delivery.rows) for delivery in self.deliveries)

    @property
    def is_complete(self) -> bool:
        """Whether every operation that has rows in the target was read."""
        return not any(self.bookmarks[name].rows for name in self.kept if name in self.bookmarks)


def is_known(comparison: Comparison, mark: Bookmark | None) -> bool:
    """Whether a level agrees with the index, or contradicts it just as it did before."""
    known = mark.contradiction if mark else None
    return not comparison or (known is not None and known.digest == comparison.digest)


def settle(
    delivered: Delivered,
    index: Mapping[str, Sequence[Row]],
    rows: Mapping[str, Sequence[Row]],
    *,
    is_index: bool = False,
    is_silent: bool = False,
) -> LevelChanges:
    """Compare all that a level has with all that was delivered of it.

    Args:
        delivered: What was delivered, and how to deliver.
        index: The index rows by operation, in canonical order.
        rows: The level's rows by operation, in canonical order.
        is_index: Whether the level is the index itself.
        is_silent: Whether the level answered with no rows at all, even before the filters of the settings.
    """
    changes = LevelChanges()
    marks = delivered.bookmarks
    # Whether nothing is known of any operation that the index has: no rows, and not that there are none.
    is_unknown = is_silent and not any(
        mark.was_carried or (mark.contradiction is None and mark.digest not in {"", NOTHING}) for mark in marks.values()
    )
    is_odd = is_silent and any(index.values())  # there are people in the country, and none at this level
    forgotten = delivered.highest.keys() if delivered.emit_all else frozenset[str]()
    for name in sorted(index.keys() | rows.keys() | marks.keys() | forgotten):
        mark, found, contradiction = marks.get(name), rows.get(name, ()), None
        listed = index.get(name)
        comparison = selfcheck.Comparison() if is_index else compare(listed or (), found)
        if is_odd and not listed and mark and mark.was_carried:
            # No sum at admin 0 contradicts it, and a withdrawal from a single odd answer would not be looked at again.
            contradiction, listed = changes.look_at_nothing(name, comparison, None), ()
        elif found or (mark and mark.was_carried):
            contradiction = changes.look(name, comparison, mark)
        elif comparison and is_unknown:
            contradiction = changes.look_at_nothing(name, comparison, mark)
        # Otherwise a round that this level has never had, of an operation that it has never carried: a gap.
        changes.add(delivered.replaced(name, listed, found, contradiction))
    return changes


def highest_positions(before: Delivered, after: LevelChanges) -> dict[str, int]:
    """Return the highest position that each operation has ever taken, of those that take fewer by now."""
    highest = dict(before.highest)
    for name, mark in before.bookmarks.items():
        highest[name] = max(mark.rows, highest.get(name, 0))
    taken = {name: mark.rows for name, mark in after.bookmarks.items()}
    return {name: position for name, position in sorted(highest.items()) if position > taken.get(name, 0)}
