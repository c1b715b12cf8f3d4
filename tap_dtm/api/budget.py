"""The memory that answers may take together while they arrive.

Answers share the memory freely as long as all of them fit. When they no longer fit, they take turns: the oldest request
continues, and the newest one gives up its memory and is repeated later. So every answer that fits into the budget by
itself arrives.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class OverBudget(Exception):  # noqa: N818
    """One answer alone is larger than the budget."""


class GiveWay(Exception):  # noqa: N818
    """Older answers need the memory: ask again after ``Share.wait_for_turn``."""


class Budget:
    """A number of bytes that several answers share. Safe to use from several threads.

    Args:
        size: The bytes that all answers may take together.
    """

    def __init__(self, size: int) -> None:  # noqa: D107
        self.size = size
        self._changed = threading.Condition()
        self._shares: list[Share] = []  # of the answers that are being asked for, the oldest first

    @contextmanager
    def share(self) -> Iterator[Share]:
        """Give an answer a share, which has no bytes yet. At the end, its bytes are given back."""
        share = Share(self)
        with self._changed:
            self._shares.append(share)
        try:
            yield share
        finally:
            with self._changed:
                self._shares.remove(share)
                self._changed.notify_all()

    def grow(self, share: Share, size: int) -> None:
        """Let a share grow to a number of bytes, as soon as there is room."""
        if size > self.size:
            raise OverBudget
        with self._changed:
            while (missing := sum(each.size for each in self._shares) - share.size + size - self.size) > 0:
                if share is not self._shares[0]:
                    raise GiveWay
                self._ask_to_give_way(missing)
                self._changed.wait()
            if share.must_give_way:
                raise GiveWay
            share.size = size

    def wait_for_turn(self, share: Share) -> None:
        """Take a share's bytes back, and wait until no older answer is left."""
        with self._changed:
            share.size = 0
            self._changed.notify_all()
            self._changed.wait_for(lambda: share is self._shares[0])
            share.must_give_way = False

    def _ask_to_give_way(self, missing: int) -> None:
        for share in reversed(self._shares[1:]):
            if missing <= 0:
                break
            share.must_give_way = True
            missing -= share.size


class Share:
    """The part of a budget that one answer has: ``size``, in bytes."""

    def __init__(self, budget: Budget) -> None:  # noqa: D107
        self._budget = budget
        self.size = 0
        self.must_give_way = False

    def grow(self, size: int) -> None:
        """Grow to at least that many bytes. Wait until there is room.

        Raises:
            OverBudget: The budget is smaller.
            GiveWay: Older answers need the memory.
        """
        if size > self.size:
            self._budget.grow(self, size)

    def wait_for_turn(self) -> None:
        """Give all bytes back, and wait until no older answer is left. Then this answer need not give way again."""
        self._budget.wait_for_turn(self)
