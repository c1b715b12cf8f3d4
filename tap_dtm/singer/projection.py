"""What arrives of a record after selection, stream maps and flattening: tried on samples, before a run begins.

Two records of each stream are certain to come: a row of figures, some of which may be null, and sooner or later a
removed row, in which everything but the key is null. What a map does to the second would otherwise show when DTM
withdraws something, months later.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from singer_sdk.mapper import CustomStreamMap, RemoveRecordTransform
from singer_sdk.typing import DEFAULT_JSONSCHEMA_VALIDATOR

from tap_dtm.errors import DtmError
from tap_dtm.redaction import quoted
from tap_dtm.singer.maps import expressions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from singer_sdk.helpers.types import Record
    from singer_sdk.mapper import StreamMap

    from tap_dtm.singer.base import DtmStream

_SAMPLES: Final = {"integer": 7, "date": "2024-01-31", "datetime": "2024-01-31T00:00:00+00:00", "boolean": True}
_FULL: Final = "a row in which everything is known"
_ALLOW: Final = "Allow for null, for example: float(round_number) if round_number is not None else None."
_TYPES: Final = "A map whose expression begins with int(, float(, bool( or str( declares that type."


def check(streams: Iterable[DtmStream], shaping: list[Any] | None) -> None:
    """Send samples of every kind of record through each stream, and see what arrives.

    Args:
        streams: The selected streams.
        shaping: What maps the records, as ``maps.shaping`` returns it.

    Raises:
        DtmError: A key or the mark of deleted rows does not arrive as it is, two streams arrive as one, or a map fails
            on a record that will come or gives it a value of another type than it declares.
    """
    taken: dict[str, str] = {}
    for stream in streams:
        for each in stream.stream_maps:
            if isinstance(each, RemoveRecordTransform):
                continue
            # Databases fold the case of names, so that two which differ only in it are one table.
            if other := taken.get(each.stream_alias.casefold()):
                raise DtmError(
                    f"The setting stream_maps sends {other} and {stream.name} under one name, {each.stream_alias}: "
                    "their rows would overwrite each other. Give each of them a name of its own."
                )
            taken[each.stream_alias.casefold()] = stream.name
            _check_map(stream, each, shaping)


def _check_map(stream: DtmStream, stream_map: StreamMap, shaping: list[Any] | None) -> None:
    fixed = sorted(stream.fixed)
    computed = expressions(shaping, stream.name) if isinstance(stream_map, CustomStreamMap) else {}
    declared: dict[str, dict[str, Any]] = stream_map.transformed_schema["properties"]
    full: dict[str, Any] = {}
    for sample, what in _samples(stream):
        arrived = _arrived(stream, stream_map, sample, what, shaping)
        for name in fixed:
            is_same = name in arrived and arrived[name] == sample[name]
            if not is_same or _type(declared.get(name)) != _type(stream.schema["properties"][name]):
                raise DtmError(
                    f"The setting stream_maps, flattening or the catalog changes or drops the column {name} of "
                    f"{stream.name}. The tables would be wrong without it: leave it as it is."
                )
        full = full or arrived
        for column in computed.keys() & arrived.keys():
            place = f"{column} of {stream.name} ({quoted(computed[column], 100)})"
            value = arrived[column]
            if isinstance(value, str) and "None" in value and "None" not in str(full[column]):
                raise DtmError(
                    f"The setting stream_maps writes the text None for {place}, where it was tried on {what}. {_ALLOW}"
                )
            if not DEFAULT_JSONSCHEMA_VALIDATOR(declared[column]).is_valid(_written(value)):
                raise DtmError(
                    f"The setting stream_maps declares {'/'.join(_type(declared[column])[0])} for {place}, and gives "
                    f"{quoted(repr(_written(value)), 100)}, tried on {what}. {_TYPES}"
                )


def _samples(stream: DtmStream) -> list[tuple[dict[str, Any], str]]:
    fields = stream.resource.fields_for(stream.api_version)
    row: Record = {field.name: _SAMPLES.get(field.type, field.example) for field in fields} | stream.marks_of_live_rows
    unknown = {field.name: None for field in fields if field.nullable and not field.is_mark}
    key = {name: row[name] for name in stream.resource.key}
    return [
        (row, _FULL),
        (row | unknown, "a row in which everything that may be null is null"),
        (stream.tombstone(**key), "a removed row, in which everything but the key is null"),
    ]


def _arrived(
    stream: DtmStream, stream_map: StreamMap, sample: dict[str, Any], what: str, shaping: list[Any] | None
) -> dict[str, Any]:
    record = stream.selected_part(sample)
    try:
        return stream_map.transform(dict(record)) or {}
    except Exception as error:  # noqa: BLE001  an expression of the operator's may raise anything
        cause = error.__cause__ or error
        reason = f"there is no {quoted(cause)}" if isinstance(cause, KeyError) else quoted(cause)
        raise DtmError(
            f"The setting stream_maps fails on {_culprit(stream, record, shaping)}: {reason}. It was tried on {what}."
            f"{'' if what == _FULL else f' {_ALLOW}'}"
        ) from None


def _culprit(stream: DtmStream, record: dict[str, Any], shaping: list[Any] | None) -> str:
    """Name the column, the stream and the expression that fail, by trying the expressions one by one."""
    for column, expression in expressions(shaping, stream.name).items():
        _, config, faker = shaping or (None, None, None)
        only = CustomStreamMap(
            stream.name, config or {}, faker or {}, stream.schema, (), {column: expression}, None,
            stream_name=stream.name,
        )  # fmt: skip
        try:
            only.transform(dict(record))
        except Exception:  # noqa: BLE001  the one that was looked for
            return f"{column} of {stream.name} ({quoted(expression, 100)})"
    return stream.name


def _type(schema: dict[str, Any] | None) -> tuple[list[str], str | None]:
    """Return the types that a schema declares, but for null, and its format."""
    kinds = (schema or {}).get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return sorted(set(kinds) - {"null"}), (schema or {}).get("format")


def _written(value: object) -> object:
    """Return a value as the messages have it: dates become text."""
    return value.isoformat() if isinstance(value, dt.date | dt.datetime | dt.time) else value
