"""From the three YAML files to a checked `Catalogue`: types by msgspec, and here what one file says of another."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, structs

from tap_dtm.metadata.addresses import is_email_address, is_web_address
from tap_dtm.metadata.model import (
    API_VERSIONS,
    DTM_TYPES,
    ApiVersion,
    Catalogue,
    Field,
    ForeignKey,
    Level,
    License,
    Package,
    ReplicationMethod,
    Resource,
    Source,
    Text,
    Texts,
    UsageWarning,
)
from tap_dtm.metadata.yaml_source import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from importlib.abc import Traversable
    from pathlib import Path

    from tap_dtm.metadata.yaml_source import Document, Place

_NOT_OF_HISTORIES: Final = "deleted_rows_stay"
"""The warning of tables from which rows are removed."""
_CONSTRAINTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "integer": {"minimum": int, "maximum": int},
    "string": {"pattern": Text, "enum": Texts},
}
"""What each type allows, so that no schema carries a constraint that nothing checks."""
_OF_DTM_FIELDS: Final = ("hxl",)
_OF_DTM_RESOURCES: Final = ("replication",)
"""What the streams of other taps may leave out."""


class _Replication(Struct, frozen=True, forbid_unknown_fields=True):
    method: ReplicationMethod
    key: Text | None = None


class _Listed(Struct, kw_only=True, forbid_unknown_fields=True):
    """A resource as its file has it: fields and warnings by name."""

    title: Text
    description: Text
    grain: Text
    key: Texts
    fields: Texts
    level: Level | None = None
    foreign_keys: tuple[ForeignKey, ...] = ()
    replication: _Replication = _Replication("FULL_TABLE")
    endpoints: dict[ApiVersion, Text] = {}
    selected_by_default: bool = True
    source: Source | None = None
    license: License | None = None
    dated_by: Text | None = None
    warnings: tuple[Text, ...] = ()
    history_of: Text | None = None


# Between a small letter or digit and a capital (admin1|Pcode), and before the last capital of a run
# that starts a new word (IDP|Origin).
_WORD_BOUNDARY: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def api_name_to_snake(name: str) -> str:
    """Return the column name of one of the API's camelCase field names.

    Postgres folds unquoted names to lower case, so camelCase columns would need quotes in every query.

    >>> api_name_to_snake("idpOriginAdmin1Pcode")
    'idp_origin_admin1_pcode'
    """
    return _WORD_BOUNDARY.sub("_", name).lower()


@cache
def load_catalogue() -> Catalogue:
    """Return the catalogue of this project, read once per process.

    Raises:
        CatalogueError: The installed YAML files are damaged.
    """
    return _load(files("tap_dtm.metadata"), is_foreign=False)


def load_catalogue_from(path: Path, *, is_foreign: bool = False) -> Catalogue:
    """Return the catalogue in a folder with ``fields.yaml``, ``resources.yaml`` and ``package.yaml``, or in one file.

    Args:
        path: The folder; or a file with the keys ``fields``, ``warnings``, ``resources`` and ``package``.
        is_foreign: Whether it describes the streams of another tap: it may then leave out what only DTM's have (HXL
            tags, API versions, replication, endpoints), and has more types.

    Raises:
        CatalogueError: A file is absent or wrong; the message names file and line.
    """
    return _load(path, is_foreign=is_foreign)


def _load(path: Traversable, *, is_foreign: bool) -> Catalogue:
    if path.is_dir():
        listed, described, around = (read_yaml(path, f"{name}.yaml") for name in ("fields", "resources", "package"))
        described.expect("warnings", "resources")
    else:
        described = read_yaml(path)
        described.expect("fields", "warnings", "resources", "package")
        listed, around = described.within("fields"), described.within("package")
    fields = {name: _field(listed, name, is_foreign=is_foreign) for name in listed.content}
    resources = _resources(described, fields, is_foreign=is_foreign)
    return Catalogue(fields=fields, resources=resources, package=_package(around))


def _field(document: Document, name: str, *, is_foreign: bool) -> Field:
    said = _mapping(document, (name,))
    api_name = said.get("api_name")
    field = document.convert((name,), Field, name=name, **({"documented_name": api_name} if api_name else {}))
    _require(document, (name,), said, () if is_foreign else _OF_DTM_FIELDS)
    if api_name and api_name_to_snake(api_name) != name:
        document.fail(
            (name, "api_name"),
            f"expected the field to be called {api_name_to_snake(api_name)!r}, its snake_case name.",
        )
    if not is_foreign and field.type not in DTM_TYPES:
        document.fail((name, "type"), f"{field.type!r}; expected one of: {', '.join(DTM_TYPES)}.")
    allowed = _CONSTRAINTS.get(field.type, {})
    for key in field.constraints:
        place = (name, "constraints", key)
        if key not in allowed:
            expected = f"one of: {', '.join(allowed)}" if allowed else "no constraint at all"
            document.fail(place, f"unknown for the type {field.type}; expected {expected}.")
        value = document.convert(place, allowed[key])
        if key == "pattern":
            _check_pattern(document, place, str(value))
    return field


def _mapping(document: Document, place: Place) -> Mapping[str, Any]:
    value = document.at(place)
    if not isinstance(value, dict):
        document.fail(place, "expected a mapping.")
    return value


def _require(document: Document, place: Place, said: Mapping[str, Any], keys: Iterable[str]) -> None:
    for key in keys:
        if key not in said:
            document.fail(place, f"object missing required field `{key}`.")


def _check_pattern(document: Document, place: Place, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        document.fail(place, f"{pattern!r} is not a regular expression ({error}).")


def _resources(document: Document, fields: Mapping[str, Field], *, is_foreign: bool) -> dict[str, Resource]:
    warnings = {code: document.convert(("warnings", code), Text) for code in document.section("warnings")}
    resources: dict[str, Resource] = {}
    for name in document.section("resources"):
        said = _mapping(document, ("resources", name))
        listed = document.convert(("resources", name), _Listed)
        _require(document, ("resources", name), said, () if is_foreign else _of_dtm(said))
        resource = _resource(document, name, listed, fields, warnings)
        resources[name] = _history(document, resource, resources) if resource.history_of else resource
    for name, resource in resources.items():
        _check_keys(document, resource)
        for number, key in enumerate(resource.foreign_keys):
            _check_foreign_key(document, ("resources", name, "foreign_keys", number), key, resource, resources)
    return resources


def _of_dtm(said: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a resource of this project must say: also where its rows come from, unless the tap makes them."""
    if "history_of" in said or (said.get("replication") or {}).get("key") == "observed_at":
        return _OF_DTM_RESOURCES
    return (*_OF_DTM_RESOURCES, "license" if "source" in said else "endpoints")


