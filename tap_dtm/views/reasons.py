"""The class of a reason of displacement, as an expression in SQL, from the words in the catalogue."""

from __future__ import annotations

from functools import cache, reduce
from typing import TYPE_CHECKING

from tap_dtm.metadata.views import load_reason_classes

if TYPE_CHECKING:
    from collections.abc import Iterable


@cache
def reason_class() -> str:
    """Return the class of ``displacement_reason``.

    Most rows have one reason, spelled as in the catalogue except for case. These are looked up first, because to split
    a text takes ten times as long.
    """
    words = load_reason_classes()
    # Each part with two separators: `;conflict;;natural disaster;`.
    parts = "(';' || REPLACE($folded_reason, '; ', ';;') || ';')"
    known = (*words.conflict, *words.disaster, *words.not_reported)
    rest = reduce(lambda text, word: f"REPLACE({text}, ';{word};', '')", known, parts)
    conflict, disaster, other = _has(parts, words.conflict), _has(parts, words.disaster), f"{rest} <> ''"
    lower = "LOWER(displacement_reason)"
    return f"""CASE
    WHEN {lower} IN ({_listed(words.conflict)}) THEN 'conflict'
    WHEN {lower} IN ({_listed(words.disaster)}) THEN 'disaster'
    WHEN {lower} IN ({_listed(words.not_reported)}) OR $folded_reason IS NULL THEN 'not reported'
    WHEN {conflict} THEN CASE WHEN {disaster} OR {other} THEN 'mixed' ELSE 'conflict' END
    WHEN {disaster} THEN CASE WHEN {other} THEN 'mixed' ELSE 'disaster' END
    WHEN {other} THEN 'other'
    ELSE 'not reported'
  END"""


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _has(parts: str, words: Iterable[str]) -> str:
    return " OR ".join(f"{parts} LIKE '%;{word};%'" for word in words)
