"""Long lists in few bytes, because a state is written some hundred times in a run.

The keys of a list are packed by country, because programs that join states join objects. 7,800 codes take 80 kB as they
are, and 21 kB like this.
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
    return {country: pack(_BETWEEN.join(sorted(each))) for country, each in sorted(codes.items())}


def unpacked(keys: Any) -> list[tuple[str, ...]]:  # noqa: ANN401
    """Return the keys that a state holds, packed or as lists.

    Raises:
        ValueError: They were changed since.
    """
    if not isinstance(keys, dict):
        return [tuple(key) for key in keys]
    return [(country, code) for country, text in keys.items() for code in unpack(text).split(_BETWEEN)]


def pack(text: str) -> str:
    """Return a text in few characters of ASCII."""
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def unpack(packed_text: str) -> str:
    """Return a text that was packed.

    Raises:
        ValueError: It was changed since.
    """
    try:
        return zlib.decompress(base64.b64decode(packed_text, validate=True)).decode()
    except zlib.error as error:
        raise ValueError("a packed text was changed") from error
