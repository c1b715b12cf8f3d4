"""The descriptor of a package in the form that all pages need, and how to cite the package.

It is cited in CITATION.cff, and as schema.org's Dataset for search engines and catalogues.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from frictionless_dtm.descriptor.package import MEDIA_TYPES, UNKNOWN_TERMS, terms_in_words
from frictionless_dtm.descriptor.reading import Descriptor, Entry, Resource, own
from frictionless_dtm.descriptor.settings import PERMITTED
from frictionless_dtm.descriptor.table_schema import PREFIX, without_empty
from frictionless_dtm.quality.database import reference_date
from tap_dtm.metadata import is_web_address
from tap_dtm.views.preferences import Preference  # noqa: TC001  msgspec reads the type

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from frictionless_dtm.quality.database import Row


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
    authors: list[Entry] = msgspec.field(default_factory=list)
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
    license_ = next(iter(front.licenses), Entry())
    front.license_title = license_.title or license_.name
    front.license_url = license_.path if is_web_address(license_.path) else ""
    front.warnings = {warning.code: warning.text for file in front.resources for warning in file.usage_warnings}
    front.redistribution = descriptor.get(f"{PREFIX}redistribution") == PERMITTED
    if not front.terms and not front.redistribution:
        front.terms = [UNKNOWN_TERMS.capitalize()]
    for file in front.resources:
        file.title = file.title or file.name
    return front


def citation_cff(front: Front, description: str) -> str:
    """Return CITATION.cff, version 1.2.0. The description of the package ends with its terms."""
    authors = [
        without_empty({"name": each.title, "website": each.path})
        for each in front.authors
        if {"creator", "author", "rightsHolder"} & set(each.roles)
    ]
    citation = {
        "cff-version": "1.2.0",
        "message": f"Please cite this data as: {front.citation}" if front.citation else "Please cite this data.",
        "type": "dataset",
        "title": front.title,
        "authors": authors or [{"name": front.title}],
        "version": front.version,
        "date-released": front.created,
        "url": front.homepage,
        # The format has no property for terms other than open licences, so the abstract has them.
        "abstract": description,
        "keywords": front.keywords,
        "license-url": front.license_url,
        "contact": [{"name": "Contact for the data", "email": front.contact}] if front.contact else None,
    }
    return yaml.safe_dump(without_empty(citation), sort_keys=False, allow_unicode=True, width=100)


def linked_data(front: Front, descriptor: Mapping[str, Any], operations: Sequence[Row]) -> dict[str, Any]:
    """Return schema.org's Dataset as JSON-LD."""
    countries = dict(sorted((line["country"], line["country_name"]) for line in operations))
    dates = [line[end] for line in operations for end in ("first", "last")]
    measured = {column.name: column for file in front.resources for column in file.schema.fields if column.unit}
    return without_empty(
        {
            "@context": "https://schema.org/",
            "@type": "Dataset",
            "name": front.title,
            "alternateName": front.name,
            "description": front.description,
            "version": front.version,
            "dateModified": front.created,
            "url": front.homepage,
            "identifier": str(descriptor.get("id", "")),
            "keywords": front.keywords,
            "license": front.license_url,
            "conditionsOfAccess": front.permission or " ".join(front.terms),
            "creditText": front.credit_line,
            "citation": front.citation,
            "creator": [
                without_empty({"@type": "Organization", "name": each.title, "url": each.path}) for each in front.authors
            ],
            "isBasedOn": [each.path for each in front.sources if each.path],
            "temporalCoverage": f"{min(dates)}/{max(dates)}" if dates else "",
            "spatialCoverage": [
                {"@type": "Country", "name": name, "identifier": code} for code, name in countries.items()
            ],
            "variableMeasured": [
                without_empty(
                    {"@type": "PropertyValue", "name": name, "description": column.title, "unitText": column.unit}
                )
                for name, column in measured.items()
            ],
            "distribution": list(map(_download, front.files)),
        }
    )


def _download(file: File) -> dict[str, str]:
    return without_empty(
        {
            "@type": "DataDownload",
            "name": file.title,
            "contentUrl": file.path,
            "encodingFormat": MEDIA_TYPES.get(file.path.rsplit(".", 1)[-1], "application/octet-stream"),
            "contentSize": str(file.bytes or file.own_bytes or ""),
            "sha256": file.hash.removeprefix("sha256:"),
        }
    )
