"""Stream maps: what of them shapes the records, and which would make the tables wrong."""

from __future__ import annotations

import copy
import difflib
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any, Final

from tap_dtm.errors import DtmError
from tap_dtm.redaction import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tap_dtm.base import DtmStream
    from tap_dtm.metadata import Field

_SETTINGS = ("stream_maps", "stream_map_config", "faker_config")
_ELSE: Final = "__else__"
_SAMPLES: Final = {"integer": 7, "date": "2024-01-31", "datetime": "2024-01-31T00:00:00+00:00"}


def shaping(config: Mapping[str, Any]) -> list[Any] | None:
    """Return what maps the records, to tell when it changes; None without stream maps.

    All maps count for every stream: globs and ``__else__`` concern streams that they do not name. The SDK empties
    its settings while it reads them, so this is a copy.
    """
    return copy.deepcopy([config.get(name) for name in _SETTINGS]) if config.get("stream_maps") else None


def check(config: Mapping[str, Any], streams: Collection[str]) -> None:
    """Refuse maps of streams that do not exist, and filters.

    A filter decides about a row alone. When a row no longer passes, nothing is sent, and the row that
    was sent before would remain.

    Raises:
        DtmError: A stream map names no stream of these, or filters records.
    """
    for name, rules in (config.get("stream_maps") or {}).items():
        source = rules.get("__source__", name) if isinstance(rules, dict) else name
        if name != _ELSE and not any(fnmatch(stream, str(source)) for stream in streams):
            near = difflib.get_close_matches(str(source), streams, n=1) or streams
            raise DtmError(
                f"The setting stream_maps maps {quoted(source, 100)}, which is not a stream of this tap. "
                f"The nearest: {', '.join(near)}."
            )
        if isinstance(rules, dict) and "__filter__" in rules:
            raise DtmError(
                f"The setting stream_maps filters {name}: rows that no longer pass would stay in the tables. "
                "Choose with the settings countries, operations, start_date and end_date, or filter in a view."
            )


def check_projection(stream: DtmStream, mark: str) -> None:
    """Send three samples through a stream's selection, maps and flattening, and see what arrives.

    Args:
        stream: A selected stream.
        mark: The column that marks deleted rows.

    Raises:
        DtmError: A key or the mark of deleted rows does not arrive as it is, or a map fails on rows that will come.
    """
    fields = stream.resource.fields_for(stream.api_version)
    row = {field.name: _sample(field) for field in fields} | {mark: None}
    gone = stream.tombstone(**{name: row[name] for name in stream.resource.key})
    sparse = row | {field.name: None for field in fields if field.nullable and field.name != mark}
    for sample, what in (
        (row, "a row of figures"),
        (sparse, "a row whose sexes are not known, which are null then"),
        (gone, "a removed row, in which everything but the key is null"),
    ):
        for arrived in _sent(stream, sample, what):
            for name in (*stream.resource.key, mark):
                if name not in arrived or arrived[name] != sample[name]:
                    raise DtmError(
                        f"The setting stream_maps, flattening or the catalog changes or drops the column {name} of "
                        f"{stream.name}. The tables would be wrong without it: leave it as it is."
                    )
    for stream_map in stream.stream_maps:
        keys = stream_map.transformed_key_properties
        if keys is not None and tuple(keys) != tuple(stream.resource.key):
            raise DtmError(
                f"The setting stream_maps gives {stream.name} another key ({', '.join(keys)}): rows would overwrite "
                f"each other. Remove __key_properties__."
            )


def _sent(stream: DtmStream, sample: dict[str, Any], what: str) -> list[dict[str, Any]]:
    try:
        return [message.record for message in stream.map_sample(dict(sample))]
    except Exception as error:  # noqa: BLE001  an expression of the operator's may raise anything
        reason = f"{type(error).__name__}: {quoted(error)}"
        raise DtmError(
            f"The setting stream_maps fails on {stream.name}: {reason}. It was tried on {what}. "
            "Allow for null, for example: float(round_number) if round_number is not None else None."
        ) from None


def _sample(field: Field) -> Any:  # noqa: ANN401
    return _SAMPLES.get(field.type, field.example)
