"""What the descriptor says about the package, in the form that all pages need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from frictionless_dtm.descriptor.package import GENERAL_TERMS, UNKNOWN_TERMS, terms_in_words
from frictionless_dtm.descriptor.settings import PERMITTED
from frictionless_dtm.descriptor.table_schema import PREFIX
from frictionless_dtm.quality.streams import reference_date
from tap_dtm.metadata import is_web_address

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from frictionless_dtm.descriptor.contents import Contents


@dataclass(frozen=True)
class Column:
    """A field, as the dictionary shows it."""

    name: str
    type: str
    title: str
    description: str
    unit: str
    measure: str
    hxl: str
    api_name: str
    missing: tuple[str, ...]
    example: str


@dataclass(frozen=True)
class File:
    """A resource: its file and its columns."""

    name: str
    title: str
    description: str
    grain: str
    path: str
    format: str
    bytes: int | None
    rows: int | None
    hash: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    same_as: str
    level: int | None

    @property
    def size(self) -> str:
        """The size for people."""
        if self.bytes is None:
            return ""
        size = float(self.bytes)
        for unit in ("bytes", "kB", "MB"):
            if size < 1000:  # noqa: PLR2004 - decimal units
                return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"  # noqa: PLR2004
            size /= 1000
        return f"{size:.1f} GB"


@dataclass(frozen=True)
class Front:
    """The package's title page."""

    name: str
    title: str
    description: str
    version: str
    created: str
    accessed: str
    homepage: str
    keywords: tuple[str, ...]
    sources: tuple[tuple[str, str], ...]
    contributors: tuple[Mapping[str, Any], ...]
    license_title: str
    license_url: str
    terms: tuple[str, ...]
    redistribution: bool
    permission: str
    credit_line: str
    citation: str
    contact: str
    api_version: str
    invented: bool
    files: tuple[File, ...]
    warnings: tuple[tuple[str, str], ...]

    @property
    def terms_in_short(self) -> str:
        """Whether the data may be passed on, and on what terms: in one paragraph."""
        terms = " ".join(self.terms)
        if self.permission:
            return f"Redistribution permitted: {self.permission}" + (f" {GENERAL_TERMS} {terms}" if terms else "")
        return terms if self.redistribution else f"Not for redistribution. {terms}"


def custom(mapping: Mapping[str, Any], name: str, default: Any = None) -> Any:  # noqa: ANN401
    """Return a property that the standard does not know, with or without the prefix."""
    value = mapping.get(f"{PREFIX}{name}", mapping.get(name))
    return default if value is None else value


def front_of(contents: Contents, *, invented: bool) -> Front:
    """Read the descriptor: what it does not say, no page says."""
    said = contents.descriptor
    license_: Mapping[str, Any] = (said.get("licenses") or ({},))[0]
    license_url = str(license_.get("path") or "")
    sources = said.get("sources") or ()
    places = tuple((str(each.get("title", "")), str(each.get("path", ""))) for each in sources)
    permission = str(custom(said, "permission", ""))
    contributors = tuple(said.get("contributors") or ())
    redistribution = custom(said, "redistribution") == PERMITTED
    return Front(
        name=str(said.get("name", "")),
        title=str(said.get("title") or said.get("name") or "Data package"),
        # The terms end the description for those who read nothing else; the pages have a place of their own for them.
        description=str(said.get("description", "")).removesuffix(terms_in_words(said)).rstrip(),
        version=str(said.get("version", "")),
        created=str(said.get("created", ""))[:10],
        accessed=reference_date(said),
        homepage=str(said.get("homepage", "")),
        keywords=tuple(str(each) for each in said.get("keywords") or ()),
        sources=places,
        contributors=tuple(each for each in contributors if "contact" not in _roles(each)),
        license_title=str(license_.get("title") or license_.get("name") or ""),
        license_url=license_url if is_web_address(license_url) else "",
        terms=tuple(custom(said, "terms", () if redistribution else (UNKNOWN_TERMS.capitalize(),))),
        redistribution=redistribution,
        permission=permission,
        credit_line=str(custom(said, "creditLine", "")),
        citation=str(custom(said, "citation", "")),
        contact=str(_first([each for each in contributors if "contact" in _roles(each)], "email") or ""),
        api_version=str(_first(sources, "version") or ""),
        invented=invented or any("sandbox" in f"{title} {path}".casefold() for title, path in places),
        files=tuple(_file(resource) for resource in said.get("resources") or ()),
        warnings=_warnings(said.get("resources") or ()),
    )


def _first(mappings: Iterable[Mapping[str, Any]], name: str) -> Any:  # noqa: ANN401
    return next((value for mapping in mappings if (value := custom(mapping, name))), None)


def _roles(contributor: Mapping[str, Any]) -> Collection[str]:
    return contributor.get("roles") or [contributor.get("role", "")]


def _warnings(resources: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Return the usage warnings of all tables, each once."""
    return tuple(
        {
            str(warning["code"]): str(warning["text"])
            for resource in resources
            for warning in custom(resource, "usageWarnings", ())
        }.items()
    )


def _file(resource: Mapping[str, Any]) -> File:
    name = str(resource["name"])
    schema = resource.get("schema") or {}
    path = str(resource.get("path", ""))
    return File(
        name=name,
        title=str(resource.get("title") or name),
        description=str(resource.get("description") or ""),
        grain=str(custom(resource, "grain", "")),
        path=path,
        format=str(resource.get("format") or path.rsplit(".", 1)[-1]),
        bytes=custom(resource, "bytes"),
        rows=custom(resource, "rows"),
        hash=str(resource.get("hash", "")),
        key=tuple(schema.get("primaryKey") or ()),
        columns=tuple(_column(field) for field in schema.get("fields") or ()),
        same_as=str(custom(resource, "sameDataAs", "")),
        level=custom(resource, "level"),
    )


def _column(field: Mapping[str, Any]) -> Column:
    return Column(
        name=str(field["name"]),
        type=str(field.get("type", "any")),
        title=str(field.get("title", "")),
        description=str(field.get("description", "")),
        unit=str(custom(field, "unit", "")),
        measure=str(custom(field, "measure", "")),
        hxl=str(custom(field, "hxl", "")),
        api_name=str(custom(field, "apiName", "")),
        missing=tuple(str(each) for each in field.get("missingValues") or () if each),
        example=str(field.get("example", "")),
    )
