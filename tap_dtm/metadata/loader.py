"""From the three YAML files to a checked `Catalogue`."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast, get_args

from tap_dtm.metadata.model import (
    API_VERSIONS,
    DTM_TYPES,
    Catalogue,
    Constraint,
    Contact,
    Contributor,
    Field,
    FieldType,
    ForeignKey,
    License,
    Measure,
    Package,
    ReplicationMethod,
    Resource,
    Source,
    UsageWarning,
)
from tap_dtm.metadata.naming import api_name_to_snake
from tap_dtm.metadata.yaml_source import Section, read_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib.abc import Traversable
    from pathlib import Path

_FIELD_KEYS: Final = ("type", "title", "description", "hxl", "nullable", "example", "versions")
_FIELD_OPTIONS: Final = (
    "api_name",
    "documented_name",
    "levels",
    "unit",
    "measure",
    "constraints",
    "missing_values",
    "known_values",
    "caveats",
    "omitted",
)
_RESOURCE_KEYS: Final = ("title", "description", "grain", "key", "fields", "replication", "endpoints")
_RESOURCE_OPTIONS: Final = ("level", "foreign_keys", "warnings")
_PACKAGE_KEYS: Final = (
    "name",
    "title",
    "description",
    "homepage",
    "source",
    "license",
    "credit_line",
    "citation",
    "contact",
    "keywords",
    "contributors",
)
_DTM_KEYS: Final = ("hxl", "versions", "replication", "endpoints", API_VERSIONS[-1])
"""What the streams of other taps may leave out."""
_CONSTRAINTS: Final = MappingProxyType({"integer": ("minimum", "maximum"), "string": ("pattern", "enum")})
_LEVELS: Final = (0, 1, 2)


@cache
def load_catalogue() -> Catalogue:
    """Return the catalogue of this project, read once per process.

    Raises:
        CatalogueError: The installed YAML files are damaged.
    """
    return _load(files("tap_dtm.metadata"))


def load_catalogue_from(folder: Path, *, is_foreign: bool = False) -> Catalogue:
    """Return the catalogue in a folder with ``fields.yaml``, ``resources.yaml`` and ``package.yaml``.

    Args:
        folder: The folder.
        is_foreign: Whether it describes the streams of another tap: it may then leave out what only DTM's have (HXL
            tags, API versions, replication, endpoints), and has more types.

    Raises:
        CatalogueError: A file is absent or wrong; the message names file and line.
    """
    return _load(folder, is_foreign=is_foreign)


def _load(folder: Traversable, *, is_foreign: bool = False) -> Catalogue:
    sections = read_yaml(folder, "fields.yaml").sections("field")
    fields = {name: _field(name, section, is_foreign=is_foreign) for name, section in sections}
    return Catalogue(
        fields=MappingProxyType(fields),
        resources=MappingProxyType(_resources(read_yaml(folder, "resources.yaml"), fields, is_foreign=is_foreign)),
        package=_package(read_yaml(folder, "package.yaml")),
    )


def _expect(section: Section, keys: Sequence[str], options: Sequence[str], *, is_foreign: bool) -> None:
    """Check the keys of a section; those that only DTM's streams have are optional for others."""
    required = [key for key in keys if not (is_foreign and key in _DTM_KEYS)]
    section.expect(required, [*(key for key in keys if key not in required), *options])


def _field(name: str, section: Section, *, is_foreign: bool) -> Field:
    _expect(section, _FIELD_KEYS, _FIELD_OPTIONS, is_foreign=is_foreign)
    api_name = section.optional_text("api_name")
    if api_name is not None and api_name_to_snake(api_name) != name:
        section.fail(
            "api_name",
            f"'api_name' of {section.name} is {api_name!r}; expected the field to be called "
            f"{api_name_to_snake(api_name)!r}, its name in snake_case.",
        )
    field_type = cast("FieldType", section.choice("type", get_args(FieldType) if is_foreign else DTM_TYPES))
    measure = section.choice("measure", get_args(Measure)) if "measure" in section else None
    levels = section.integers("levels")
    if not set(levels) <= set(_LEVELS):
        section.fail("levels", f"'levels' of {section.name} is {list(levels)}; expected some of 0, 1, 2.")
    return Field(
        name=name,
        type=field_type,
        title=section.text("title"),
        description=section.text("description"),
        hxl=section.optional_text("hxl") or "",
        nullable=section.flag("nullable"),
        example=section.text("example"),
        api_name=api_name,
        documented_name=section.optional_text("documented_name") or api_name,
        versions=section.texts("versions", API_VERSIONS) or API_VERSIONS,
        levels=levels,
        unit=section.optional_text("unit"),
        measure=cast("Measure | None", measure),
        constraints=MappingProxyType(_constraints(section, field_type)),
        missing_values=section.texts("missing_values"),
        known_values=section.texts("known_values"),
        caveats=section.texts("caveats"),
        omitted=section.optional_text("omitted"),
    )


