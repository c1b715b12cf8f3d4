"""From the API's rows to the program's: names, one form for each value, and the bounds of all values.

A value is accepted if it has exactly one meaning: ``123.0`` and ``"123"`` are the integer 123, and
``2016-01-31T00:00:00Z`` is a day. So different spellings give the same row. A value is refused, with its place, if it
is outside the catalogue's bounds or if a supported database cannot hold it.
"""

from __future__ import annotations

import logging
import threading
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from tap_dtm.api.rows import NEVER_NULL, Row, is_checked, published_form, row_form
from tap_dtm.api.values import WrongValueError, converter
from tap_dtm.errors import DtmAnswerError
from tap_dtm.metadata import load_catalogue
from tap_dtm.redaction import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_dtm.metadata import Resource

Entry: TypeAlias = "dict[str, Any]"
"""One row of an answer, with the names and types of the catalogue."""

_logger = logging.getLogger("tap-dtm")
_lock = threading.Lock()

_CODE: Final = "admin0_pcode"
_MOST_UNKNOWN: Final = 100  # names of unknown fields that a run's log shows
_MOST_SEEN: Final = 10_000  # names that a builder remembers
_ASK_AGAIN: Final = "The next run asks again."
_NEW_VERSION: Final = "If the API has changed for good, this tap needs a new version."


class _RowError(Exception):
    """A row is not valid. The error has what was found and advice."""

    def __init__(self, fact: str, advice: str) -> None:
        super().__init__(fact)
        self.advice = advice


class UnknownFields:
    """The fields that this version does not know. Each causes one warning in a run, across all threads."""

    def __init__(self) -> None:  # noqa: D107
        self._names: set[str] = set()

    def warn(self, where: str, names: Iterable[str]) -> None:
        """Warn of the names that are new in this run."""
        with _lock:
            new = sorted(set(names) - self._names)[: _MOST_UNKNOWN - len(self._names)]
            self._names.update(new)
        for name in new:
            _logger.warning(
                "%s answers with a field that this version of the tap does not know. The tap ignores the field: %s",
                where,
                quoted(name, 100),
            )


