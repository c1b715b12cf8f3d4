"""Reads the descriptor of a package to publish, and checks the form of the properties that publishing uses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from frictionless_dtm.descriptor.package import DESCRIPTOR
from frictionless_dtm.descriptor.reading import Descriptor
from tap_dtm.errors import DtmError
from tap_dtm.metadata import is_web_address

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_Shape = TypeVar("_Shape")


def read_descriptor(path: Path) -> Mapping[str, Any]:
    """Return the descriptor, without properties that are null.

    Raises:
        DtmError: There is no descriptor, or a property that publishing uses does not follow the standard.
    """
    try:
        descriptor = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DtmError(f"{path.parent} is not a data package: it has no {DESCRIPTOR}.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DtmError(f"{path} cannot be read: {error}") from None
    descriptor = _without_null(descriptor)
    if not isinstance(descriptor, dict) or not isinstance(descriptor.get("resources"), list):
        raise DtmError(f"{path} is not a data package: it lists no resources.")
    for name in ("name", "version"):
        text = descriptor.get(name)
        if not isinstance(text, str) or not text:
            raise DtmError(f"{path} has no {name}, which publishing needs.")
        if not text.isprintable():
            raise DtmError(f"{path} has the {name} {text!r}. A {name} must be one line of printable characters.")
    read = as_shape(descriptor, Descriptor, f"{path} does not follow the Data Package standard")
    _check_addresses(path, read)
    return descriptor


def as_shape(value: Any, shape: type[_Shape], what: str) -> _Shape:  # noqa: ANN401
    """Convert a JSON value of another program to a type. Properties that the type does not have are dropped.

    Raises:
        DtmError: The value has another form. The message begins with ``what``, names the place and repeats no value.
    """
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise DtmError(f"{what} ({error}).") from None


def _check_addresses(path: Path, descriptor: Descriptor) -> None:
    """Refuse addresses that a site would turn into links to anything other than web pages."""
    named = [("homepage", descriptor.homepage)]
    named += [("sources", each.path) for each in descriptor.sources]
    named += [("contributors", each.path) for each in descriptor.contributors]
    named += [("licenses", each.path) for each in descriptor.licenses]
    for what, address in named:
        if address and not is_web_address(address):
            raise DtmError(
                f"{path} cannot be published: {what} names the address {address!r}. Only addresses with http:// or "
                "https:// may be published. Correct the metadata and write the package again."
            )


def _without_null(value: Any, depth: int = 0) -> Any:  # noqa: ANN401
    """Remove null properties of the descriptor and of the objects in its lists. Deeper, null may have a meaning."""
    if isinstance(value, dict):
        return {name: _without_null(each, depth + 1) for name, each in value.items() if each is not None}
    if isinstance(value, list) and depth == 1:
        return [_without_null(each, depth + 1) for each in value]
    return value
