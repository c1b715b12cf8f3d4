"""How much the tests try: what shows that all of it works, or everything (`make.py test --everything`)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from _pytest.mark import ParameterSet

VARIABLE = "DTM_TESTS"
EVERYTHING = os.environ.get(VARIABLE) == "everything"


def mostly(some: Collection[object], every: Iterable[object]) -> list[ParameterSet]:
    """Return all cases of a test. Only some of them are tried without --everything."""
    cases = [pytest.param(each, marks=() if each in some else pytest.mark.everything) for each in every]
    assert sum(not case.marks for case in cases) == len(some)
    return cases
