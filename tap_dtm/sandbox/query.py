"""The filters of the API: parameters in, a yes or no for every line out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_dtm.sandbox.edition import Line
    from tap_dtm.sandbox.model import Country, Level, Operation


class BadValueError(ValueError):
    """A value that cannot be read as what its parameter wants."""

    def __init__(self, parameter: str, value: str) -> None:
        """Name the parameter and the value."""
        super().__init__(f"The value '{value}' is not valid for {parameter}.")
        self.parameter = parameter


def _day(params: Mapping[str, str], name: str) -> date | None:
    value = params.get(name.lower(), "")
    if not value:
        return None
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise BadValueError(name, value)


def _round(params: Mapping[str, str], name: str) -> int | None:
    value = params.get(name.lower(), "")
    if not value:
        return None
    if not re.fullmatch(r"[+-]?\d{1,9}", value, re.ASCII):
        raise BadValueError(name, value)
    # 0 is "no limit", as the R client's defaults show; round 0 cannot be asked for alone.
    return int(value) or None


@dataclass(frozen=True)
class Query:
    """What a request asks for. An empty string is not set, as is None."""

    operation: str
    country_name: str
    admin0_pcode: str
    admin1_name: str
    admin1_pcode: str
    admin2_name: str
    admin2_pcode: str
    from_date: date | None
    to_date: date | None
    from_round: int | None
    to_round: int | None
    ignore_case: bool

    @classmethod
    def parse(cls, params: Mapping[str, str], level: Level, *, ignore_case: bool) -> Query:
        """Read the parameters, in lower case, that this level knows; others are ignored."""

        def text(name: str, since: int = 0) -> str:
            return params.get(name, "") if level >= since else ""

        return cls(
            text("operation"),
            text("countryname"),
            text("admin0pcode"),
            text("admin1name", 1),
            text("admin1pcode", 1),
            text("admin2name", 2),
            text("admin2pcode", 2),
            _day(params, "FromReportingDate"),
            _day(params, "ToReportingDate"),
            _round(params, "FromRoundNumber"),
            _round(params, "ToRoundNumber"),
            ignore_case,
        )

    @property
    def dated(self) -> bool:
        """Whether the request limits the dates."""
        return self.from_date is not None or self.to_date is not None

    def same(self, asked: str, value: str) -> bool:
        """Whether a value is the one asked for; one that was not asked for always is."""
        return not asked or asked == value or (self.ignore_case and asked.casefold() == value.casefold())

    def wants_country(self, country: Country) -> bool:
        """Whether the country passes; name and code must both fit."""
        return self.same(self.admin0_pcode, country.pcode) and self.same(self.country_name, country.name)

    def wants_operation(self, operation: Operation, how: str) -> bool:
        """Whether the operation passes."""
        if not self.operation or how in {"ignored", "nothing"}:
            return True
        if how == "prefix":
            return operation.name.casefold().startswith(self.operation.casefold())
        return self.same(self.operation, operation.name)

    def narrow(self, lines: list[Line], *, dated: bool) -> list[Line]:
        """Keep the lines whose date, round and area pass."""
        same = self.same
        if dated and self.from_date is not None:
            lines = [line for line in lines if line.round.date >= self.from_date]
        if dated and self.to_date is not None:
            lines = [line for line in lines if line.round.date <= self.to_date]
        if self.from_round is not None:
            lines = [line for line in lines if line.round.number >= self.from_round]
        if self.to_round is not None:
            lines = [line for line in lines if line.round.number <= self.to_round]
        if self.admin1_name or self.admin1_pcode or self.admin2_name or self.admin2_pcode:
            lines = [
                line
                for line in lines
                if same(self.admin1_name, line.cell.admin1_name)
                and same(self.admin1_pcode, line.cell.admin1_pcode)
                and same(self.admin2_name, line.cell.admin2_name)
                and same(self.admin2_pcode, line.cell.admin2_pcode)
            ]
        return lines