def _resource(
    document: Document, name: str, listed: _Listed, fields: Mapping[str, Field], warnings: Mapping[str, str]
) -> Resource:
    place = ("resources", name)
    for number, each in enumerate(listed.fields):
        _check_one_of(document, (*place, "fields", number), each, fields)
        if reason := fields[each].omitted:
            document.fail((*place, "fields", number), f"expected {each!r} in no resource: {reason}")
        if listed.level is not None and not fields[each].levels:
            document.fail((*place, "fields", number), f"no administrative level carries {each!r}.")
    if listed.dated_by:
        _check_one_of(document, (*place, "dated_by"), listed.dated_by, listed.fields)
    for number, code in enumerate(listed.warnings):
        _check_one_of(document, (*place, "warnings", number), code, warnings)
    method, key = listed.replication.method, listed.replication.key
    if (method == "INCREMENTAL") != (key is not None):
        problem = f"{method} {'with' if key else 'without'} a key; expected one with INCREMENTAL alone."
        document.fail((*place, "replication", "method"), problem)
    return Resource(
        name=name,
        title=listed.title,
        description=listed.description,
        grain=listed.grain,
        level=listed.level,
        key=listed.key,
        fields=tuple(fields[each] for each in listed.fields if listed.level in {None, *fields[each].levels}),
        foreign_keys=listed.foreign_keys,
        replication_method=method,
        replication_key=key,
        endpoints=dict(listed.endpoints.items()),
        source=listed.source,
        license=listed.license,
        dated_by=listed.dated_by,
        warnings=tuple(UsageWarning(code=code, text=warnings[code]) for code in listed.warnings),
        history_of=listed.history_of,
        selected_by_default=listed.selected_by_default and listed.history_of is None,
    )


def _history(document: Document, history: Resource, before: Mapping[str, Resource]) -> Resource:
    """Return a history with what it has in common with the resource whose states it holds.

    It has no foreign keys: what it holds of an operation stays when the operation has left the lists.
    """
    _check_one_of(document, ("resources", history.name, "history_of"), str(history.history_of), before)
    table = before[str(history.history_of)]
    return structs.replace(
        history,
        level=table.level,
        endpoints=table.endpoints,
        fields=(*(field for field in table.fields if not field.is_mark), *history.fields),
        warnings=(*(each for each in table.warnings if each.code != _NOT_OF_HISTORIES), *history.warnings),
    )


def _check_keys(document: Document, resource: Resource) -> None:
    """Check that the keys are among the fields that each version of the API serves."""
    place = ("resources", resource.name)
    for version in resource.endpoints or API_VERSIONS[-1:]:
        names = [field.name for field in resource.fields if version in field.versions]
        for number, key in enumerate(resource.key):
            _check_one_of(document, (*place, "key", number), key, names, f" in {version}")
        if resource.replication_key is not None:
            _check_one_of(document, (*place, "replication", "key"), resource.replication_key, names, f" in {version}")


def _check_foreign_key(
    document: Document, place: Place, key: ForeignKey, resource: Resource, resources: Mapping[str, Resource]
) -> None:
    for number, name in enumerate(key.fields):
        _check_one_of(document, (*place, "fields", number), name, [field.name for field in resource.fields])
    _check_one_of(document, (*place, "resource"), key.resource, resources)
    target = resources[key.resource].key
    if key.reference_fields != target or len(key.fields) != len(target):
        document.fail(
            (*place, "reference_fields"), f"expected the key of {key.resource}, {list(target)}, and as many fields."
        )


def _check_one_of(document: Document, place: Place, value: str, names: Iterable[str], where: str = "") -> None:
    if value not in names:
        document.fail(place, f"unknown {value!r}; expected{where} one of: {', '.join(names)}.")


def _package(document: Document) -> Package:
    package = document.convert((), Package)
    addresses: dict[Place, str] = {
        ("homepage",): package.homepage,
        ("source", "url"): package.source.url,
        ("source", "documentation"): package.source.documentation,
        ("license", "url"): package.license.url,
        **{("contributors", number, "url"): each.url for number, each in enumerate(package.contributors)},
    }
    for place, address in addresses.items():
        if not is_web_address(address):
            document.fail(place, f"{address!r}; expected an address with http:// or https://.")
    if package.contact and not is_email_address(package.contact.email):
        document.fail(("contact", "email"), f"{package.contact.email!r}; expected an e-mail address.")
    if "{access_date}" not in package.citation:
        document.fail(("citation",), "says no access date; expected the placeholder {access_date} in it.")
    return package
