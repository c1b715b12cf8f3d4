"""How much the tests try: what shows that all of it works, or everything (`make.py test --everything`)."""

from __future__ import annotations

import os
from random import Random
from typing import TYPE_CHECKING, TypeVar

import pytest

from tests.chance import CHANCE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from _pytest.mark import ParameterSet

VARIABLE = "DTM_TESTS"
EVERYTHING = os.environ.get(VARIABLE) == "everything"
TIMES = int(os.environ.get("DTM_HISTORIES", "1"))  # how many times as many random histories somebody asks for

_Case = TypeVar("_Case")


def mostly(some: Collection[object], every: Iterable[object]) -> list[ParameterSet]:
    """Return all cases of a test. Only some of them are tried without --everything."""
    cases = [pytest.param(each, marks=() if each in some else pytest.mark.everything) for each in every]
    assert sum(not case.marks for case in cases) == len(some)
    return cases


def sampled(cases: Sequence[_Case], few: int = 1) -> Sequence[_Case]:
    """Return all cases with --everything, and otherwise a few of them by chance."""
    return cases if EVERYTHING else Random(CHANCE).sample(cases, few)
