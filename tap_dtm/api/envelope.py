"""The rows of an answer, decoded from its bytes one by one.

A small text may be large in memory: ``{}`` takes 64 bytes there. So the memory of rows is counted while they are
decoded. Nearly all texts repeat, and each is kept once.
"""

from __future__ import annotations

import codecs
import json
import re
import sys
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tap_dtm import redaction
from tap_dtm.errors import DtmAnswerError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_TIMES: Final = 3  # the memory of rows, in sizes of the answer
_SMALL: Final = 16_000_000  # bytes that rows may take in addition
_LONGEST_ROW: Final = 1_000_000  # bytes
_MOST_BRACES: Final = 64  # in one row
_LONGEST_VALUE: Final = 100_000  # bytes of a field of the envelope, other than the rows
_PER_ROW: Final = 8  # bytes of the list's slot
_PER_TEXT: Final = 100  # bytes of an entry in the dictionary of texts
_PER_NUMBER: Final = 32  # bytes
_AFTER_ROW = re.compile(rb"[ \t\r\n]*([,\]])[ \t\r\n]*")
_BEFORE_ROW = re.compile(rb"[ \t\r\n]*\[[ \t\r\n]*")
_BRACE = re.compile(rb"\}")
_MOST_ODD: Final = 100  # in one answer: each takes some milliseconds
# Backslashes, a surrogate pair, or a lone surrogate (the group).
_SURROGATES: Final = re.compile(
    rb"(?:\\\\)+|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_MOST_SURROGATES: Final = 1_000_000  # in one answer
NUL: Final = rb"\u0000"


# In older versions, msgspec's errors are not ValueErrors; an error in UTF-8 always is.
_NOT_JSON: Final = (msgspec.DecodeError, ValueError, RecursionError)


class NotJsonError(Exception):
    """The bytes are not JSON."""


class Envelope(msgspec.Struct):
    """The fields of an answer as raw JSON, which costs nothing to decode; a missing field is empty.

    msgspec is stricter than Python's json: NaN is an error.
    """

    result: msgspec.Raw = msgspec.Raw(b"")
    statusCode: msgspec.Raw = msgspec.Raw(b"")  # noqa: N815  the API's name
    isSuccess: msgspec.Raw = msgspec.Raw(b"")  # noqa: N815
    errorMessages: msgspec.Raw = msgspec.Raw(b"")  # noqa: N815
    totalRecordsCount: msgspec.Raw = msgspec.Raw(b"")  # noqa: N815
    message: msgspec.Raw = msgspec.Raw(b"")

    def has(self, name: str) -> bool:
        """Whether the answer has a field."""
        return bool(memoryview(getattr(self, name)).nbytes)

    def value(self, name: str) -> Any:  # noqa: ANN401
        """Return the value of a field other than the rows: None if it is missing, its start if it is long."""
        raw = memoryview(getattr(self, name))
        if not raw.nbytes:
            return None
        if raw.nbytes > _LONGEST_VALUE:
            return bytes(raw[:_LONGEST_VALUE]).decode(errors="replace")
        return _decoded(raw)

    def rows(self, form: type[msgspec.Struct] | None = None) -> list[Any] | None:
        """Return the entries of ``result``, which need not be rows; None when ``result`` is null.

        Args:
            form: The struct to decode rows into, if all of them fit.

        Raises:
            NotJsonError: ``result`` is not JSON.
            DtmAnswerError: ``result`` is not a list, or its entries would take far more memory than rows do.
        """
        raw = memoryview(self.result)
        if bytes(raw[:5]) == b"null":
            return None
        if form is not None:
            try:
                return msgspec.json.decode(raw, type=list[form])  # type: ignore[valid-type]
            except _NOT_JSON:
                pass  # reading row by row shows which row is wrong
        return list(_rows(raw))


def read_envelope(body: bytearray) -> Envelope | None:
    """Return the envelope of an answer, which may begin with a byte order mark; None for JSON of another kind.

    Raises:
        NotJsonError: The answer is not JSON.
    """
    text = memoryview(body)[len(codecs.BOM_UTF8) if body.startswith(codecs.BOM_UTF8) else 0 :]
    try:
        return _envelope(text)
    except NotJsonError:
        if not _replace_lone_surrogates(body):
            raise
    return _envelope(text)


def _envelope(text: memoryview) -> Envelope | None:
    try:
        return msgspec.json.decode(text, type=Envelope)
    except msgspec.ValidationError:
        _decoded(text, msgspec.Raw)
        return None
    except _NOT_JSON:
        raise NotJsonError from None


def _replace_lone_surrogates(body: bytearray) -> bool:
    """Replace each lone surrogate with NUL, and return whether there were any.

    JSON can escape a lone surrogate, but msgspec refuses the whole answer. No database accepts NUL, so the check of
    the values refuses only the value.
    """
    has_replaced = False
    for match in islice(_SURROGATES.finditer(body), _MOST_SURROGATES):
        if match[1]:
            body[match.start() : match.end()] = NUL
            has_replaced = True
    return has_replaced


def _rows(raw: memoryview) -> Iterator[Any]:
    texts: dict[str, str] = {}
    cost = 0
    most = _MOST_TIMES * raw.nbytes + _SMALL
    start = _BEFORE_ROW.match(raw)
    if start is None:
        raise DtmAnswerError("its result is not a list")
    position = start.end()
    if bytes(raw[position : position + 1]) == b"]":
        return
    odd = 0
    while True:
        try:
            row, position = _row(raw, position)
        except NotJsonError:
            odd += 1
            if odd > _MOST_ODD:
                raise
            row, position = _odd_row(raw, position)
        cost += _PER_ROW + (_keep_texts_once(row, texts) if isinstance(row, dict) else _deep_size(row))
        if cost > most:
            raise DtmAnswerError("its rows would take far more memory than rows of the DTM API do")
        yield row
        after = _AFTER_ROW.match(raw, position)
        if after is None:
            raise NotJsonError
        if after[1] == b"]":
            return
        position = after.end()


def _row(raw: memoryview, start: int) -> tuple[dict[str, Any], int]:
    """Return the row that begins at ``start``, and where it ends.

    The row ends at the first closing brace that completes a JSON object. Earlier braces are in texts or nested objects.
    """
    end = start
    if bytes(raw[start : start + 1]) != b"{":
        raise NotJsonError
    for _ in range(_MOST_BRACES):
        brace = _BRACE.search(raw, end)
        if brace is None:
            raise NotJsonError
        end = brace.end()
        if end - start > _LONGEST_ROW:
            break
        try:
            return _decode_row(raw[start:end]), end
        except _NOT_JSON:
            continue
    raise NotJsonError


def _odd_row(raw: memoryview, start: int) -> tuple[Any, int]:
    """Do the same for an entry that is not a row, and for a row with a number that no table holds.

    The check of the rows refuses the entry and names its place.
    """
    try:
        # The end of a longer text may cut a character.
        text = codecs.getincrementaldecoder("utf-8")().decode(bytes(raw[start : start + _LONGEST_ROW]))
        value, length = _decode_odd(text)
    except _NOT_JSON:
        raise NotJsonError from None
    return value, start + len(text[:length].encode())


def _keep_texts_once(row: dict[str, Any], texts: dict[str, str]) -> int:
    """Replace texts that earlier rows have, and return the memory of the row in bytes."""
    cost = sys.getsizeof(row)
    for name, value in row.items():
        if type(value) is str:
            known = texts.setdefault(value, value)
            if known is value:
                cost += sys.getsizeof(value) + _PER_TEXT
            else:
                row[name] = known
        else:
            cost += _PER_NUMBER if not isinstance(value, (list, dict)) else _deep_size(value)
    return cost


def _deep_size(value: Any) -> int:  # noqa: ANN401
    """Return roughly the memory of a nested value in bytes."""
    if isinstance(value, dict):
        return sys.getsizeof(value) + sum(map(_deep_size, value)) + sum(map(_deep_size, value.values()))
    if isinstance(value, list):
        return sys.getsizeof(value) + sum(map(_deep_size, value))
    return sys.getsizeof(value)


_decode_row = msgspec.json.Decoder(dict[str, Any]).decode
_decode_odd = json.JSONDecoder().raw_decode


def _decoded(text: memoryview, kind: Any = Any) -> Any:  # noqa: ANN401
    try:
        return msgspec.json.decode(text, type=kind)
    except _NOT_JSON:
        raise NotJsonError from None


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
