"""The catalogue as Singer schemas."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tap_dtm.metadata.model import Field, Resource

_JSON_TYPES: Final = MappingProxyType(
    {
        "string": ("string", None),
        "integer": ("integer", None),
        "date": ("string", "date"),
        "datetime": ("string", "date-time"),
        "boolean": ("boolean", None),
    },
)


def singer_schema(resource: Resource, api_version: str) -> dict[str, Any]:
    """Return the JSON Schema of a stream, with its properties in column order.

    Everything but the key is nullable, whatever the API publishes: a tombstone carries the key,
    ``_sdc_deleted_at`` and nulls.

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
    json_type, json_format = _JSON_TYPES[field.type]
    schema: dict[str, Any] = {"type": [json_type] if is_key else [json_type, "null"]}
    if json_format is not None:
        schema["format"] = json_format
    for name, value in field.constraints.items():
        # An enum would have to list null as well, for the tombstones.
        schema[name] = [*value, *([] if is_key else [None])] if isinstance(value, tuple) else value
    # The SDK drops keys of our own (x-unit), so the description carries all there is to say.
    return {**schema, "title": field.title, "description": field.full_description}