def _constraints(field: Section, field_type: FieldType) -> dict[str, Constraint]:
    if "constraints" not in field:
        return {}
    section = field.section("constraints")
    # Only what the type allows, so that no schema carries a constraint that nothing checks.
    section.expect((), _CONSTRAINTS.get(field_type, ()))
    constraints: dict[str, Constraint] = {}
    for name in section:
        if name in {"minimum", "maximum"}:
            constraints[name] = section.integer(name)
        elif name == "enum":
            constraints[name] = section.texts(name)
        else:
            constraints[name] = _pattern(section)
    return constraints


def _pattern(section: Section) -> str:
    pattern = section.text("pattern")
    try:
        re.compile(pattern)
    except re.error as error:
        section.fail("pattern", f"{pattern!r} is no regular expression ({error}); expected one.")
    return pattern


def _resources(root: Section, fields: Mapping[str, Field], *, is_foreign: bool) -> dict[str, Resource]:
    root.expect(("warnings", "resources"))
    codes = root.section("warnings")
    warnings = {code: UsageWarning(code=code, text=codes.text(code)) for code in codes}
    sections = dict(root.section("resources").sections("resource"))
    resources = {
        name: _resource(name, section, fields, warnings, is_foreign=is_foreign) for name, section in sections.items()
    }
    for name, section in sections.items():
        _check_foreign_keys(section, resources[name], resources)
    return resources


def _resource(
    name: str,
    section: Section,
    fields: Mapping[str, Field],
    warnings: Mapping[str, UsageWarning],
    *,
    is_foreign: bool,
) -> Resource:
    _expect(section, _RESOURCE_KEYS, _RESOURCE_OPTIONS, is_foreign=is_foreign)
    level = section.integer("level") if "level" in section else None
    if level is not None and level not in _LEVELS:
        section.fail("level", f"'level' of {section.name} is {level}; expected 0, 1 or 2.")
    method, replication_key = _replication(section)
    endpoints = {}
    if "endpoints" in section:
        listed = section.section("endpoints")
        _expect(listed, API_VERSIONS[-1:], API_VERSIONS[:-1], is_foreign=is_foreign)
        endpoints = {version: listed.text(version) for version in listed}
    resource = Resource(
        name=name,
        title=section.text("title"),
        description=section.text("description"),
        grain=section.text("grain"),
        level=level,
        key=section.texts("key"),
        fields=_listed_fields(section, fields, level),
        foreign_keys=tuple(_foreign_key(entry) for entry in section.listed_sections("foreign_keys")),
        replication_method=method,
        replication_key=replication_key,
        endpoints=MappingProxyType(endpoints),
        warnings=tuple(warnings[code] for code in section.texts("warnings", list(warnings))),
    )
    _check_keys(section, resource)
    return resource


def _listed_fields(section: Section, fields: Mapping[str, Field], level: int | None) -> tuple[Field, ...]:
    listed = tuple(fields[name] for name in section.texts("fields", list(fields)))
    for field in listed:
        if field.omitted:
            section.fail(
                "fields",
                f"{section.name} lists {field.name!r}; expected it in no resource: {field.omitted}",
                item=field.name,
            )
        if level is not None and level not in field.levels:
            section.fail(
                "fields",
                f"{section.name} lists {field.name!r}, which level {level} does not carry; "
                f"expected fields whose 'levels' include {level}.",
                item=field.name,
            )
    return listed


