"""Types for the parts of a descriptor that pages and publishing read. A missing property is an empty text or list."""

from __future__ import annotations

from typing import Any

import msgspec

from frictionless_dtm.descriptor.table_schema import PREFIX


def own(name: str, default: Any = "") -> Any:  # noqa: ANN401
    """Return the field of a property that is not in the Data Package standard."""
    return msgspec.field(name=f"{PREFIX}{name}", default=default)


class Contributor(msgspec.Struct):
    """A creator of the data, or a contact."""

    title: str = ""
    path: str = ""
    email: str = ""
    roles: list[str] = []


class Source(msgspec.Struct):
    """A source of the data."""

    title: str = ""
    path: str = ""
    version: str = ""


class License(msgspec.Struct):
    """A licence."""

    name: str = ""
    title: str = ""
    path: str = ""


class Warning(msgspec.Struct):  # noqa: A001
    """A warning about the use of a table's figures."""

    text: str
    code: str = ""


class Coverage(msgspec.Struct):
    """The dates of the figures."""

    start: str
    end: str


class Resource(msgspec.Struct):
    """A table."""

    name: str
    title: str = ""
    description: str = ""
    grain: str = own("grain")
    usage_warnings: list[Warning] = own("usageWarnings", [])


class Descriptor(msgspec.Struct):
    """A data package."""

    name: str
    version: str
    resources: list[Resource]
    title: str = ""
    description: str = ""
    homepage: str = ""
    keywords: list[str] = []
    sources: list[Source] = []
    contributors: list[Contributor] = []
    licenses: list[License] = []
    terms: list[str] = own("terms", [])
    credit_line: str = own("creditLine")
    workbook: dict[str, Any] | None = own("workbook", None)
    temporal: Coverage | None = own("temporalCoverage", None)
    spatial: list[str] = own("spatialCoverage", [])
