"""The catalogue as Singer schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tap_dtm.metadata.model import Field, Resource

_JSON_TYPES: Final[dict[str, dict[str, Any]]] = {
    "string": {"type": ["string"]},
    "integer": {"type": ["integer"]},
    "date": {"type": ["string"], "format": "date"},
    "datetime": {"type": ["string"], "format": "date-time"},
    "boolean": {"type": ["boolean"]},
}


def singer_schema(resource: Resource, api_version: str) -> dict[str, Any]:
    """Return the JSON Schema of a stream, with its properties in column order.

    All properties but the key are nullable, because a tombstone has the key, ``_sdc_deleted_at`` and nulls.

    Raises:
        CatalogueError: The resource has no such API version.
    """
    return {
        "type": "object",
        "properties": {
            field.name: _property(field, is_key=field.name in resource.key)
            for field in resource.fields_for(api_version)
        },
        "required": list(resource.key),
        "$schema": "https://json-schema.org/draft/2020-12/schema",
    }


def _property(field: Field, *, is_key: bool) -> dict[str, Any]:
    schema: dict[str, Any] = dict(_JSON_TYPES[field.type])
    if not is_key:
        schema["type"] = [*schema["type"], "null"]
    for name, value in field.constraints.items():
        # An enum must list null as well, for the tombstones.
        schema[name] = [*value, *([] if is_key else [None])] if isinstance(value, tuple) else value
    # The SDK drops keys of our own (x-unit), so the description has everything.
    return {**schema, "title": field.title, "description": field.full_description}
