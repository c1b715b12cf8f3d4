"""The catalogue as Table Schemas: pure functions, shared by the package that is written and by ``dtm://``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection

    from tap_dtm.metadata import Field, Resource

PREFIX: Final = "dtm:"
"""Begins the name of every property that the Data Package standard does not know."""

NULL: Final = ""
"""How a null is written in text files."""


def table_schema(
    resource: Resource, api_version: str, *, leave_out: Collection[str] = (), foreign_keys: bool = True
) -> dict[str, Any]:
    """Return the Table Schema of a resource, as Data Package v2 has it.

    Args:
        resource: The resource, as the catalogue declares it.
        api_version: The API version that the rows come from.
        leave_out: Names of fields that the table does not carry. A key that needs one of them is left out too.
        foreign_keys: Whether the table stands in a package together with those that it refers to.

    Raises:
        CatalogueError: The resource has no such API version.
    """
    fields = [field for field in resource.fields_for(api_version) if field.name not in leave_out]
    names = {field.name for field in fields}
    schema: dict[str, Any] = {
        "fields": [field_descriptor(field, is_key=field.name in resource.key) for field in fields],
        "missingValues": [NULL],
    }
    if names.issuperset(resource.key):
        schema["primaryKey"] = list(resource.key)
    references = [
        {
            "fields": list(key.fields),
            "reference": {"resource": key.resource, "fields": list(key.reference_fields)},
        }
        for key in resource.foreign_keys
        if names.issuperset(key.fields)
    ]
    if foreign_keys and references:
        schema["foreignKeys"] = references
    return schema


def field_descriptor(field: Field, *, is_key: bool) -> dict[str, Any]:
    """Return the Table Schema field of a column; what the standard has no word for stands under `PREFIX`.

    Only a column of the key is required: the tap delivers null wherever else the API publishes nothing, whatever the
    catalogue has seen so far.
    """
    constraints: dict[str, Any] = {
        name: list(value) if isinstance(value, tuple) else value for name, value in field.constraints.items()
    }
    # A placeholder reads as missing, so a column that has one is never required.
    if is_key and not field.missing_values:
        constraints = {"required": True, **constraints}
    described: dict[str, Any] = {
        "name": field.name,
        "type": field.type,
        "title": field.title,
        "description": " ".join([field.description, *field.caveats]),
        "example": field.example,
        "constraints": constraints,
        "missingValues": [NULL, *field.missing_values] if field.missing_values else None,
        f"{PREFIX}unit": field.unit,
        f"{PREFIX}measure": field.measure,
        f"{PREFIX}hxl": field.hxl,
        f"{PREFIX}apiName": field.api_name,
        f"{PREFIX}documentedName": field.documented_name if field.documented_name != field.api_name else None,
        f"{PREFIX}knownValues": list(field.known_values),
    }
    return {name: value for name, value in described.items() if value}