class RecordBuilder:
    """Turns answers of one endpoint into rows. Safe to use from several threads.

    ``published`` is the fastest form to decode an answer's rows into. All builders of a run share its unknown fields.
    """

    def __init__(self, resource: Resource, api_version: str, unknown: UnknownFields | None = None) -> None:  # noqa: D107
        self._where = resource.endpoints[api_version]
        fields = [field for field in resource.fields_for(api_version) if field.api_name]
        self._fields = [
            (field.name, str(field.api_name), converter(field, is_key=field.name in resource.key)) for field in fields
        ]
        omitted = {str(field.api_name) for field in load_catalogue().fields.values() if field.omitted}
        self.published = published_form(fields, omitted)
        self._row = row_form(fields)
        # The published form has checked all other columns.
        self._columns = [
            (name, field.type, None if is_checked(field) and name not in resource.key else convert)
            for field, (name, _, convert) in zip(fields, self._fields, strict=True)
        ]
        self._seen: set[str] = omitted | {name for _, name, _ in self._fields}
        self._known = frozenset(self._seen)
        self._finer = _fields_of_finer_rows(resource, api_version)
        self._unknown = unknown or UnknownFields()

    def build(self, rows: list[Any], country: str | None = None) -> list[Row]:
        """Return the rows of an answer, which are as published or of the form ``published``.

        Raises:
            DtmAnswerError: A row lacks a declared field, holds an invalid value, is of a finer table, or names another
                country.
        """
        if rows and isinstance(rows[0], self.published):
            try:
                return self._from_published(rows, country)
            except WrongValueError:
                rows = list(map(msgspec.to_builtins, rows))
        try:
            return [self._row(*self._record(row, country).values()) for row in rows]
        except _RowError as error:
            raise DtmAnswerError(
                f"{self._where} answered with {error}: the answer was discarded. {error.advice}"
            ) from None

    def _from_published(self, rows: list[Any], country: str | None) -> list[Row]:
        """Do the same quickly.

        Raises:
            WrongValueError: A row has an invalid value, or is of another country.
        """
        columns: list[Iterable[Any]] = []
        known: dict[Any, Any] = {}
        for name, kind, convert in self._columns:
            column: Iterable[Any] = map(attrgetter(name), rows)
            if convert is not None:
                values = list(column)
                forms = {value: value if value is None else convert(value) for value in set(values)}
                column = [forms[value] for value in values]
            elif kind == "string":
                values = list(column)
                column = map(known.setdefault, values, values)  # texts repeat; sharing them saves memory
            columns.append(column)
            if name == _CODE and country and set(column) - {country}:
                raise WrongValueError(country)
        return list(map(self._row, *columns))

    def build_each(self, rows: Iterable[Any]) -> tuple[list[Entry], list[DtmAnswerError]]:
        """Return the valid entries of a list, and an error for each invalid row."""
        records, failures = [], []
        for row in rows:
            try:
                records.append(self._record(row, None))
            except _RowError as error:  # noqa: PERF203  the lists have some hundred rows
                failures.append(DtmAnswerError(f"{self._where} answered with {error}. {error.advice}"))
        return records, failures

    def unfit(self, row: dict[str, Any]) -> dict[str, str]:
        """Return the fields of a row that are missing or invalid, by the API's names.

        Returns:
            The type that an invalid field needs; an empty text for a missing field. Values of the row are not included.
        """
        wrong = {api_name: "" for _, api_name, _ in self._fields if api_name not in row}
        for name, api_name, convert in self._fields:
            if api_name in row and (row[api_name] is not None or name in NEVER_NULL):
                try:
                    convert(row[api_name])
                except WrongValueError as error:
                    wrong[api_name] = str(error)
        return wrong

    def unknown(self, row: dict[str, Any]) -> tuple[set[str], set[str]]:
        """Return the API's names of a row's fields that this table does not have.

        Returns:
            The fields that no table has, and the fields with a value that only finer rows have.
        """
        new = row.keys() - self._known
        return new - self._finer, {name for name in new & self._finer if row[name] is not None}

    def _record(self, row: Any, country: str | None) -> Entry:  # noqa: ANN401
        if not isinstance(row, dict):
            raise _RowError(f"something that is not a row ({quoted(repr(row), 100)})", _ASK_AGAIN)
        if not row.keys() <= self._seen:
            self._check_new_fields(row, country)
        record: Entry = {}
        name = api_name = ""
        try:
            for name, api_name, convert in self._fields:
                value = row[api_name]
                record[name] = value if value is None and name not in NEVER_NULL else convert(value)
        except KeyError:
            raise _RowError(f"a row that lacks the field {api_name}{_place(row, country)}", _NEW_VERSION) from None
        except WrongValueError as wrong:
            raise _RowError(
                f"{quoted(repr(row[api_name]))} where the field {name} needs a value of type {wrong}"
                f"{_place(row, country)}",
                _NEW_VERSION,
            ) from None
        if country and record[_CODE] != country:
            raise _RowError(f"rows of {record[_CODE]} when asked for {country}", _ASK_AGAIN)
        return record

    def _check_new_fields(self, row: dict[str, Any], country: str | None) -> None:
        """Check and report fields that no earlier row of this endpoint had."""
        new = row.keys() - self._seen
        for name in sorted(new & self._finer):
            if row[name] is not None:
                raise _RowError(
                    f"rows of another endpoint, which have the field {name}{_place(row, country)}", _ASK_AGAIN
                )
        self._unknown.warn(self._where, new)
        if len(self._seen) < _MOST_SEEN:
            self._seen.update(new - self._finer)


def _fields_of_finer_rows(resource: Resource, api_version: str) -> frozenset[str]:
    """Return the API's names of the fields that make rows finer than the rows of a table.

    These are the areas of deeper levels, the fields by which another version of the API splits rows, and the operation
    for tables without operations.
    """
    catalogue = load_catalogue()
    level, own = resource.level, resource.fields_for(api_version)
    finer = [field for field in resource.fields if field.type == "string"]
    finer += [catalogue.fields[name] for other in catalogue.resources.values() for name in other.key]
    if level is not None:
        finer += [field for field in catalogue.fields.values() if field.from_level > level]
    finer = [field for field in finer if field.api_name and not field.omitted and field not in own]
    return frozenset(str(field.api_name) for field in finer)


def _place(row: dict[str, Any], country: str | None) -> str:
    """Name the place of an invalid row by the fields that it has."""
    where = country or row.get("admin0Pcode") or row.get("admin0Name")
    values = (where, row.get("operation"), row.get("reportingDate"))
    known = [quoted(value, 100) for value in values if value and isinstance(value, str)]
    return f" ({', '.join(known)})" if known else ""
