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
    """A number of bytes that several answers share. Safe to use from several threads."""

    def __init__(self, size: int) -> None:  # noqa: D107
        self.size = size
        self.changed = threading.Condition()
        self.shares: list[Share] = []  # of the answers that are being asked for, the oldest first

    @contextmanager
    def share(self) -> Iterator[Share]:
        """Give an answer a share, which has no bytes yet. At the end, its bytes are given back."""
        share = Share(self)
        with self.changed:
            self.shares.append(share)
        try:
            yield share
        finally:
            with self.changed:
                self.shares.remove(share)
                self.changed.notify_all()


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
        if size <= self.size:
            return
        if size > self._budget.size:
            raise OverBudget
        with self._budget.changed:
            shares = self._budget.shares
            while (missing := sum(each.size for each in shares) - self.size + size - self._budget.size) > 0:
                if self is not shares[0]:
                    raise GiveWay
                for share in reversed(shares[1:]):
                    if missing <= 0:
                        break
                    share.must_give_way = True
                    missing -= share.size
                self._budget.changed.wait()
            if self.must_give_way:
                raise GiveWay
            self.size = size

    def wait_for_turn(self) -> None:
        """Give all bytes back, and wait until no older answer is left. Then this answer need not give way again."""
        with self._budget.changed:
            self.size = 0
            self._budget.changed.notify_all()
            self._budget.changed.wait_for(lambda: self is self._budget.shares[0])
            self.must_give_way = False
