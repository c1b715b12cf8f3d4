"""The package as schema.org's Dataset, for search engines and catalogues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from frictionless_dtm.descriptor.package import MEDIA_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from frictionless_dtm.descriptor.reading import Workbook
    from frictionless_dtm.pages.front import File, Front
    from frictionless_dtm.quality.database import Row


def linked_data(front: Front, descriptor: Mapping[str, Any], operations: Sequence[Row]) -> dict[str, Any]:
    """Return the JSON-LD."""
    countries = dict(sorted((line["country"], line["country_name"]) for line in operations))
    said: dict[str, Any] = {
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
        "creator": [{"@type": "Organization", "name": each.title, "url": each.path} for each in front.authors],
        "isBasedOn": [each.path for each in front.sources if each.path],
        "temporalCoverage": (
            f"{min(line['first'] for line in operations)}/{max(line['last'] for line in operations)}"
            if operations
            else ""
        ),
        "spatialCoverage": [{"@type": "Country", "name": name, "identifier": code} for code, name in countries.items()],
        "variableMeasured": [
            {"@type": "PropertyValue", "name": column.name, "description": column.title, "unitText": column.unit}
            for column in {column.name: column for file in front.resources for column in file.columns}.values()
            if column.unit
        ],
        "distribution": [
            *(_download(file, file.bytes or file.own_bytes) for file in front.resources),
            *(_download(book, book.bytes) for book in [front.workbook] if book),
        ],
    }
    return _without_blanks(said)


def _download(file: File | Workbook, size: int) -> dict[str, str]:
    return {
        "@type": "DataDownload",
        "name": file.title,
        "contentUrl": file.path,
        "encodingFormat": MEDIA_TYPES.get(file.path.rsplit(".", 1)[-1], "application/octet-stream"),
        "contentSize": str(size or ""),
        "sha256": file.hash.removeprefix("sha256:") if file.hash.startswith("sha256:") else "",
    }


def _without_blanks(mapping: dict[str, Any]) -> dict[str, Any]:
    return {
        name: [_without_blanks(each) if isinstance(each, dict) else each for each in value]
        if isinstance(value, list)
        else value
        for name, value in mapping.items()
        if value not in ("", None, [])
    }
