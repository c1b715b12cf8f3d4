"""From the API's rows to the streams' records: names, types, and the guards on what a row must hold."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

from tap_dtm.errors import DtmAnswerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tap_dtm.metadata import Field
    from tap_dtm.selfcheck import Row

# Without these a row cannot be placed: they make up the keys and the bookmarks.
_NEVER_NULL = {"admin0_pcode", "operation", "reporting_date"}
_MIDNIGHT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(T00:00:00(\.0+)?)?\Z")


class RecordBuilder:
    """Turns answers of one endpoint into records.

    Args:
        where: The endpoint, for messages.
        fields: The stream's fields, in order; those without an API name are left to the stream.
    """

    def __init__(self, where: str, fields: Sequence[Field]) -> None:  # noqa: D107
        self._where = where
        self._fields = [(field.name, field.api_name, field.type) for field in fields if field.api_name]

    def build(self, rows: Iterable[dict[str, Any]], country: str | None = None) -> list[Row]:
        """Return the records of an answer.

        Args:
            rows: The API's rows.
            country: The ISO 3166-1 alpha-3 code that was asked for, if one was.

        Raises:
            DtmAnswerError: A row lacks a declared field, holds a value of another type, or names another country.
        """
        return [self._record(row, country) for row in rows]

    def _record(self, row: dict[str, Any], country: str | None) -> Row:
        if not isinstance(row, dict):
            raise DtmAnswerError(f"{self._where} answered with something that is not a row: nothing was taken.")
        record: Row = {}
        for name, api_name, kind in self._fields:
            try:
                value = row[api_name]
            except KeyError:
                raise DtmAnswerError(
                    f"{self._where} answered with a row that lacks the field {api_name}: nothing was taken. "
                    "If the API has changed for good, this tap needs a new version."
                ) from None
            record[name] = self._value(name, value, kind)
        if country and record["admin0_pcode"] != country:
            raise DtmAnswerError(
                f"{self._where} answered with rows of {record['admin0_pcode']} when asked for {country}: "
                "nothing was taken. The next run asks again."
            )
        return record

    def _value(self, name: str, value: Any, kind: str) -> Any:  # noqa: ANN401
        if value is None:
            if name not in _NEVER_NULL:
                return None
        elif kind == "integer":
            if type(value) is int:
                return value
        elif isinstance(value, str):
            if kind != "date":
                return value
            # The API writes calendar dates as midnights without a zone.
            if (match := _MIDNIGHT.match(value)) and _is_date(match[1]):
                return match[1]
        raise DtmAnswerError(
            f"{self._where} answered with {value!r} where the field {name} needs a value of type {kind}: "
            "nothing was taken. If the API has changed for good, this tap needs a new version."
        )


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True
