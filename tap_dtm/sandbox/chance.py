"""Chance that repeats: a generator for every purpose, drawn from what names the purpose."""

from __future__ import annotations

import random


def chance(*parts: object) -> random.Random:
    """Return the generator that belongs to these parts; the same parts give the same draws."""
    return random.Random("/".join(map(str, parts)))  # noqa: S311 - invention, not cryptography
