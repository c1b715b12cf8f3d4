"""What a history adds of an operation: the rounds that are not as they were. Pure functions.

A table is rewritten from the first row to the last when an old round has changed, because the positions of the others
shift. A history would grow by all of them each time. So its bookmark has a digest of each round, and a run adds the
rounds that are new or different, with all their rows. The newest rows of a round replace all earlier ones.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Final

from tap_dtm.exact.round import Round
from tap_dtm.exact.rounds import NOTHING, chain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_dtm.api.rows import Row
    from tap_dtm.exact.rounds import Bookmark, Delivery

_LENGTH: Final = 12  # hexadecimal digits of a digest, which is only compared with that of the same round


def of_all(delivery: Delivery, rows: Sequence[Row], mark: Bookmark | None, *, emit_all: bool) -> Delivery:
    """Return what a history adds.

    Args:
        delivery: What a table is sent.
        rows: All rows of the operation in canonical order.
        mark: What the history has.
        emit_all: Add every round, even those that have not changed.
    """
    known = mark.rounds if mark else {}
    by_round = {each: list(own) for each, own in groupby(rows, key=Round.of)}
    digests = {each: chain(NOTHING, own)[:_LENGTH] for each, own in by_round.items()}
    added = [row for each, own in by_round.items() if emit_all or known.get(each) != digests[each] for row in own]
    return _adding(delivery, added, digests, tuple(each for each in known if each not in digests))


def of_new(delivery: Delivery, mark: Bookmark) -> Delivery:
    """Return what a history adds when a table is sent the rounds that are newer than all others."""
    digests = {each: chain(NOTHING, list(own))[:_LENGTH] for each, own in groupby(delivery.rows, key=Round.of)}
    return _adding(delivery, delivery.rows, {**mark.rounds, **digests}, ())


def _adding(
    delivery: Delivery, rows: Sequence[Row], digests: Mapping[Round, str], withdrawn: tuple[Round, ...]
) -> Delivery:
    bookmark = delivery.bookmark and replace(delivery.bookmark, rounds=digests)
    return replace(delivery, bookmark=bookmark, rows=rows, first=1, tombstones=range(0), withdrawn=withdrawn)
