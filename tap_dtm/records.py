"""From the API's rows to the streams' records: names, types, one form for each value, and the bounds that all meet.

A value is taken when it has exactly one meaning: ``123.0`` and ``"123"`` are the integer 123, and
``2016-01-31T00:00:00Z`` is that day. So rows that are spelled otherwise are the same rows.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Final

from tap_dtm.errors import DtmAnswerError
from tap_dtm.metadata import load_catalogue
from tap_dtm.redaction import quoted
from tap_dtm.settings import is_date

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tap_dtm.metadata import Field
    from tap_dtm.selfcheck import Row

    Convert = Callable[[Any], Any]

_logger = logging.getLogger("tap-dtm")

# Without these a row cannot be placed: they make up the keys and the bookmarks.
_NEVER_NULL: Final = frozenset({"admin0_pcode", "operation", "reporting_date"})
_CODE: Final = "admin0_pcode"
_LONGEST_KEY: Final = 600  # characters; Postgres indexes at most 2,704 bytes of a key
_INT64: Final = (-(2**63), 2**63 - 1)  # the integers that Postgres, BigQuery and DuckDB hold
_EXACT_FLOAT: Final = 2**53  # beyond, a decimal number may have been rounded while it was read
_LONGEST_INTEGER: Final = len(str(_INT64[0]))
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]*)")
# The API writes calendar dates as midnights without a zone.
_MIDNIGHT: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})([T ]00:00(:00(\.0+)?)?(Z|[+-]00:?00)?)?")


class _WrongValueError(Exception):
    """A value does not do; the text says what the field needs."""


class RecordBuilder:
    """Turns answers of one endpoint into records.

    Args:
        where: The endpoint, for messages.
        fields: The stream's fields, in order; those without an API name are left to the stream.
        level: The admin level of the rows; None for the lists.
        unknown: The names of fields that were warned of, shared by all builders of a run.
    """

    def __init__(  # noqa: D107
        self, where: str, fields: Sequence[Field], *, level: int | None = None, unknown: set[str] | None = None
    ) -> None:
        self._where = where
        self._fields = [(field.name, field.api_name, _converter(field)) for field in fields if field.api_name]
        every = [field for field in load_catalogue().fields.values() if field.api_name]
        self._deeper = (
            frozenset(
                str(each.api_name) for each in every if each.levels and not each.omitted and min(each.levels) > level
            )
            if level is not None
            else frozenset()
        )
        self._known = frozenset(str(field.api_name) for field in every)
        self._unknown = set() if unknown is None else unknown

    def build(self, rows: Iterable[dict[str, Any]], country: str | None = None) -> list[Row]:
        """Return the records of an answer.

        Args:
            rows: The API's rows.
            country: The ISO 3166-1 alpha-3 code that was asked for, if one was.

        Raises:
            DtmAnswerError: A row lacks a declared field, holds a value that the field cannot have, is of a deeper
                level, or names another country.
        """
        return [self._record(row, country) for row in rows]

    def build_each(self, rows: Iterable[dict[str, Any]]) -> tuple[list[Row], list[DtmAnswerError]]:
        """Return the records of an answer, and what is wrong with the rows that cannot be records."""
        records, failures = [], []
        for row in rows:
            try:
                records.append(self._record(row, None))
            except DtmAnswerError as failure:  # noqa: PERF203  the lists have some hundred rows
                failures.append(failure)
        return records, failures

    def _record(self, row: dict[str, Any], country: str | None) -> Row:
        if not isinstance(row, dict):
            raise DtmAnswerError(f"{self._where} answered with something that is not a row: nothing was taken.")
        if not row.keys() <= self._known:
            self._warn_of_unknown(row)
        if self._deeper and any(row.get(name) is not None for name in self._deeper):
            raise DtmAnswerError(f"{self._where} answered with rows of a deeper level: nothing was taken.")
        record: Row = {}
        name = api_name = ""
        try:
            for name, api_name, convert in self._fields:
                value = row[api_name]
                record[name] = value if value is None and name not in _NEVER_NULL else convert(value)
        except KeyError:
            raise DtmAnswerError(
                f"{self._where} answered with a row that lacks the field {api_name}{_place(row)}: nothing was "
                "taken. If the API has changed for good, this tap needs a new version."
            ) from None
        except _WrongValueError as wrong:
            raise DtmAnswerError(
                f"{self._where} answered with {quoted(repr(row[api_name]))} where the field {name} needs a value "
                f"of type {wrong}{_place(row)}: nothing was taken. "
                "If the API has changed for good, this tap needs a new version."
            ) from None
        if country and record[_CODE] != country:
            raise DtmAnswerError(
                f"{self._where} answered with rows of {record[_CODE]} when asked for {country}: "
                "nothing was taken. The next run asks again."
            )
        return record

    def _warn_of_unknown(self, row: dict[str, Any]) -> None:
        for name in sorted(row.keys() - self._known - self._unknown):
            self._unknown.add(name)
            _logger.warning(
                "%s answers with a field that this version of the tap does not know, and ignores: %s",
                self._where,
                quoted(name),
            )


def _place(row: dict[str, Any]) -> str:
    """Name the row that is wrong, as far as its fields tell it."""
    names = ("admin0Pcode", "operation", "reportingDate")
    known = [quoted(row[name], 100) for name in names if isinstance(row.get(name), str)]
    return f" ({', '.join(known)})" if known else ""


def _converter(field: Field) -> Convert:
    """Return the function that brings a value of a field into its one form, or refuses it."""
    return {"integer": _integer, "date": _date}.get(field.type, _text)(field)


def _integer(field: Field) -> Convert:
    least = int(str(field.constraints.get("minimum", _INT64[0])))
    most = int(str(field.constraints.get("maximum", _INT64[1])))
    needed = "integer" if (least, most) == _INT64 else f"integer, {_range(least, most)}"

    def integer(value: Any) -> int:  # noqa: ANN401
        number = value if type(value) is int else _as_integer(value)
        if number is None or not least <= number <= most:
            raise _WrongValueError(needed)
        return number

    return integer


def _as_integer(value: Any) -> int | None:  # noqa: ANN401
    """Return the integer that a decimal number or a text is without any doubt, if it is one."""
    if type(value) is float and value.is_integer() and abs(value) <= _EXACT_FLOAT:
        return int(value)
    if type(value) is str and len(value) <= _LONGEST_INTEGER and _INTEGER.fullmatch(value):
        return int(value)
    return None


def _range(least: int, most: int) -> str:
    if most == _INT64[1]:
        return f"{least} or more"
    return f"{most} or less" if least == _INT64[0] else f"{least} to {most}"


def _text(field: Field) -> Convert:
    if field.name == _CODE:
        return _code(str(field.constraints["pattern"]))
    is_key = field.name in _NEVER_NULL
    needed = f"string, not blank and of at most {_LONGEST_KEY} characters" if is_key else "string"

    def text(value: Any) -> str:  # noqa: ANN401
        if type(value) is not str or "\0" in value:  # which no database holds
            raise _WrongValueError(f"{needed}, without the character NUL")
        if is_key and not 0 < len(value.strip()) <= len(value) <= _LONGEST_KEY:
            raise _WrongValueError(needed)
        return value

    return text


def _code(pattern: str) -> Convert:
    known: dict[str, str] = {}  # an answer has one

    def code(value: Any) -> str:  # noqa: ANN401
        if type(value) is not str:
            raise _WrongValueError("string")
        if (text := known.get(value)) is None:
            text = value.strip().upper()
            if not re.fullmatch(pattern, text):
                raise _WrongValueError(f"string, in the form {pattern}")
            known[value] = text
        return text

    return code


def _date(_: Field) -> Convert:
    known: dict[str, str] = {}  # the same few dates stand in many rows

    def date(value: Any) -> str:  # noqa: ANN401
        if type(value) is not str:
            raise _WrongValueError("date")
        if (day := known.get(value)) is None:
            match = _MIDNIGHT.fullmatch(value)
            if not match or not is_date(match[1]):
                raise _WrongValueError("date")
            day = known[value] = match[1]
        return day

    return date
