"""Reads ``dtm://`` addresses, and reports the mistakes in them. Pure functions."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from typing_extensions import override

from frictionless_dtm.source.filters import BY_NAME, PLACES, Filters, plain
from tap_dtm.errors import DtmError
from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.model import API_VERSIONS
from tap_dtm.settings import KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_dtm.metadata import Resource

SANDBOX: Final = "sandbox"
_VERSIONS: Final = tuple(reversed(API_VERSIONS))
TABLES: Final = {
    "countries": "countries",
    "operations": "operations",
    "admin0": "idp_admin0",
    "admin1": "idp_admin1",
    "admin2": "idp_admin2",
}
"""The streams by their names in addresses."""
_LISTS: Final = {"countries": PLACES[:2], "operations": PLACES}
"""The filters of the tables that have no figures."""
_SANDBOX_OPTIONS: Final = ("publication", "seed", "countries", "rows")
_SPELLINGS: Final = {
    plain(spelling.rpartition("/")[-1]): name
    for name, stream in TABLES.items()
    for spelling in (name, stream, *load_catalogue().resources[stream].endpoints.values())
}


@dataclass(frozen=True)
class Address:
    """A table of DTM, or a package of tables when ``table`` is None.

    ``table`` is the name in the address, such as ``admin1``. ``sandbox`` has the options of the sandbox; None is the
    real API.
    """

    api_version: str
    table: str | None
    filters: Filters
    sandbox: Mapping[str, str] | None = field(default=None, hash=False)

    @property
    def resource(self) -> Resource:
        """The description of the table in the catalogue."""
        return load_catalogue().resources[TABLES[self.table or ""]]

    @property
    def tables(self) -> tuple[Address, ...]:
        """The tables of a package: the lists, and the figures if a filter names a place. For a table, only itself."""
        if self.table is not None:
            return (self,)
        names = [name for name in TABLES if self.filters.has_place or name in _LISTS]
        return tuple(replace(self, table=name, filters=self.filters.only(_filters_of(name))) for name in names)

    @override
    def __str__(self) -> str:
        """Return the address in its canonical spelling."""
        place = [SANDBOX] if self.sandbox is not None else []
        place += [self.api_version, *([self.table] if self.table else [])]
        query = urlencode({**(self.sandbox or {}), **self.filters.values}, quote_via=quote)
        return f"dtm://{'/'.join(place)}{'?' if query else ''}{query}"


def parse(text: str) -> Address:
    """Read an address such as ``dtm://v3/admin1?country=XAA&from=2024-01-01``.

    The message about a wrong address never repeats a value that may be a key.
    """
    try:
        parts = urlsplit(text)
    except ValueError:
        raise DtmError(
            "A dtm:// address cannot have brackets or special letters before its '?'. Write it like dtm://v3/admin1?..."
        ) from None
    if "@" in parts.netloc:
        raise _holds_a_key()
    if parts.fragment:
        raise DtmError("A dtm:// address cannot have a part after '#'. Write %23 for a '#' in a name.")
    segments = [segment.lower() for segment in f"{parts.netloc}/{parts.path}".split("/") if segment]
    is_sandbox = segments[:1] == [SANDBOX]
    segments = segments[is_sandbox:]
    version = segments.pop(0) if segments[:1] and segments[0] in _VERSIONS else None
    if segments[:1] == ["displacement"]:  # the API's own path
        segments.pop(0)
    table = _table(segments) if segments else None
    if version is None and not is_sandbox and table is None:
        raise DtmError("A dtm:// address begins with a version of the API. Write dtm://v3 or dtm://sandbox/v3.")
    sandbox, filters = _query(parts.query, table, is_sandbox=is_sandbox)
    if (filters.values if table is None else table not in _LISTS) and not filters.has_place:
        raise DtmError(
            f"{'dtm://.../' + table if table else 'A package of figures'} needs a country or an operation. Add "
            "country=, countryName= or operation=. dtm://v3/countries lists the countries."
        )
    return Address(version or _VERSIONS[0], table, filters, sandbox if is_sandbox else None)


def _table(segments: list[str]) -> str:
    name = _SPELLINGS.get(plain(segments[0])) if len(segments) == 1 else None
    if name is not None:
        return name
    if re.fullmatch(r"v\d+", segments[0]):
        raise DtmError(f"There is no version '{segments[0]}' of the API. Write {' or '.join(_VERSIONS)}.")
    near = difflib.get_close_matches(plain(segments[-1]), _SPELLINGS, n=1)
    hint = f"the nearest is {_SPELLINGS[near[0]]}" if near else f"it has {', '.join(TABLES)}"
    raise DtmError(f"dtm:// has no table '{'/'.join(segments)}'; {hint}.")


def _filters_of(table: str | None) -> tuple[str, ...]:
    """Return the names of a table's filters; for a package, those that all of its figures have."""
    level = int(table[-1]) if table and table not in _LISTS else 0
    return _LISTS.get(table or "", tuple(name for name, kind in BY_NAME.items() if kind.level <= level))


def _query(query: str, table: str | None, *, is_sandbox: bool) -> tuple[dict[str, str], Filters]:
    options: dict[str, str] = {}
    values: dict[str, str] = {}
    known = {plain(spelling): name for name in _filters_of(table) for spelling in (name, *BY_NAME[name].spellings)}
    for written, value in parse_qsl(query, keep_blank_values=True):
        key = plain(written)
        if "key" in key or key in {"token", "secret"}:
            raise _holds_a_key()
        into, name = (values, known[key]) if key in known else (options, key)
        if into is options and not (is_sandbox and key in _SANDBOX_OPTIONS):
            raise _unknown(written, table, known, is_sandbox=is_sandbox)
        if not value:
            raise DtmError(f"The parameter {written} has no value. Add a value, or leave the parameter out.")
        if name in into:
            raise DtmError(f"The parameter {written} appears twice. DTM accepts one value for each parameter.")
        into[name] = value
    return options, Filters.check(values)


def _unknown(written: str, table: str | None, known: Mapping[str, str], *, is_sandbox: bool) -> DtmError:
    what = f"The table {table}" if table else "A package"
    choices = {**known, **(dict(zip(_SANDBOX_OPTIONS, _SANDBOX_OPTIONS, strict=True)) if is_sandbox else {})}
    has = f"it has {', '.join(dict.fromkeys(choices.values()))}"
    elsewhere = {plain(spelling) for name, kind in BY_NAME.items() for spelling in (name, *kind.spellings)}
    if plain(written) in elsewhere:
        return DtmError(f"{what} cannot be filtered by {written}; {has}.")
    near = difflib.get_close_matches(plain(written), choices, n=1, cutoff=0.5)
    return DtmError(f"{what} has no parameter '{written}'; {f'the nearest is {choices[near[0]]}' if near else has}.")


def _holds_a_key() -> DtmError:
    return DtmError(
        "A dtm:// address must not have a key, because addresses are written to descriptors and logs. Put the key into "
        f"the environment variable {KEY_VARIABLE}."
    )