def _replication(resource: Section) -> tuple[ReplicationMethod, str | None]:
    if "replication" not in resource:
        return "FULL_TABLE", None
    section = resource.section("replication")
    section.expect(("method",), ("key",))
    method = cast("ReplicationMethod", section.choice("method", get_args(ReplicationMethod)))
    key = section.optional_text("key")
    if (method == "INCREMENTAL") != (key is not None):
        section.fail(
            "method",
            f"{section.name} is {method} {'with' if key else 'without'} a key; expected a key "
            "with INCREMENTAL, and none with FULL_TABLE.",
        )
    return method, key


def _check_keys(section: Section, resource: Resource) -> None:
    for version in resource.endpoints or API_VERSIONS[-1:]:
        names = [field.name for field in resource.fields if version in field.versions]
        for key in resource.key:
            if key not in names:
                section.fail(
                    "key",
                    f"the key of {section.name} names {key!r}; expected one of its fields in {version}: "
                    f"{', '.join(names)}.",
                    item=key,
                )
        if resource.replication_key is not None and resource.replication_key not in names:
            section.section("replication").fail(
                "key",
                f"the replication key of {section.name} is {resource.replication_key!r}; expected one of "
                f"its fields in {version}: {', '.join(names)}.",
            )


def _foreign_key(section: Section) -> ForeignKey:
    section.expect(("fields", "resource", "reference_fields"))
    return ForeignKey(
        fields=section.texts("fields"),
        resource=section.text("resource"),
        reference_fields=section.texts("reference_fields"),
    )


def _check_foreign_keys(resource_section: Section, resource: Resource, all_: Mapping[str, Resource]) -> None:
    own = [field.name for field in resource.fields]
    sections = resource_section.listed_sections("foreign_keys")
    for section, foreign_key in zip(sections, resource.foreign_keys, strict=True):
        section.texts("fields", own)
        section.choice("resource", list(all_))
        target = all_[foreign_key.resource].key
        if foreign_key.reference_fields != target or len(foreign_key.fields) != len(target):
            section.fail(
                "reference_fields",
                f"a foreign key of {resource_section.name} pairs {list(foreign_key.fields)} with "
                f"{list(foreign_key.reference_fields)}; expected the key of {foreign_key.resource}, "
                f"{list(target)}, and as many fields.",
            )


def _package(root: Section) -> Package:
    root.expect(_PACKAGE_KEYS)
    citation = root.text("citation")
    if "{access_date}" not in citation:
        root.fail("citation", "'citation' says no access date; expected the placeholder {access_date} in it.")
    source = root.section("source")
    source.expect(("title", "url", "documentation"))
    contact = root.section("contact")
    contact.expect(("title", "email"))
    return Package(
        name=root.text("name"),
        title=root.text("title"),
        description=root.text("description"),
        homepage=root.web_address("homepage"),
        source=Source(
            title=source.text("title"),
            url=source.web_address("url"),
            documentation=source.web_address("documentation"),
        ),
        license=_license(root.section("license")),
        credit_line=root.text("credit_line"),
        citation=citation,
        contact=Contact(title=contact.text("title"), email=contact.email_address("email")),
        keywords=root.texts("keywords"),
        contributors=tuple(_contributor(section) for section in root.listed_sections("contributors")),
    )


def _license(section: Section) -> License:
    texts = ("name", "title", "url", "stated_by")
    flags = ("commercial_use", "redistribution", "derivative_works", "credit_required")
    section.expect((*texts, *flags, "terms"))
    return License(
        name=section.text("name"),
        title=section.text("title"),
        url=section.web_address("url"),
        stated_by=section.text("stated_by"),
        commercial_use=section.flag("commercial_use"),
        redistribution=section.flag("redistribution"),
        derivative_works=section.flag("derivative_works"),
        credit_required=section.flag("credit_required"),
        terms=section.texts("terms"),
    )


def _contributor(section: Section) -> Contributor:
    section.expect(("title", "url", "roles"))
    return Contributor(
        title=section.text("title"),
        url=section.web_address("url"),
        roles=section.texts("roles"),
    )
