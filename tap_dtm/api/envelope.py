"""The envelope of an answer, decoded from its bytes, with the rows in it."""

from __future__ import annotations

import codecs
import json
import re
from functools import cache
from typing import Any, Final, NoReturn

import msgspec
from msgspec import UNSET

from tap_dtm import redaction
from tap_dtm.errors import DtmAnswerError

_COSTS: Final = {b"{": 200, b"[": 60, b",": 40}  # bytes of memory for each, at least
_MOST_TIMES: Final = 3  # the memory of an answer's values, in sizes of the answer
_SMALL: Final = 16_000_000  # bytes that they may take in addition
NUL: Final = rb"\u0000"

# In older versions, msgspec's errors are not ValueErrors; an error in UTF-8 always is.
_NOT_JSON: Final = (msgspec.DecodeError, ValueError, RecursionError)


class NotJsonError(Exception):
    """The bytes are not JSON."""


class Envelope(msgspec.Struct):
    """The members of an answer. ``result`` is ``UNSET`` if it is missing."""

    result: Any = UNSET
    statusCode: Any = None  # noqa: N815  the API's name
    isSuccess: Any = None  # noqa: N815
    errorMessages: Any = None  # noqa: N815
    totalRecordsCount: Any = None  # noqa: N815
    message: Any = None


@cache
def _usual(form: type[msgspec.Struct]) -> msgspec.json.Decoder[Any]:
    """Return the decoder of the usual envelope, around rows of one form."""
    members = [
        ("result", list[form]),  # type: ignore[valid-type]
        ("statusCode", int),
        ("isSuccess", bool),
        ("errorMessages", list[str] | None),
        ("totalRecordsCount", int),
    ]
    return msgspec.json.Decoder(msgspec.defstruct("Usual", members, bases=(Envelope,)))


def read_envelope(body: bytearray, form: type[msgspec.Struct] | None = None) -> Envelope | None:
    """Return the envelope of an answer, which may begin with a byte order mark; None for JSON of another kind.

    If all rows fit into the form, they are decoded into it.

    Raises:
        NotJsonError: The answer is not JSON.
        DtmAnswerError: Its values would take far more memory than those of DTM's answers do.
    """
    if form is not None:
        try:
            return _usual(form).decode(_text(body))  # type: ignore[no-any-return]
        except _NOT_JSON:
            pass  # some values have another form; their check names them
    members = decoded(body)
    if not isinstance(members, dict):
        return None
    return Envelope(**{name: members[name] for name in Envelope.__struct_fields__ if name in members})


def decoded(body: bytearray) -> Any:  # noqa: ANN401
    """Return an answer as Python's objects. A small text may be large in memory: ``{}`` takes 64 bytes there.

    Raises:
        NotJsonError: The answer is not JSON.
        DtmAnswerError: Its values would take far more memory than those of DTM's answers do.
    """
    if sum(cost * body.count(sign) for sign, cost in _COSTS.items()) > _MOST_TIMES * len(body) + _SMALL:
        raise DtmAnswerError("its rows would take far more memory than rows of the DTM API do")
    try:
        return msgspec.json.decode(_text(body))
    except _NOT_JSON:
        pass
    try:
        # Also reads lone surrogates and numbers that no table holds. The check of the values names their row.
        return json.loads(bytes(_text(body)), parse_constant=_refuse)
    except _NOT_JSON:
        raise NotJsonError from None


def _text(body: bytearray) -> memoryview:
    return memoryview(body)[len(codecs.BOM_UTF8) if body.startswith(codecs.BOM_UTF8) else 0 :]


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and Infinity are not JSON


def whole_number(value: object) -> int | None:
    """Return a whole number in any spelling that has exactly one meaning: 12, 12.0 and "12"; None for others."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if type(value) is int else None


def message_of(value: Any) -> str:  # noqa: ANN401
    """Return the API's own explanation, one text or a list of them, for a message."""
    words = value if isinstance(value, list) else [value]
    return redaction.quoted("; ".join(map(str, words))) if value else ""
