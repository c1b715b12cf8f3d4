"""The filters of the API's figures: their names in addresses, the parameters to send, and the rows that they keep.

The API does not document how its filters match, so this module filters every answer again. The result is the same if
the API ignores a filter or matches a prefix. Names are compared without regard to case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tap_dtm.errors import DtmError
from tap_dtm.settings import is_date

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping


@dataclass(frozen=True)
class Kind:
    """A filter: other spellings of its name, the parameters to send, and the first level that has it."""

    spellings: tuple[str, ...]
    sent_as: tuple[str, ...]
    level: int = 0


BY_NAME: Final[Mapping[str, Kind]] = {
    "country": Kind(("admin0Pcode",), ("Admin0Pcode",)),
    "countryName": Kind(("admin0Name",), ("CountryName",)),
    "operation": Kind((), ("Operation",)),
    "from": Kind(("fromReportingDate", "fromDate"), ("FromReportingDate",)),
    "to": Kind(("toReportingDate", "toDate"), ("ToReportingDate",)),
    "round": Kind(("roundNumber",), ("FromRoundNumber", "ToRoundNumber")),
    "fromRound": Kind(("fromRoundNumber",), ("FromRoundNumber",)),
    "toRound": Kind(("toRoundNumber",), ("ToRoundNumber",)),
    # The API answers some requests for area names with 500, every time. So these are filtered only here.
    "admin1Name": Kind((), (), level=1),
    "admin1Pcode": Kind((), ("Admin1Pcode",), level=1),
    "admin2Name": Kind((), (), level=2),
    "admin2Pcode": Kind((), ("Admin2Pcode",), level=2),
}
_COLUMNS: Final = {
    "country": "admin0_pcode",
    "countryName": "admin0_name",
    "operation": "operation",
    "admin1Name": "admin1_name",
    "admin1Pcode": "admin1_pcode",
    "admin2Name": "admin2_name",
    "admin2Pcode": "admin2_pcode",
}
_PLACES: Final = ("country", "countryName", "operation")
_DATES: Final = ("from", "to")
_ROUNDS: Final = ("round", "fromRound", "toRound")


def plain(name: str) -> str:
    """Return the common form of a name's spellings: ``admin1_pcode`` and ``Admin1Pcode`` are equal."""
    return re.sub(r"[-_\s]", "", name).lower()


@dataclass(frozen=True)
class Filters:
    """Checked values by the name of their filter."""

    values: Mapping[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def check(cls, values: Mapping[str, str]) -> Filters:
        """Check values, and convert them to one spelling.

        Raises:
            DtmError: A date, round or code is not valid, or the end of a range is before its beginning.
        """
        checked = dict(values)
        if "country" in checked:
            checked["country"] = _code(checked["country"])
        checked |= {name: _date(name, checked[name]) for name in _DATES if name in checked}
        checked |= {name: _round(name, checked[name]) for name in _ROUNDS if name in checked}
        if "round" in checked and {"fromRound", "toRound"} & checked.keys():
            raise DtmError("The parameter round names one round. Leave it out if you use fromRound or toRound.")
        if "from" in checked and "to" in checked and checked["from"] > checked["to"]:
            raise DtmError(f"The parameter from ({checked['from']}) is after to ({checked['to']}): swap them.")
        if "fromRound" in checked and "toRound" in checked and int(checked["fromRound"]) > int(checked["toRound"]):
            raise DtmError("The parameter fromRound is above toRound: swap them.")
        return cls(checked)

    @property
    def has_place(self) -> bool:
        """Whether a filter names a country or an operation. Without one, the API refuses the request."""
        return any(name in self.values for name in _PLACES)

    @property
    def country(self) -> str | None:
        """The country's code, if a filter has it."""
        return self.values.get("country")

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
            if not (name in _ROUNDS and value == "0")
        }

    def keep(self, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the rows that match, in their order."""
        wanted = [(_COLUMNS[name], value.casefold()) for name, value in self.values.items() if name in _COLUMNS]
        first, last = self.values.get("from", ""), self.values.get("to", "9999-12-31")
        one = self.values.get("round")
        low = int(one or self.values.get("fromRound") or "0")
        high = one or self.values.get("toRound")
        has_dates = any(name in self.values for name in _DATES)
        has_rounds = any(name in self.values for name in _ROUNDS)
        return [
            row
            for row in rows
            if all(str(row[column]).casefold() == value for column, value in wanted)
            and (not has_dates or first <= row["reporting_date"] <= last)
            and (not has_rounds or _is_between(row["round_number"], low, high))
        ]


def _is_between(number: int | None, low: int, high: str | None) -> bool:
    return number is not None and low <= number and (high is None or number <= int(high))


def _code(value: str) -> str:
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
