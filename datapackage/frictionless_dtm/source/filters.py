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
    from collections.abc import Callable, Collection, Iterable, Mapping


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
