"""The descriptor of a package in the form that all pages need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from frictionless_dtm.descriptor.package import UNKNOWN_TERMS, terms_in_words
from frictionless_dtm.descriptor.reading import Contributor, Descriptor, License, Resource, own
from frictionless_dtm.descriptor.settings import PERMITTED
from frictionless_dtm.descriptor.table_schema import PREFIX
from frictionless_dtm.quality.streams import reference_date
from tap_dtm.metadata import is_web_address
from tap_dtm.views.preferences import Preference  # noqa: TC001  msgspec reads the type

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class Column(msgspec.Struct):
    """A field, as the dictionary shows it."""

    name: str
    type: str = "any"
    title: str = ""
    description: str = ""
    unit: str = own("unit")
    measure: str = own("measure")
    hxl: str = own("hxl")
    missing_values: list[str] = msgspec.field(name="missingValues", default_factory=list)
    example: str = ""


class _Schema(msgspec.Struct):
    fields: list[Column] = []
    key: list[str] = msgspec.field(name="primaryKey", default_factory=list)


class File(Resource, kw_only=True):
    """A file with data: a resource with its columns, or the workbook, which has no name."""

    name: str = ""
    path: str
    rows: int | None = None
    hash: str = ""
    bytes: int = 0
    own_bytes: int = own("bytes", 0)  # of Parquet
    schema: _Schema = msgspec.field(default_factory=_Schema)
    same_as: str = own("sameDataAs")
    level: int | None = own("level", None)


class Front(Descriptor, kw_only=True):
    """A descriptor. The properties after ``preferred`` come from `front_of`."""

    resources: list[File]  # type: ignore[assignment]  # with more properties than publishing needs
    workbook: File | None = own("workbook", None)  # type: ignore[assignment]
    created: str
    permission: str = own("permission")
    citation: str = own("citation")
    preferred: list[Preference] = own("preferredOperations", [])
    redistribution: bool = False
    accessed: str = ""
    invented: bool = False
    authors: list[Contributor] = msgspec.field(default_factory=list)
    contact: str = ""
    api_version: str = ""
    license_title: str = ""
    license_url: str = ""
    warnings: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def files(self) -> list[File]:
        """The files with data."""
        return [*self.resources, *([self.workbook] if self.workbook else [])]


def front_of(descriptor: Mapping[str, Any], *, invented: bool) -> Front:
    """Read a descriptor."""
    front = msgspec.convert(descriptor, Front)
    # The description ends with the terms. The pages show the terms in another place.
    front.description = front.description.removesuffix(terms_in_words(descriptor)).rstrip()
    front.created = front.created[:10]
    front.accessed = reference_date(descriptor)
    front.invented = invented or any("sandbox" in f"{each.title} {each.path}".casefold() for each in front.sources)
    front.authors = [each for each in front.contributors if "contact" not in each.roles]
    front.contact = next((each.email for each in front.contributors if "contact" in each.roles and each.email), "")
    front.api_version = next((each.version for each in front.sources if each.version), "")
    license_ = next(iter(front.licenses), License())
    front.license_title = license_.title or license_.name
    front.license_url = license_.path if is_web_address(license_.path) else ""
    front.warnings = {warning.code: warning.text for file in front.resources for warning in file.usage_warnings}
    front.redistribution = descriptor.get(f"{PREFIX}redistribution") == PERMITTED
    if not front.terms and not front.redistribution:
        front.terms = [UNKNOWN_TERMS.capitalize()]
    for file in front.resources:
        file.title = file.title or file.name
    return front
