"""Builds ``datapackage.json`` (Data Package v2) from the catalogue and the written files. No I/O.

Properties must be valid for both frictionless and the standard's JSON Schema. The names of all others have `PREFIX`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec import structs

from frictionless_dtm.descriptor.profile import as_invented, fields_of, is_invented
from frictionless_dtm.descriptor.settings import PERMITTED
from frictionless_dtm.descriptor.table_schema import PREFIX, field_descriptor, foreign_key, schema_of, without_empty
from tap_dtm.metadata import Field
from tap_dtm.views.package import PREFERRED

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from frictionless_dtm.descriptor.settings import Settings
    from frictionless_dtm.descriptor.shape import Column, Shape
    from tap_dtm.metadata import Package, Resource
    from tap_dtm.metadata.model import FieldType

PROFILE: Final = "https://datapackage.org/profiles/2.0/datapackage.json"
DESCRIPTOR: Final = "datapackage.json"
PAGES: Final = {
    "README.md": "What the data are, how to use them, and how not to",
    "CHANGELOG.md": "What changed from version to version",
    "CITATION.cff": "How to cite the data",
    "index.html": "The data at a glance, on one page to download and open",
    "quality.json": "Quality report: facts about the data, not repairs",
}
"""The files that the descriptor does not list, and what they are."""
MEDIA_TYPES: Final = {
    "csv": "text/csv",
    "gz": "application/gzip",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
    "md": "text/markdown",
    "html": "text/html",
    "cff": "text/yaml",
    "zip": "application/zip",
}
"""By the suffix of a file."""
WORKBOOK: Final = f"{PREFIX}workbook"
"""The property that describes the workbook. As a resource, frictionless would read only its first sheet."""
_RESERVED: Final = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}
_LONGEST: Final = 100
_NUMBERS: Final = {"integer", "number"}
UNKNOWN_TERMS: Final = "nobody has stated the terms of these data."
GENERAL_TERMS: Final = "Beyond this permission, the general terms hold:"
_NOT_IN_PACKAGES: Final = {"deleted_rows_stay"}
"""Warnings that do not apply, because withdrawn rows leave the package."""


@dataclass(frozen=True)
class DataFile:
    """One file of the package: path in the package, format (csv, csv.gz, parquet), bytes and sha256."""

    path: str
    format: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Content:
    """The written files of one stream.

    ``resource`` is its description in the catalogue, if any. ``broken`` has the foreign keys that some rows violate, by
    their fields, with the number of missing values. ``unmet`` has the constraints that some rows violate, by column.
    ``source_date`` is the date of a source other than the package's.
    """

    name: str
    shape: Shape
    rows: int
    files: tuple[DataFile, ...]
    resource: Resource | None = None
    broken: Mapping[tuple[str, ...], int] | None = None
    unmet: Mapping[str, Collection[str]] = field(default_factory=dict)
    is_derived: bool = False
    source_date: str | None = None

    @property
    def other_source(self) -> dict[str, Any] | None:
        """Where its rows come from, if not only from the package's own source."""
        if not self.resource or not self.resource.source:
            return None
        source = self.resource.source
        return without_empty({"title": source.title, "path": source.url, "version": self.source_date})


@dataclass(frozen=True)
class Coverage:
    """The dates and the countries (ISO 3166-1 alpha-3) of the figures."""

    start: str
    end: str
    countries: tuple[str, ...] = ()


def resource_name(stream: str) -> str:
    """Return the name of a stream's resource, of lower-case letters, digits, ``-``, ``_`` and ``.``.

    The name is also that of a file on every system: it is not hidden, not reserved by Windows, and not too long. For a
    stream without such letters, as in other scripts, it is a hash.
    """
    name = re.sub(r"[^a-z0-9._]+", "-", stream.lower()).strip("-").lstrip(".-")
    number = hashlib.sha256(stream.encode()).hexdigest()[:8]
    if not name:
        return f"table-{number}"
    if len(name) > _LONGEST:
        return f"{name[:_LONGEST]}-{number}"
    return f"table-{name}" if name.partition(".")[0] in _RESERVED else name


def file_names(name: str, formats: Sequence[str]) -> list[str]:
    """Return the names of a stream's resources. The first is the stream's name; the others add their format."""
    return [name if number == 0 else f"{name}-{each.replace('.', '-')}" for number, each in enumerate(formats)]


def hxl_tags(shape: Shape, resource: Resource | None) -> list[str] | None:
    """Return the HXL tag of each column, which may be empty; None for a stream that has no tags."""
    if resource is None:
        return None
    known = fields_of(shape, resource)
    return [known[name].hxl if name in known else "" for name in shape.names]


