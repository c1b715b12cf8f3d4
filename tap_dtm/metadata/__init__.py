"""The metadata catalogue: every field and resource, declared once, in YAML, next to the code that reads it."""

from __future__ import annotations

from tap_dtm.metadata.loader import (
    api_name_to_snake,
    is_email_address,
    is_web_address,
    load_catalogue,
    load_catalogue_from,
)
from tap_dtm.metadata.model import Catalogue, CatalogueError, Field, Package, Resource

__all__ = [
    "Catalogue",
    "CatalogueError",
    "Field",
    "Package",
    "Resource",
    "api_name_to_snake",
    "is_email_address",
    "is_web_address",
    "load_catalogue",
    "load_catalogue_from",
]
