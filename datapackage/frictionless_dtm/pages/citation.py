"""How to cite a package: CITATION.cff, and schema.org's Dataset for search engines and catalogues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from frictionless_dtm.descriptor.package import MEDIA_TYPES
from frictionless_dtm.descriptor.table_schema import without_empty

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from frictionless_dtm.pages.front import File, Front
    from frictionless_dtm.quality.database import Row


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
