"""The catalogue as Table Schemas, for packages and for ``dtm://``. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection

    from tap_dtm.metadata import Field, Resource
    from tap_dtm.metadata.model import ForeignKey

PREFIX: Final = "dtm:"
"""The prefix of properties that are not in the Data Package standard."""

NULL: Final = ""
"""The spelling of null in text files."""


def table_schema(
    resource: Resource, api_version: str, *, leave_out: Collection[str] = (), foreign_keys: bool = True
) -> dict[str, Any]:
    """Return the Table Schema (Data Package v2) of a resource.

    Args:
        resource: The resource in the catalogue.
        api_version: The version of the API.
        leave_out: The names of fields that the table does not have. Keys that need them are left out, too.
        foreign_keys: Whether the package also has the tables to which foreign keys refer.

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
    references = [foreign_key(key, key.resource) for key in resource.foreign_keys if names.issuperset(key.fields)]
    if foreign_keys and references:
        schema["foreignKeys"] = references
    return schema


def foreign_key(key: ForeignKey, resource: str) -> dict[str, Any]:
    """Return the descriptor of a foreign key to a resource of the package."""
    return {"fields": list(key.fields), "reference": {"resource": resource, "fields": list(key.reference_fields)}}


def field_descriptor(field: Field, *, is_key: bool) -> dict[str, Any]:
    """Return the Table Schema field of a column. Properties that are not in the standard have `PREFIX`.

    Only key columns are required. In any other column, the API may begin to publish nulls.
    """
    constraints: dict[str, Any] = {
        name: list(value) if isinstance(value, tuple) else value for name, value in field.constraints.items()
    }
    # A placeholder counts as missing, so a column with placeholders cannot be required.
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
