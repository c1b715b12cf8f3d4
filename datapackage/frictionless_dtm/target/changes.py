"""Finds the rounds that were added, revised or withdrawn since the previous package. Pure functions."""

from __future__ import annotations

import hashlib
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from frictionless_dtm.descriptor.contents import RoundChange

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from frictionless_dtm.target.rows import Values

RoundKey: TypeAlias = "tuple[str, str, str, int | None, str | None]"
ROUND: Final = ("admin0_pcode", "operation", "reporting_date", "round_number", "assessment_type")
_POSITION: Final = "row_number"
_lines: Final = msgspec.json.Encoder(decimal_format="number").encode_lines


class RoundDigests:
    """Computes a digest of each round of a stream from its rows in the order of the key.

    The position of a row is not part of the digest, because it shifts when an earlier round grows.
    """

    def __init__(self, names: Sequence[str]) -> None:  # noqa: D107
        self._round = itemgetter(*(names.index(name) for name in ROUND))
        self._rest = itemgetter(*(number for number, name in enumerate(names) if name != _POSITION))
        self._digests: dict[RoundKey, Any] = {}

    def add(self, rows: Iterable[Values]) -> None:
        """Add the next rows."""
        for key, group in groupby(rows, key=self._round):
            digest = self._digests.get(key)
            if digest is None:
                digest = self._digests[key] = hashlib.sha256()
            digest.update(_lines(list(map(self._rest, group))))

    @property
    def digests(self) -> dict[RoundKey, str]:
        """The digest of each round so far."""
        return {key: digest.hexdigest()[:16] for key, digest in self._digests.items()}


def compare(
    before: Mapping[str, Mapping[RoundKey, str]], after: Mapping[str, Mapping[RoundKey, str]]
) -> tuple[RoundChange, ...]:
    """Return the rounds whose digests differ at any level, sorted by country, operation, date, round and type."""
    old = {key for rounds in before.values() for key in rounds}
    new = {key for rounds in after.values() for key in rounds}
    changes = []
    for key in sorted(old | new, key=_order):
        if key not in old:
            kind = "added"
        elif key not in new:
            kind = "withdrawn"
        elif any(before.get(level, {}).get(key) != after.get(level, {}).get(key) for level in {*before, *after}):
            kind = "revised"
        else:
            continue
        changes.append(RoundChange(*key, kind=kind))
    return tuple(changes)


def _order(key: RoundKey) -> list[tuple[bool, str]]:
    return [(part is not None, f"{part:09d}" if isinstance(part, int) else part or "") for part in key]