def describe_package(  # noqa: PLR0913
    package: Package | None,
    contents: Sequence[Content],
    settings: Settings,
    *,
    api_version: str | None,
    coverage: Coverage | None,
    created: dt.datetime,
    version: str,
) -> dict[str, Any]:
    """Return the descriptor of a package, with its resources in the order of ``contents``.

    ``package`` is None if no catalogue knows the streams. ``created`` is the time at which the data were read, in UTC.
    """
    if package and coverage and is_invented(coverage.countries):
        package = as_invented(package)
        contents = [_as_invented(content, package) for content in contents]
    included = {content.resource.name: content.name for content in reversed(contents) if content.resource}
    head = {
        "$schema": PROFILE,
        "name": package.name if package else resource_name(settings.path.name),
        "title": package.title if package else settings.path.name,
        "description": package.description if package else "",
        "version": version,
        "created": f"{created:%Y-%m-%dT%H:%M:%SZ}",
        **(provenance(package, api_version, created.date()) if package else {}),
        f"{PREFIX}redistribution": redistribution(package, settings),
        f"{PREFIX}permission": settings.permission,
        PREFERRED: [without_empty(vars(each)) for each in settings.preferred_operations],
        f"{PREFIX}temporalCoverage": {"start": coverage.start, "end": coverage.end} if coverage else None,
        f"{PREFIX}spatialCoverage": list(coverage.countries) if coverage else None,
    }
    if package:
        known = {(each["title"], each.get("path")) for each in head["sources"]}  # of invented data, all are the sandbox
        head["sources"] += [each for each in _other_sources(contents) if (each["title"], each.get("path")) not in known]
    parts = (head["description"], *_other_terms(contents), terms_in_words(head))
    head["description"] = "\n\n".join(filter(None, parts))
    resources = [
        _resource(content, file, number, settings, included) | _terms_of(content, package)
        for content in contents
        for number, file in enumerate(content.files)
    ]
    return without_empty(head) | {"resources": resources}


def _as_invented(content: Content, package: Package) -> Content:
    resource = content.resource
    if resource is None or resource.source is None:
        return content
    return replace(content, resource=structs.replace(resource, source=package.source, license=None))


def _other_sources(contents: Sequence[Content]) -> list[dict[str, Any]]:
    """Return the sources of single tables, each once."""
    sources = [content.other_source for content in contents if content.other_source]
    return [source for number, source in enumerate(sources) if source not in sources[:number]]


def _other_terms(contents: Sequence[Content]) -> Iterator[str]:
    """Yield what holds for the tables that have entries of other sources, a paragraph for each source."""
    for source in _other_sources(contents):
        tables = [content for content in contents if content.other_source == source]
        license_ = next(each.resource.license for each in tables if each.resource)
        names = ", ".join(content.name for content in tables)
        date = f", the newest valid from {source['version']}" if "version" in source else ""
        terms = f" {license_.title} ({license_.url}): {' '.join(license_.terms)}" if license_ else ""
        yield f"Tables with entries of {source['title']} ({source['path']}){date}: {names}.{terms}"


def _terms_of(content: Content, package: Package | None) -> dict[str, Any]:
    """Return the sources and the licences of a table that has others than the package."""
    if content.resource is None or content.other_source is None:
        return {}
    sources, licenses = [content.other_source], [content.resource.license]
    if content.is_derived and package:
        sources.insert(0, {"title": package.source.title, "path": package.source.url})
        licenses.insert(0, package.license)
    named = [{"name": each.name, "title": each.title, "path": each.url} for each in licenses if each]
    return without_empty({"sources": sources, "licenses": named})


def redistribution(package: Package | None, settings: Settings) -> str:
    """Return whether the package may be redistributed, by its licence or else by the settings."""
    return PERMITTED if package and package.license.redistribution else settings.redistribution


def provenance(package: Package, api_version: str | None, read_on: dt.date | None = None) -> dict[str, Any]:
    """Return whose data a package has, and on which terms. The citation names the day on which they were read."""
    source = package.source
    provenance = {
        "homepage": package.homepage,
        "keywords": list(package.keywords),
        "sources": [
            without_empty(
                {
                    "title": source.title,
                    "path": source.url,
                    "version": api_version,
                    f"{PREFIX}documentation": source.documentation,
                    f"{PREFIX}accessed": read_on and read_on.isoformat(),
                }
            )
        ],
        "contributors": [
            *({"title": each.title, "path": each.url, "roles": list(each.roles)} for each in package.contributors),
            *({"title": each.title, "email": each.email, "roles": ["contact"]} for each in [package.contact] if each),
        ],
        "licenses": [{"name": package.license.name, "title": package.license.title, "path": package.license.url}],
        f"{PREFIX}terms": list(package.license.terms),
        f"{PREFIX}termsStatedBy": package.license.stated_by,
        f"{PREFIX}creditLine": package.credit_line,
        f"{PREFIX}citation": read_on and package.cite(read_on),
    }
    return without_empty(provenance)


