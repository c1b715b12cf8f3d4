"""Airbyte's catalogs: the one that ``discover`` writes, and the configured one that ``read`` reads. Pure functions.

Two columns differ from the tap's. ``_sdc_deleted_at`` has the name that Airbyte's destinations look for, and every row
has the time of the sync that sent it. Destinations that keep one row for each key order by that time, so that the row
that was sent last wins. The reporting date cannot decide, because corrections and shifted rows keep or lower it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tap_dtm.api.pcodes import SETTING
from tap_dtm.errors import DtmError
from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.singer_schema import singer_schema
from tap_dtm.singer.base import FULL_TABLE
from tap_dtm.singer.output import DELETED_AT

if TYPE_CHECKING:
    from collections.abc import Mapping

CURSOR: Final = "_ab_cdc_updated_at"
DELETED: Final = "_ab_cdc_deleted_at"
_TIME: Final = {"format": "date-time", "airbyte_type": "timestamp_with_timezone"}
_CURSOR_SCHEMA: Final = {
    "type": "string",
    **_TIME,
    "title": "Sync time",
    "description": "Time, in UTC, of the sync that sent the row. It grows from sync to sync, even when the clock is "
    "set back. Of the rows with one key, the row with the latest time is valid.",
}


@dataclass(frozen=True)
class ConfiguredStream:
    """A stream to read; ``fields`` are the columns to send, None for all of them."""

    name: str
    is_incremental: bool
    fields: frozenset[str] | None


def discover(api_version: str, *, has_pcodes: bool = False) -> dict[str, Any]:
    """Return the AirbyteCatalog. Without a list of P-codes, its stream would fail every sync of all streams."""
    names = [name for name in load_catalogue().resources if has_pcodes or name != SETTING]
    return {"streams": [_stream(name, api_version) for name in names]}


def _stream(name: str, api_version: str) -> dict[str, Any]:
    resource = load_catalogue().resources[name]
    return {
        "name": name,
        "json_schema": _schema(name, api_version),
        "supported_sync_modes": ["incremental"] if resource.keeps_the_past else ["full_refresh", "incremental"],
        "source_defined_cursor": True,
        "default_cursor_field": [CURSOR],
        "source_defined_primary_key": [[field] for field in resource.key],
        # Only about full refreshes: incremental syncs always continue from their state. A full refresh that is resumed
        # would send rows twice. Nothing in overwrite mode would notice, and people would be counted twice.
        "is_resumable": False,
    }


def _schema(name: str, api_version: str) -> dict[str, Any]:
    properties = singer_schema(load_catalogue().resources[name], api_version)["properties"]
    deleted_at = properties.pop(DELETED_AT, None)
    for column in properties.values():
        if column.get("format") == "date-time":
            column.update(_TIME)
    marks = {DELETED: {**deleted_at, **_TIME}} if deleted_at else {}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {**properties, CURSOR: _CURSOR_SCHEMA, **marks},
        "additionalProperties": True,
    }


def configured_streams(catalog: Mapping[str, Any], api_version: str) -> dict[str, ConfiguredStream]:
    """Read a ConfiguredAirbyteCatalog.

    Raises:
        DtmError: It is not a catalog, asks for what this source lacks, or would let a destination keep wrong rows.
    """
    try:
        streams = [_configured(each, api_version) for each in catalog["streams"]]
    except (AttributeError, KeyError, TypeError) as error:
        raise DtmError(
            f"The catalog is not a configured Airbyte catalog ({type(error).__name__}: {error}): "
            "wrap the streams of discover in entries with sync_mode and destination_sync_mode."
        ) from None
    if not streams:
        raise DtmError("The catalog has no streams: choose at least one.")
    return {stream.name: stream for stream in streams}


def _configured(configured: Mapping[str, Any], api_version: str) -> ConfiguredStream:
    name = configured["stream"]["name"]
    resources = load_catalogue().resources
    if name not in resources:
        raise DtmError(
            f"The catalog asks for a stream {name!r}, which does not exist; there are {', '.join(resources)}."
        )
    mode = configured["sync_mode"]
    if mode not in {"full_refresh", "incremental"}:
        raise DtmError(f"The catalog has the sync_mode {mode!r} for {name}: write full_refresh or incremental.")
    if resources[name].keeps_the_past and mode != "incremental":
        raise DtmError(
            f"The catalog asks for a full refresh of {name}, and its past cannot be read again: "
            "choose Incremental | Append or Incremental | Append + Deduped."
        )
    _check_deduplication(configured, name, [[field] for field in resources[name].key])
    wanted = (configured["stream"].get("json_schema") or {}).get("properties") or {}
    if unknown := set(wanted) - set(_schema(name, api_version)["properties"]):
        raise DtmError(
            f"The catalog has fields in {name} that API {api_version} does not serve ({', '.join(sorted(unknown))}): "
            "refresh the source's schema."
        )
    stream = ConfiguredStream(name, mode == "incremental", frozenset(wanted) or None)
    _check_marks(stream, dedupes=_dedupes(configured))
    return stream


def _dedupes(configured: Mapping[str, Any]) -> bool:
    return str(configured.get("destination_sync_mode")).endswith("_dedup")


def _check_marks(stream: ConfiguredStream, *, dedupes: bool) -> None:
    """Refuse to leave out the columns that decide which rows count: a deleted row would look like a row of nulls."""
    deletes = DELETED_AT in load_catalogue().resources[stream.name].marks
    marks = (
        (DELETED, "which rows are deleted", stream.is_incremental and deletes),
        (CURSOR, "which row is the newest", dedupes),
    )
    for column, meaning, is_needed in marks:
        if is_needed and stream.fields is not None and column not in stream.fields:
            raise DtmError(
                f"The catalog leaves out the field {column} of {stream.name}, the only one that shows {meaning}: "
                "select it, or choose Full refresh | Overwrite."
            )


def _check_deduplication(configured: Mapping[str, Any], name: str, key: list[list[str]]) -> None:
    """Refuse another cursor or key where rows are dropped by them: the wrong rows would remain."""
    if not _dedupes(configured):
        return
    if (cursor := configured.get("cursor_field") or [CURSOR]) != [CURSOR]:
        raise DtmError(
            f"The catalog dedupes {name} by {'.'.join(cursor)}: only {CURSOR} shows which row is the newest."
        )
    if sorted(configured.get("primary_key") or key) != sorted(key):
        raise DtmError(f"The catalog dedupes {name} by another key than {', '.join(field for (field,) in key)}.")


def singer_catalog(streams: Mapping[str, ConfiguredStream], api_version: str) -> dict[str, Any]:
    """Return the tap's catalog, in which the configured streams and their fields are selected."""
    return {"streams": [_entry(name, streams.get(name), api_version) for name in load_catalogue().resources]}


def _entry(name: str, stream: ConfiguredStream | None, api_version: str) -> dict[str, Any]:
    resource = load_catalogue().resources[name]
    schema = singer_schema(resource, api_version)
    always = {*resource.key, *resource.marks}
    fields = always | (schema["properties"].keys() if stream is None or stream.fields is None else stream.fields)
    return {
        "tap_stream_id": name,
        "stream": name,
        "schema": schema,
        "key_properties": list(resource.key),
        "replication_key": resource.replication_key,
        "replication_method": None if stream is None or stream.is_incremental else FULL_TABLE,
        "metadata": [
            {"breadcrumb": [], "metadata": {"selected": stream is not None}},
            *(
                {"breadcrumb": ["properties", field], "metadata": {"selected": field in fields}}
                for field in schema["properties"]
            ),
        ],
    }
