"""What pages and publishing read of a descriptor, typed. A property that is missing is an empty text or list."""

from __future__ import annotations

from typing import Any

import msgspec

from frictionless_dtm.descriptor.table_schema import PREFIX


def own(name: str, default: Any = "") -> Any:  # noqa: ANN401
    """Return the field of a property that the Data Package standard does not know."""
    return msgspec.field(name=f"{PREFIX}{name}", default=default)


class Contributor(msgspec.Struct):
    """Who made the data, or whom to ask."""

    title: str = ""
    path: str = ""
    email: str = ""
    roles: list[str] = []


class Source(msgspec.Struct):
    """Where the data come from."""

    title: str = ""
    path: str = ""
    version: str = ""


class License(msgspec.Struct):
    """On what terms."""

    name: str = ""
    title: str = ""
    path: str = ""


class Warning(msgspec.Struct):  # noqa: A001
    """How the figures of a table must not be used."""

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


class Workbook(msgspec.Struct):
    """The workbook with all tables."""

    path: str
    title: str = ""
    bytes: int = 0
    hash: str = ""


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
    workbook: Workbook | None = own("workbook", None)
    temporal: Coverage | None = own("temporalCoverage", None)
    spatial: list[str] = own("spatialCoverage", [])
