"""Stream maps: what of them shapes the records, and which would make the tables wrong, whatever the rows are."""

from __future__ import annotations

import copy
import difflib
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any, Final

from tap_dtm.errors import DtmError
from tap_dtm.redaction import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from tap_dtm.singer.base import DtmStream

_SETTINGS = ("stream_maps", "stream_map_config", "faker_config")
_ELSE: Final = "__else__"
_KEY: Final = "__key_properties__"
_NULLS: Final = (None, "__NULL__")


def shaping(config: Mapping[str, Any]) -> list[Any] | None:
    """Return the settings that map the records, to detect a change; None without stream maps.

    All maps count for every stream: globs and ``__else__`` concern streams that they do not name. The SDK empties
    its settings while it reads them, so this is a copy.
    """
    return copy.deepcopy([config.get(name) for name in _SETTINGS]) if config.get("stream_maps") else None


def check_else(stream_maps: object) -> None:
    """Refuse what ``__else__`` cannot be: the SDK's own check of it fails with a traceback.

    Raises:
        DtmError: It is something else than null, for the other streams or for the other columns of one.
    """
    if not isinstance(stream_maps, dict):
        return
    for rules in (stream_maps, *stream_maps.values()):
        if isinstance(rules, dict) and rules.get(_ELSE) not in _NULLS:
            raise DtmError(f"The setting stream_maps has {_ELSE}: {quoted(rules[_ELSE], 100)}. Only null is possible.")


def check(config: Mapping[str, Any], streams: Mapping[str, DtmStream]) -> None:
    """Refuse maps that are wrong for some rows, even if not for the samples of ``projection``.

    A filter decides about a row alone. When a row no longer passes, nothing is sent, and the row that
    was sent before would remain. A key that is computed may be the same for two rows.

    Args:
        config: The settings, which the SDK has not read yet.
        streams: The streams by name.

    Raises:
        DtmError: A stream map names no stream of these, filters records, or computes or removes a key or a mark.
    """
    for name, rules in _maps(config.get("stream_maps")):
        matching = [streams[each] for each in streams if fnmatch(each, _source(name, rules))]
        if not matching:
            source = _source(name, rules)
            near = difflib.get_close_matches(source, streams, n=1) or streams
            raise DtmError(
                f"The setting stream_maps maps {quoted(source, 100)}, which is not a stream of this tap. "
                f"The nearest: {', '.join(near)}."
            )
        if isinstance(rules, dict):
            _check_rules(name, rules, {column for stream in matching for column in stream.fixed})


def _check_rules(name: str, rules: Mapping[str, Any], fixed: Collection[str]) -> None:
    if "__filter__" in rules:
        raise DtmError(
            f"The setting stream_maps filters {name}: rows that no longer pass would stay in the tables. "
            "Choose with the settings countries, operations, start_date and end_date, or filter in a view."
        )
    if _KEY in rules:
        raise DtmError(
            f"The setting stream_maps gives {name} another key: rows would overwrite each other, or arrive twice. "
            f"Remove {_KEY}."
        )
    for column, expression in rules.items():
        if isinstance(expression, str) and not expression.strip():
            raise DtmError(f"The setting stream_maps has no expression for {column} of {name}: write one, or null.")
        if column in fixed and expression != column:
            raise DtmError(
                f"The setting stream_maps changes or drops the column {column} of {name}. The tables would be wrong "
                "without it: leave it as it is. To have it in another form, map a column of another name."
            )


def _maps(stream_maps: Mapping[str, Any] | None) -> Iterator[tuple[str, Any]]:
    return ((name, rules) for name, rules in (stream_maps or {}).items() if name != _ELSE)


def _source(name: str, rules: object) -> str:
    return str(rules.get("__source__", name)) if isinstance(rules, dict) else name


def expressions(shaping: list[Any] | None, stream: str) -> dict[str, str]:
    """Return the expressions of all maps of a stream, by the columns that they compute."""
    return {
        column: expression
        for name, rules in _maps(shaping[0] if shaping else None)
        if isinstance(rules, dict) and fnmatch(stream, _source(name, rules))
        for column, expression in rules.items()
        if not column.startswith("__") and expression not in _NULLS
    }


def without_effect(shaping: list[Any] | None, selected: Iterable[str]) -> list[str]:
    """Return the streams that a map names, not as a pattern, and that are not among the selected ones."""
    named = (_source(name, rules) for name, rules in _maps(shaping[0] if shaping else None))
    return sorted({name for name in named if not set("*?[") & set(name)}.difference(selected))