def terms_in_words(descriptor: Mapping[str, Any]) -> str:
    """Return the terms in a descriptor as text, which is the end of the package's description."""
    license_: Mapping[str, str] = next(iter(descriptor.get("licenses") or ()), {})
    names = [license_.get("title") or license_.get("name"), f"({license_['path']})" if "path" in license_ else ""]
    terms = " ".join(descriptor.get(f"{PREFIX}terms") or ())
    stated = ": ".join(filter(None, (" ".join(filter(None, names)), terms)))
    if permission := descriptor.get(f"{PREFIX}permission"):
        stated = f"Redistribution permitted: {permission}" + (f"\n\n{GENERAL_TERMS} {stated}" if stated else "")
    elif descriptor[f"{PREFIX}redistribution"] != PERMITTED:
        stated = f"Not for redistribution: {stated or UNKNOWN_TERMS}"
    return "\n\n".join(filter(None, (stated, descriptor.get(f"{PREFIX}creditLine"))))


def _resource(
    content: Content, file: DataFile, number: int, settings: Settings, included: Mapping[str, str]
) -> dict[str, Any]:
    """Return one resource. The first file of a stream has the stream's name; the others refer to it."""
    is_text = file.format != "parquet"
    schema = _schema(content, included)
    known = content.resource
    hxl = hxl_tags(content.shape, known) if settings.include_hxl_row and is_text else None
    described: dict[str, Any] = {
        "name": file_names(content.name, [each.format for each in content.files])[number],
        "type": "table",
        "path": file.path,
        "title": known.title if known else content.shape.stream,
        "description": known.description if known else None,
        "format": "csv" if is_text else file.format,
        "mediatype": MEDIA_TYPES["csv" if is_text else file.format],
        "encoding": "utf-8" if is_text else None,
        # frictionless never counts the bytes of Parquet, so its check would fail. The other name also marks the files
        # that our plugin reads.
        "bytes" if is_text else f"{PREFIX}bytes": file.bytes,
        "hash": f"sha256:{file.sha256}",
        "rows": content.rows,
        "dialect": _dialect(has_hxl_row=hxl is not None) if is_text else _parquet_dialect(schema),
        f"{PREFIX}sameDataAs": content.name if number else None,
        f"{PREFIX}compression": "gzip" if file.format == "csv.gz" else None,
    }
    if known:
        described |= {
            f"{PREFIX}grain": known.grain,
            # A history has no level, because readers take every table with a level for current figures.
            f"{PREFIX}level": None if known.history_of else known.level,
            f"{PREFIX}usageWarnings": usage_warnings(known),
        }
    if content.broken:
        described[f"{PREFIX}brokenForeignKeys"] = [
            {"fields": list(fields), "values": count} for fields, count in sorted(content.broken.items())
        ]
    return without_empty(described) | {"schema": schema}


def tables_of(descriptor: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the resources of a descriptor, each table once if it comes in several formats."""
    return [each for each in descriptor["resources"] if f"{PREFIX}sameDataAs" not in each]


def warnings_in(descriptor: Mapping[str, Any]) -> list[str]:
    """Return the warnings in a descriptor, each once, in its order."""
    warnings = (each for table in descriptor["resources"] for each in table.get(f"{PREFIX}usageWarnings", ()))
    return list(dict.fromkeys(warning["text"] for warning in warnings))


def usage_warnings(resource: Resource) -> list[dict[str, str]]:
    """Return the warnings about a table's figures."""
    return [structs.asdict(warning) for warning in resource.warnings if warning.code not in _NOT_IN_PACKAGES]


def _dialect(*, has_hxl_row: bool) -> dict[str, Any]:
    dialect = {
        "delimiter": ",",
        "lineTerminator": "\n",
        "quoteChar": '"',
        "doubleQuote": True,
        "skipInitialSpace": False,  # the default; without it, frictionless guesses wrongly for some texts
        "header": True,
    }
    return dialect | ({"headerRows": [1], "commentRows": [2]} if has_hxl_row else {})


def _parquet_dialect(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the dialect without which frictionless reads nullable numbers as NaN."""
    nullable = [
        field["name"]
        for field in schema["fields"]
        if field["type"] in _NUMBERS and not field.get("constraints", {}).get("required")
    ]
    return {"parquet": {"categories": nullable}} if nullable else {}


def _schema(content: Content, included: Mapping[str, str]) -> dict[str, Any]:
    """Return the Table Schema. Constraints and foreign keys that rows violate are left out, so that it is valid."""
    shape, known = content.shape, content.resource
    fields = fields_of(shape, known)
    return schema_of(
        [
            field_descriptor(
                fields.get(column.name) or _field(column),
                is_key=column.name in shape.key,
                unmet=content.unmet.get(column.name, ()),
            )
            for column in shape.columns
        ],
        shape.key,
        [
            foreign_key(key, included[key.resource])
            for key in (known.foreign_keys if known else ())
            if key.resource in included and key.fields not in (content.broken or {})
        ],
    )


def _field(column: Column) -> Field:
    """Return the description of a column that is not in the catalogue."""
    return Field(
        name=column.name,
        type=cast("FieldType", column.kind),
        title=column.title or "",
        description=column.description or "",
        nullable=True,
        example="",
        constraints=dict(column.constraints),
    )
