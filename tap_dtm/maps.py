"""Stream maps: what of them shapes the records, and which would make the tables wrong."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SETTINGS = ("stream_maps", "stream_map_config", "faker_config")


def shaping(config: Mapping[str, Any]) -> list[Any] | None:
    """Return what maps the records, to tell when it changes; None without stream maps.

    All maps count for every stream: globs and ``__else__`` concern streams that they do not name. The SDK empties
    its settings while it reads them, so this is a copy.
    """
    return copy.deepcopy([config.get(name) for name in _SETTINGS]) if config.get("stream_maps") else None


def check(config: Mapping[str, Any]) -> None:
    """Refuse filters.

    A filter decides about a row alone. When the row of a key passes no more, nothing is sent, and the row that
    was sent before would stay.

    Raises:
        DtmError: A stream map filters records.
    """
    for name, rules in (config.get("stream_maps") or {}).items():
        if isinstance(rules, dict) and "__filter__" in rules:
            raise DtmError(
                f"The setting stream_maps filters {name}: rows that pass the filter no more would stay in the tables. "
                "Choose with the settings countries, operations, start_date and end_date, or filter in a view."
            )
