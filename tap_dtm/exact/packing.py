"""Keys of a long list in few bytes: by country, because programs that join states join objects, and packed.

A state is written some hundred times in a run. 7,800 codes take 80 kB as they are, and 21 kB like this.
"""

from __future__ import annotations

import base64
import zlib
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_BETWEEN: Final = "\n"


def packed(keys: Iterable[tuple[str, ...]]) -> dict[str, str]:
    """Return keys of two parts, a country and a code without line breaks, as one text for each country."""
    codes: defaultdict[str, set[str]] = defaultdict(set)
    for country, code in keys:
        codes[country].add(code)
    return {country: _pack(each) for country, each in sorted(codes.items())}


def _pack(codes: Iterable[str]) -> str:
    return base64.b64encode(zlib.compress(_BETWEEN.join(sorted(codes)).encode(), 9)).decode()


def unpacked(keys: Any) -> list[tuple[str, ...]]:  # noqa: ANN401
    """Return the keys that a state holds, packed or as lists.

    Raises:
        ValueError: They were changed since.
    """
    if not isinstance(keys, dict):
        return [tuple(key) for key in keys]
    try:
        return [(country, code) for country, text in keys.items() for code in _unpack(text)]
    except zlib.error as error:
        raise ValueError("the keys were changed") from error


def _unpack(text: str) -> list[str]:
    return zlib.decompress(base64.b64decode(text, validate=True)).decode().split(_BETWEEN)
