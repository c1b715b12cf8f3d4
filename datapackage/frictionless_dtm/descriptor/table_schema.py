"""The catalogue as Table Schemas, for packages and for ``dtm://``. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tap_dtm.metadata import Field, Resource
    from tap_dtm.metadata.model import ForeignKey

PREFIX: Final = "dtm:"
"""The prefix of properties that are not in the Data Package standard."""


def table_schema(
    resource: Resource, api_version: str, *, leave_out: Collection[str] = (), foreign_keys: bool = True
) -> dict[str, Any]:
    """Return the Table Schema (Data Package v2) of a resource.

    The table does not have the fields in ``leave_out``, so keys that need them are left out, too. ``foreign_keys`` is
    whether the package also has the tables to which foreign keys refer.

    Raises:
        CatalogueError: The resource has no such API version.
    """
    fields = [field for field in resource.fields_for(api_version) if field.name not in leave_out]
    names = {field.name for field in fields}
    return schema_of(
        [field_descriptor(field, is_key=field.name in resource.key) for field in fields],
        resource.key if names.issuperset(resource.key) else (),
        [
            foreign_key(key, key.resource)
            for key in resource.foreign_keys
            if foreign_keys and names.issuperset(key.fields)
        ],
    )


def schema_of(
    fields: Sequence[dict[str, Any]], key: Sequence[str], foreign_keys: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Return a Table Schema of these parts."""
    schema = {"fields": fields, "missingValues": [""], "primaryKey": list(key), "foreignKeys": foreign_keys}
    return {name: value for name, value in schema.items() if value or name == "fields"}


def foreign_key(key: ForeignKey, resource: str) -> dict[str, Any]:
    """Return the descriptor of a foreign key to a resource of the package."""
    return {"fields": list(key.fields), "reference": {"resource": resource, "fields": list(key.reference_fields)}}


def field_descriptor(field: Field, *, is_key: bool, unmet: Collection[str] = ()) -> dict[str, Any]:
    """Return the Table Schema field of a column, without the constraints that rows violate.

    Only key columns are required. In any other column, the API may begin to publish nulls.
    """
    # A placeholder counts as missing, so a column with placeholders cannot be required.
    constraints: dict[str, Any] = {"required": True} if is_key and not field.missing_values else {}
    constraints |= {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in field.constraints.items()
        if name not in unmet
    }
    return without_empty(
        {
            "name": field.name,
            "type": field.type,
            "title": field.title,
            "description": " ".join([field.description, *field.caveats]),
            "example": field.example,
            "constraints": constraints,
            "missingValues": ["", *field.missing_values] if field.missing_values else None,
            f"{PREFIX}unit": field.unit,
            f"{PREFIX}measure": field.measure,
            f"{PREFIX}hxl": field.hxl,
            f"{PREFIX}apiName": field.api_name,
            f"{PREFIX}documentedName": field.documented_name if field.documented_name != field.api_name else None,
            f"{PREFIX}knownValues": list(field.known_values),
        }
    )


def without_empty(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties that have a value, which may be 0 or false."""
    return {name: value for name, value in properties.items() if value not in (None, "", [], {})}
