"""The descriptor of a package that is to be published: read, and as far as publishing uses it, of the right form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from frictionless_dtm.descriptor.reading import Descriptor
from tap_dtm.errors import DtmError
from tap_dtm.metadata import is_web_address

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_Shape = TypeVar("_Shape")
DESCRIPTOR: Final = "datapackage.json"
PAGES: Final = ("README.md", "CHANGELOG.md", "CITATION.cff", "index.html", "quality.json")
"""What target-datapackage writes in addition to the data and the descriptor, which does not list these files."""


def read_descriptor(path: Path) -> Mapping[str, Any]:
    """Return the descriptor, without properties that are null.

    Raises:
        DtmError: There is none, or what publishing uses of it has another form than the standard gives it.
    """
    try:
        descriptor = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DtmError(f"{path.parent} is no data package: it holds no {DESCRIPTOR}.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DtmError(f"{path} cannot be read: {error}") from None
    descriptor = _without_null(descriptor)
    if not isinstance(descriptor, dict) or not isinstance(descriptor.get("resources"), list):
        raise DtmError(f"{path} is no data package: it lists no resources.")
    for name in ("name", "version"):
        text = descriptor.get(name)
        if not isinstance(text, str) or not text:
            raise DtmError(f"{path} has no {name}, without which it cannot be published.")
        if not text.isprintable():
            raise DtmError(f"{path} has the {name} {text!r}: a {name} is one line of printable characters.")
    read = as_shape(descriptor, Descriptor, f"{path} is not a descriptor as the standard has it")
    _check_addresses(path, read)
    return descriptor


def as_shape(value: Any, shape: type[_Shape], what: str) -> _Shape:  # noqa: ANN401
    """Return a JSON value that others have written as the type that it must have, without what the type does not name.

    Args:
        value: Of dicts, lists and plain values.
        shape: A type of msgspec's.
        what: The beginning of the sentence that refuses it.

    Raises:
        DtmError: It is of another form; the sentence says what and where, and repeats no value.
    """
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise DtmError(f"{what} ({error}).") from None


def _check_addresses(path: Path, said: Descriptor) -> None:
    """Refuse addresses that a site would turn into links of another kind than web pages."""
    named = [("homepage", said.homepage)]
    named += [("sources", each.path) for each in said.sources]
    named += [("contributors", each.path) for each in said.contributors]
    named += [("licenses", each.path) for each in said.licenses]
    for what, address in named:
        if address and not is_web_address(address):
            raise DtmError(
                f"{path} is not published: {what} names the address {address!r}. Only addresses with http:// or "
                "https:// may be published. Correct the metadata and write the package again."
            )


def _without_null(value: Any, depth: int = 0) -> Any:  # noqa: ANN401
    """Leave out what is null of the descriptor, and of the objects in its lists: deeper, null may mean something."""
    if isinstance(value, dict):
        return {name: _without_null(each, depth + 1) for name, each in value.items() if each is not None}
    if isinstance(value, list) and depth == 1:
        return [_without_null(each, depth + 1) for each in value]
    return value
