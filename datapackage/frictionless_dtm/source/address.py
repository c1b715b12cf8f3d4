"""Reads ``dtm://`` addresses, reports the mistakes in them, and keeps the rows that an address names.

The API does not document how its filters match, so every answer is filtered again here. The result is the same if the
API ignores a filter or matches a prefix. Names are compared without regard to case.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from typing_extensions import override

from tap_dtm.errors import DtmError
from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.model import API_VERSIONS
from tap_dtm.settings import KEY_VARIABLE, is_date

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from tap_dtm.metadata import Resource


def _code(_: str, value: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{3}", value):
        raise DtmError(
            f"The parameter country is '{value}': write an ISO 3166-1 alpha-3 code such as XAA, or use countryName=."
        )
    return value.upper()


def _date(name: str, value: str) -> str:
    if not is_date(value):
        raise DtmError(f"The parameter {name} is '{value}': write a date as YYYY-MM-DD.")
    return value


def _round(name: str, value: str) -> str:
    if not re.fullmatch(r"\d{1,9}", value, re.ASCII):
        raise DtmError(f"The parameter {name} is '{value}': write a whole number of 0 or more.")
    return str(int(value))


@dataclass(frozen=True)
class Kind:
    """A filter: other spellings of its name, the parameters to send, and the column and first level that have it."""

    spellings: tuple[str, ...] = ()
    sent_as: tuple[str, ...] = ()
    column: str = ""
    level: int = 0
    check: Callable[[str, str], str] = lambda _, value: value


BY_NAME: Final[Mapping[str, Kind]] = {
    "country": Kind(("admin0Pcode",), ("Admin0Pcode",), "admin0_pcode", check=_code),
    "countryName": Kind(("admin0Name",), ("CountryName",), "admin0_name"),
    "operation": Kind((), ("Operation",), "operation"),
    "from": Kind(("fromReportingDate", "fromDate"), ("FromReportingDate",), check=_date),
    "to": Kind(("toReportingDate", "toDate"), ("ToReportingDate",), check=_date),
    "round": Kind(("roundNumber",), ("FromRoundNumber", "ToRoundNumber"), check=_round),
    "fromRound": Kind(("fromRoundNumber",), ("FromRoundNumber",), check=_round),
    "toRound": Kind(("toRoundNumber",), ("ToRoundNumber",), check=_round),
    # The API answers some requests for area names with 500, every time. So these are filtered only here.
    "admin1Name": Kind(column="admin1_name", level=1),
    "admin1Pcode": Kind((), ("Admin1Pcode",), "admin1_pcode", level=1),
    "admin2Name": Kind(column="admin2_name", level=2),
    "admin2Pcode": Kind((), ("Admin2Pcode",), "admin2_pcode", level=2),
}
PLACES: Final = ("country", "countryName", "operation")


def plain(name: str) -> str:
    """Return the common form of a name's spellings: ``admin1_pcode`` and ``Admin1Pcode`` are equal."""
    return re.sub(r"[-_\s]", "", name).lower()


@dataclass(frozen=True)
class Filters:
    """Checked values by the name of their filter."""

    values: Mapping[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def check(cls, values: Mapping[str, str]) -> Filters:
        """Check values, and convert them to one spelling."""
        checked = {name: BY_NAME[name].check(name, value) for name, value in values.items()}
        if "round" in checked and {"fromRound", "toRound"} & checked.keys():
            raise DtmError("The parameter round names one round. Leave it out if you use fromRound or toRound.")
        if checked.get("from", "") > checked.get("to", "9999-12-31"):
            raise DtmError(f"The parameter from ({checked['from']}) is after to ({checked['to']}): swap them.")
        if int(checked.get("fromRound", 0)) > int(checked.get("toRound", 10**9)):
            raise DtmError("The parameter fromRound is above toRound: swap them.")
        return cls(checked)

    @property
    def has_place(self) -> bool:
        """Whether a filter names a country or an operation. Without one, the API refuses the request."""
        return any(name in self.values for name in PLACES)

    def only(self, names: Collection[str]) -> Filters:
        """Return the filters of these names."""
        return Filters({name: value for name, value in self.values.items() if name in names})

    @property
    def params(self) -> dict[str, str]:
        """The parameters to send. Round 0 is never sent, because 0 means "no limit" to the API."""
        return {
            parameter: value
            for name, value in self.values.items()
            for parameter in BY_NAME[name].sent_as
            if value != "0" or BY_NAME[name].check is not _round
        }

    def keep(self, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the rows that match, in their order."""
        values = self.values
        texts = [(column, value.casefold()) for name, value in values.items() if (column := BY_NAME[name].column)]
        bounds = [values.get("round") or values.get(name) for name in ("fromRound", "toRound")]
        rounds = [int(bound) if bound else None for bound in bounds]
        return [
            row
            for row in rows
            if all(str(row[column]).casefold() == value for column, value in texts)
            and _is_between(row.get("reporting_date"), values.get("from"), values.get("to"))
            and _is_between(row.get("round_number"), *rounds)
        ]


def _is_between(value: Any, low: Any, high: Any) -> bool:  # noqa: ANN401  dates or numbers; None is no bound
    if low is None and high is None:
        return True
    return value is not None and (low is None or low <= value) and (high is None or value <= high)


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
