"""The one guard before what others have written: an answer of a site, a descriptor edited by hand."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from tap_dtm.errors import DtmError

_Shape = TypeVar("_Shape")


def as_shape(value: Any, shape: type[_Shape], what: str) -> _Shape:  # noqa: ANN401
    """Return a JSON value as the type that it must have; what the type does not name is left out.

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
