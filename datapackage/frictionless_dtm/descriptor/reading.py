"""Types for the parts of a descriptor that pages and publishing read. A missing property is an empty text or list."""

from __future__ import annotations

from typing import Any

import msgspec

from frictionless_dtm.descriptor.package import Coverage  # noqa: TC001  msgspec reads the type
from frictionless_dtm.descriptor.table_schema import PREFIX


def own(name: str, default: Any = "") -> Any:  # noqa: ANN401
    """Return the field of a property that is not in the Data Package standard."""
    return msgspec.field(name=f"{PREFIX}{name}", default=default)


class Entry(msgspec.Struct):
    """A contributor, a source or a licence. The standard requires none of these properties."""

    name: str = ""
    title: str = ""
    path: str = ""
    email: str = ""
    version: str = ""
    roles: list[str] = []
    accessed: str = own("accessed", "an unknown day")

    @property
    def label(self) -> str:
        """The best name."""
        return self.title or self.path or self.email

    @property
    def label_with_path(self) -> str:
        """The best name, with the address if there is one."""
        return f"{self.label} ({self.path})" if self.path not in {"", self.label} else self.label


class Warning(msgspec.Struct):  # noqa: A001
    """A warning about the use of a table's figures."""

    text: str
    code: str = ""


class Resource(msgspec.Struct):
    """A table."""

    name: str
    title: str = ""
    description: str = ""
    grain: str = own("grain")
    level: int | None = own("level", None)
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
    sources: list[Entry] = []
    contributors: list[Entry] = []
    licenses: list[Entry] = []
    terms: list[str] = own("terms", [])
    credit_line: str = own("creditLine")
    workbook: dict[str, Any] | None = own("workbook", None)
    temporal: Coverage | None = own("temporalCoverage", None)
    spatial: list[str] = own("spatialCoverage", [])
