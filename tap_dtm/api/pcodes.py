"""OCHA's global P-code list, as HDX publishes it: one CSV file, mostly with a byte order mark and a row of HXL tags.

The list is taken as a whole or not at all: what is wrong anywhere in it may be wrong elsewhere too.
"""

from __future__ import annotations

import csv
import io
import logging
from typing import TYPE_CHECKING, Any, Final

from tap_dtm.api.download import Download
from tap_dtm.api.values import WrongValueError, converter
from tap_dtm.errors import DtmAnswerError, DtmError
from tap_dtm.redaction import quoted
from tap_dtm.settings import is_sandbox
from tap_dtm.utf8 import BOM, text_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from tap_dtm.api.records import Entry
    from tap_dtm.metadata import Resource
    from tap_dtm.settings import Settings

    Line = tuple[int, Sequence[str]]

SETTING: Final = "pcodes"
_COLUMNS: Final = {
    "Location": "admin0_pcode",
    "Admin Level": "admin_level",
    "P-Code": "pcode",
    "Name": "name",
    "Parent P-Code": "parent_pcode",
    "Valid from date": "valid_from",
}
_HXL: Final = "#"
_OTHER_FILES: Final = {b"<": "a web page", b"{": "JSON", b"PK": "a zip archive or a workbook", b"\x1f\x8b": "gzip"}
_KEPT: Final = "Nothing was taken, and the codes that were loaded before stay."
_logger = logging.getLogger("tap-dtm")


def is_set(config: Mapping[str, Any]) -> bool:
    """Return whether the settings name a list. As in ``Settings``, blanks alone name none."""
    return bool(str(config.get(SETTING) or "").strip())


class _WrongListError(Exception):
    """What is wrong with the list, in words that follow its name."""


class PcodeList:
    """The list that the setting names.

    Raises:
        DtmError: The setting is not an address.
    """

    def __init__(self, settings: Settings, resource: Resource) -> None:  # noqa: D107
        if is_sandbox(settings.pcodes):
            raise DtmError(
                f"The setting {SETTING} is sandbox://, where all codes are invented: set api_url to sandbox:// as well."
            )
        self._download = Download(settings.pcodes or "", SETTING, settings)
        self._converters = {
            field.name: converter(field, is_key=field.name in resource.key)
            for field in resource.fields
            if field.name in _COLUMNS.values()
        }

    def entries(self, countries: Collection[str]) -> list[Entry]:
        """Return the entries of these countries, in the order of the list.

        Raises:
            DtmError: It cannot be read, or anything is wrong with it.
        """
        content = self._download.read()
        try:
            _check_kind(content)
            entries = list(self._entries(_lines(text_of(content, self._download.name))))
        except _WrongListError as error:
            raise DtmAnswerError(
                f"{self._download.name} is not OCHA's global P-code list: {error}. {_KEPT} Check the setting {SETTING}."
            ) from None
        wanted = [entry for entry in entries if entry["admin0_pcode"] in countries]
        _logger.info(
            "%s: %d codes of %d countries, the newest valid from %s; %d codes are of countries that are read.",
            self._download.name,
            len(entries),
            len({entry["admin0_pcode"] for entry in entries}),
            max(entry["valid_from"] for entry in entries),
            len(wanted),
        )
        return wanted

    def _entries(self, lines: Iterator[Line]) -> Iterator[Entry]:
        _, header = next(lines, (1, ()))
        if missing := [name for name in _COLUMNS if name not in header]:
            raise _WrongListError(f"its first line, {quoted(','.join(header), 100)}, lacks {', '.join(missing)}")
        places = {name: header.index(name) for name in _COLUMNS}
        found: dict[tuple[str, str], tuple[int, Entry]] = {}
        for number, cells in lines:
            if number == 2 and all(not cell or cell.startswith(_HXL) for cell in cells):  # noqa: PLR2004
                continue
            if len(cells) != len(header):
                raise _WrongListError(f"line {number} has {len(cells)} cells of {len(header)}, as if it were cut off")
            entry = self._entry(number, {name: cells[place].strip() for name, place in places.items()})
            key = entry["admin0_pcode"], entry["pcode"]
            if key in found:
                raise _WrongListError(f"lines {found[key][0]} and {number} both have {quoted(' '.join(key), 100)}")
            found[key] = number, entry
        if not found:
            raise _WrongListError("it is empty")
        for number, entry in found.values():
            _check_parent(number, entry, found)
            yield entry

    def _entry(self, number: int, cells: dict[str, str]) -> Entry:
        entry: dict[str, Any] = {}
        for name, text in cells.items():
            field = _COLUMNS[name]
            if not text:
                raise _WrongListError(f"line {number} has no {name}")
            try:
                entry[field] = self._converters[field](text)
            except WrongValueError as error:
                raise _WrongListError(
                    f"line {number} has {quoted(repr(text), 100)} where {name} needs a value of type {error}"
                ) from None
        return entry


def _check_kind(content: bytes) -> None:
    start = content.removeprefix(BOM)[:100].lstrip()
    if not start:
        raise _WrongListError("it is empty")
    for sign, kind in _OTHER_FILES.items():
        if start.startswith(sign):
            raise _WrongListError(f"it is {kind}, not CSV")


def _lines(text: str) -> Iterator[Line]:
    """Yield the lines that are not empty, with their numbers."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:
        raise _WrongListError(f"line {reader.line_num} is not valid CSV ({error})") from None


def _check_parent(number: int, entry: Entry, found: dict[tuple[str, str], tuple[int, Entry]]) -> None:
    country, level, parent = entry["admin0_pcode"], entry["admin_level"], entry["parent_pcode"]
    if level == 1:
        is_there = parent == country
    else:
        is_there = (country, parent) in found and found[country, parent][1]["admin_level"] == level - 1
    if not is_there:
        raise _WrongListError(
            f"line {number} has the parent {quoted(parent, 100)}, which is no area of {country} at level {level - 1}"
        )
