"""From YAML files to a checked `Catalogue`: msgspec checks the types, and this module the references."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from msgspec import Struct, field, structs

from tap_dtm.metadata.model import (
    API_VERSIONS,
    ApiVersion,
    Catalogue,
    Field,
    Package,
    Resource,
    Table,
    Text,
    Texts,
    UsageWarning,
)
from tap_dtm.metadata.yaml_source import read_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.abc import Traversable

    from tap_dtm.metadata.yaml_source import Document, Place

_NOT_OF_HISTORIES: Final = "deleted_rows_stay"
"""The warning of tables from which rows are removed."""
_CONSTRAINTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "integer": {"minimum": int, "maximum": int},
    "string": {"pattern": Text, "enum": Texts},
}
"""What each type allows, so that no schema has a constraint that nothing checks."""


class _File(Struct, forbid_unknown_fields=True):
    fields: dict[str, Any]
    resources: dict[str, Any]
    package: Package
    warnings: dict[str, Text] = {}


class _Listed(Table, frozen=True, kw_only=True):
    """A resource in its file: fields and warnings by name."""

    endpoints: dict[ApiVersion, Text] = field(default_factory=dict)  # type: ignore[assignment]
    fields: Texts
    warnings: tuple[Text, ...] = ()


# Between a small letter or digit and a capital (admin1|Pcode), and before the last capital of a run
# that starts a new word (IDP|Origin).
_WORD_BOUNDARY: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_EMAIL: Final = re.compile(r"[\w.+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", re.ASCII)


def api_name_to_snake(name: str) -> str:
    """Return the column name of one of the API's camelCase field names.

    Postgres folds unquoted names to lower case, so camelCase columns would need quotes in every query.

    >>> api_name_to_snake("idpOriginAdmin1Pcode")
    'idp_origin_admin1_pcode'
    """
    return _WORD_BOUNDARY.sub("_", name).lower()


@cache
def load_catalogue() -> Catalogue:
    """Return the catalogue of this project, read once per process."""
    return load_catalogue_from(files("tap_dtm.metadata"))


def load_catalogue_from(path: Traversable) -> Catalogue:
    """Return the catalogue in a file, or in a folder with ``fields.yaml``, ``resources.yaml`` and ``package.yaml``.

    A file has the keys ``fields``, ``warnings``, ``resources`` and ``package``. The catalogue of another tap leaves out
    what only DTM's streams have: HXL tags, API versions, replication, endpoints.

    Raises:
        DtmError: A file is absent or wrong; the message names file and line.
    """
    if path.is_dir():
        others = {name: path.joinpath(f"{name}.yaml") for name in ("fields", "package")}
        document = read_yaml(path.joinpath("resources.yaml"), **others)
    else:
        document = read_yaml(path)
    file = document.convert((), _File)
    fields = {name: _field(document, name) for name in file.fields}
    resources: dict[str, Resource] = {}
    for name in file.resources:
        resource = _resource(document, name, fields, file.warnings)
        resources[name] = _history(document, resource, resources) if resource.history_of else resource
    for resource in resources.values():
        _check_keys(document, resource, resources)
    _check_package(document, file.package)
    return Catalogue(fields=fields, resources=resources, package=file.package)


def _field(document: Document, name: str) -> Field:
    place = ("fields", name)
    listed = document.convert(place, Field, name=name)
    if listed.api_name and (expected := api_name_to_snake(listed.api_name)) != name:
        document.fail((*place, "api_name"), f"expected the field to be called {expected!r}, its snake_case name.")
    allowed = _CONSTRAINTS.get(listed.type, {})
    for key in listed.constraints:
        here = (*place, "constraints", key)
        if key not in allowed:
            expected = f"one of: {', '.join(allowed)}" if allowed else "no constraint at all"
            document.fail(here, f"unknown for the type {listed.type}; expected {expected}.")
        value = document.convert(here, allowed[key])
        if key == "pattern":
            try:
                re.compile(value)
            except re.error as error:
                document.fail(here, f"{value!r} is not a regular expression ({error}).")
    return structs.replace(listed, documented_name=listed.documented_name or listed.api_name)


def _resource(document: Document, name: str, fields: Mapping[str, Field], warnings: Mapping[str, str]) -> Resource:
    place = ("resources", name)
    listed = document.convert(place, _Listed)
    for number, each in enumerate(listed.fields):
        here = (*place, "fields", number)
        document.check_one_of(here, each, fields)
        if reason := fields[each].omitted:
            document.fail(here, f"expected {each!r} in no resource: {reason}")
    if listed.dated_by:
        document.check_one_of((*place, "dated_by"), listed.dated_by, listed.fields)
    for number, code in enumerate(listed.warnings):
        document.check_one_of((*place, "warnings", number), code, warnings)
    return Resource(
        **{attribute: getattr(listed, attribute) for attribute in Table.__struct_fields__},
        name=name,
        fields=tuple(
            fields[each] for each in listed.fields if listed.level is None or listed.level >= fields[each].from_level
        ),
        warnings=tuple(UsageWarning(code=code, text=warnings[code]) for code in listed.warnings),
    )


def _history(document: Document, history: Resource, before: Mapping[str, Resource]) -> Resource:
    """Return a history with what it has in common with the resource whose states it holds.

    It has no foreign keys: what it holds of an operation stays when the operation has left the lists.
    """
    document.check_one_of(("resources", history.name, "history_of"), str(history.history_of), before)
    table = before[str(history.history_of)]
    return structs.replace(
        history,
        level=table.level,
        endpoints=table.endpoints,
        selected_by_default=False,
        fields=(*(field for field in table.fields if not field.is_mark), *history.fields),
        warnings=(*(each for each in table.warnings if each.code != _NOT_OF_HISTORIES), *history.warnings),
    )


def _check_keys(document: Document, resource: Resource, resources: Mapping[str, Resource]) -> None:
    """Check that the keys are among the fields that each version of the API serves."""
    place = ("resources", resource.name)
    for version in resource.endpoints or API_VERSIONS[-1:]:
        names = [field.name for field in resource.fields_for(version)]
        for number, key in enumerate(resource.key):
            document.check_one_of((*place, "key", number), key, names, f" in {version}")
        if resource.replication_key is not None:
            document.check_one_of((*place, "replication_key"), resource.replication_key, names, f" in {version}")
    for count, reference in enumerate(resource.foreign_keys):
        here = (*place, "foreign_keys", count)
        for number, name in enumerate(reference.fields):
            document.check_one_of((*here, "fields", number), name, [field.name for field in resource.fields])
        document.check_one_of((*here, "resource"), reference.resource, resources)
        target = resources[reference.resource].key
        if reference.reference_fields != target or len(reference.fields) != len(target):
            problem = f"expected the key of {reference.resource}, {list(target)}, and as many fields."
            document.fail((*here, "reference_fields"), problem)


def _check_package(document: Document, package: Package) -> None:
    addresses: dict[Place, str] = {
        ("homepage",): package.homepage,
        ("source", "url"): package.source.url,
        ("source", "documentation"): package.source.documentation,
        ("license", "url"): package.license.url,
        **{("contributors", number, "url"): each.url for number, each in enumerate(package.contributors)},
    }
    for place, address in addresses.items():
        if not is_web_address(address):
            document.fail(("package", *place), f"{address!r}; expected an address with http:// or https://.")
    if package.contact and not is_email_address(package.contact.email):
        document.fail(("package", "contact", "email"), f"{package.contact.email!r}; expected an e-mail address.")
    if "{access_date}" not in package.citation:
        document.fail(("package", "citation"), "expected the placeholder {access_date} for the date of access.")


def is_web_address(text: str) -> bool:
    """Whether a text is the address of a web page: http or https, a host, and neither blanks nor control characters.

    Pages turn addresses into links, and a link of another scheme, such as ``javascript:``, may run a program.
    """
    if not text.isprintable() or any(letter.isspace() for letter in text) or "\\" in text:
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def is_email_address(text: str) -> bool:
    """Whether a text is an e-mail address and nothing else."""
    return _EMAIL.fullmatch(text) is not None
