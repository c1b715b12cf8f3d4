"""The one form of each value, and its bounds: those of the catalogue and of the databases."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from tap_dtm.api.rows import INT64, bounds_of
from tap_dtm.settings import is_date

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_dtm.metadata import Field

Convert: TypeAlias = "Callable[[Any], Any]"

_CODE: Final = "admin0_pcode"
_LONGEST_KEY: Final = 600  # characters, of up to 4 bytes; Postgres indexes at most 2,704 bytes of a key
_EXACT_FLOAT: Final = 2**53  # from here on, a decimal number may have been rounded while it was read
_LONGEST_INTEGER: Final = len(str(INT64[0]))
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]*)")
# The API writes calendar dates as midnights without a zone.
_MIDNIGHT: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})([T ]00:00(:00(\.0{1,9})?)?(Z|[+-]00:?00)?)?")
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")  # lone surrogates are broken characters
# The same few dates and codes are in most rows.
_remembered = lru_cache(maxsize=10_000)


class WrongValueError(Exception):
    """A value is not valid for its field. The text names the type that the field needs."""


def converter(field: Field, *, is_key: bool) -> Convert:
    """Return the function that converts a value of a field to its one form.

    The function raises WrongValueError if the value is ambiguous, out of bounds, or too much for a supported database.
    """
    if field.type == "integer":
        return _integer(field)
    return _date() if field.type == "date" else _text(field, is_key=is_key)


def _integer(field: Field) -> Convert:
    least, most = bounds_of(field)
    needed = "integer, of at most 64 bits" if (least, most) == INT64 else f"integer, {_range(least, most)}"

    def integer(value: Any) -> int:  # noqa: ANN401
        number = value if type(value) is int else _as_integer(value)
        if number is None or not least <= number <= most:
            raise WrongValueError(needed)
        return number

    return integer


def _as_integer(value: Any) -> int | None:  # noqa: ANN401
    """Return the integer that a decimal number or a text means; None if it is ambiguous or no integer."""
    if type(value) is float and value.is_integer() and abs(value) < _EXACT_FLOAT:
        return int(value)
    if type(value) is str and len(value) <= _LONGEST_INTEGER and _INTEGER.fullmatch(value):
        return int(value)
    return None


def _range(least: int, most: int) -> str:
    if most == INT64[1]:
        return f"{least} or more"
    return f"{most} or less" if least == INT64[0] else f"{least} to {most}"


def _text(field: Field, *, is_key: bool) -> Convert:
    pattern = str(field.constraints.get("pattern", ""))
    enum = field.constraints.get("enum")
    choices = enum if isinstance(enum, tuple) else ()
    needed = "string, without NUL and broken characters"
    needed += f", not blank and of at most {_LONGEST_KEY} characters" if is_key else ""
    if pattern or choices:
        needed = f"string, in the form {pattern}" if pattern else f"string, one of {', '.join(choices)}"
    matches = re.compile(pattern).search

    @_remembered
    def bounded(text: str) -> str:
        bare = text.strip()
        is_storable = not _UNSTORABLE.search(text) and (not is_key or (bool(bare) and len(text) <= _LONGEST_KEY))
        value = bare.upper() if field.name == _CODE and bare.isascii() else text
        if not is_storable or not matches(value) or (choices and value not in choices):
            raise WrongValueError(needed)
        return value

    return _of_text(bounded, needed)


def _date() -> Convert:
    @_remembered
    def day(text: str) -> str:
        match = _MIDNIGHT.fullmatch(text)
        if not match or not is_date(match[1]):
            raise WrongValueError("date")
        return match[1]

    return _of_text(day, "date")


def _of_text(convert: Callable[[str], str], needed: str) -> Convert:
    """Return a function that converts texts, and refuses all other values."""

    def converted(value: Any) -> str:  # noqa: ANN401
        if type(value) is not str:
            raise WrongValueError(needed)
        return convert(value)

    return converted
