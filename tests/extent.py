"""How much the tests try: what shows that all of it works, or everything (`make.py test --everything`)."""

from __future__ import annotations

import os
from random import Random
from typing import TYPE_CHECKING, TypeVar

from tests.chance import CHANCE

if TYPE_CHECKING:
    from collections.abc import Sequence

VARIABLE = "DTM_TESTS"
EVERYTHING = os.environ.get(VARIABLE) == "everything"

_Case = TypeVar("_Case")


def some(cases: Sequence[_Case], few: int = 1) -> Sequence[_Case]:
    """Return all cases if everything is tried, and otherwise a few of them by chance."""
    return cases if EVERYTHING else Random(CHANCE).sample(cases, few)
