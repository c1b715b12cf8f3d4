"""The figure of each country and of its areas, as the views ``headline_stock_admin*`` chose them, and why in words."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from frictionless_dtm.pages.figures import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from frictionless_dtm.pages.figures import Operation
    from frictionless_dtm.quality.database import Database
    from tap_dtm.views.preferences import Preference

_REASONS: Final = {
    "only": "The only {freshness} operation.",
    "preferred": "Preferred by the publisher of this package.",
    "newest date": "The newest date of the {freshness} operations.",
    "largest figure": "The largest figure of the {freshness} operations with the newest date.",
    "name": "The first by name of the {freshness} operations with the newest date and the largest figure.",
    "assessment type": "The only {freshness} operation; of the types of its newest round, {type} comes first.",
}
"""By the view's ``chosen_by``."""


@dataclass(frozen=True)
class Area:
    """An area of a headline; the parent is empty for an area of the first level."""

    level: int
    code: str
    name: str
    idps: int | None
    parent: str


@dataclass(frozen=True, kw_only=True)
class Headline:
    """The figure of a country."""

    country: str
    country_name: str
    operation: str
    assessment_type: str | None
    round_number: int | None
    reporting_date: str
    idps: int | None
    age_days: int
    chosen_by: str
    alternatives: int
    is_contested: bool
    freshness: str
    areas: list[Area] = field(default_factory=list)

    @property
    def reason(self) -> str:
        """Why this operation was chosen."""
        known = _REASONS.get(self.chosen_by, "{chosen_by}.")
        said = known.format(freshness=self.freshness, type=self.assessment_type or "?", chosen_by=self.chosen_by)
        is_last_resort = self.freshness == "stale" and self.chosen_by != "preferred"
        return f"No operation is current. {said}" if is_last_resort else said

    @property
    def dissent(self) -> str:
        """What the other current operations say."""
        if not self.alternatives:
            return ""
        others, verb = "the other current operation", ("differs", "is")
        if self.alternatives > 1:
            others, verb = f"the {self.alternatives} other current operations", ("differ (at least one)", "are")
        if self.is_contested:
            return f"Contested: {others} {verb[0]} by more than a tenth."
        return f"{others.capitalize()} {verb[1]} within a tenth of it."


_HEADLINES: Final = """
    SELECT
      admin0_pcode AS country, operation, assessment_type, round_number, reporting_date,
      num_present_idp_ind AS idps, age_days, chosen_by, alternatives, is_contested, freshness
    FROM dtm.headline_stock_admin0"""
_PUBLISHED: Final = "CASE WHEN $is_unknown({0}) THEN '' ELSE {0} END"
_AREAS: Final = {
    level: f"""
    SELECT
      admin0_pcode AS country,
      {_PUBLISHED.format(f"admin{level}_pcode")} AS code,
      {_PUBLISHED.format(f"admin{level}_name")} AS name,
      num_present_idp_ind AS idps,
      {parent} AS parent
    FROM dtm.headline_stock_admin{level}
    ORDER BY ALL"""  # noqa: S608 - of our own words
    for level, parent in (
        (1, "''"),
        (2, f"COALESCE(NULLIF({_PUBLISHED.format('admin1_name')}, ''), {_PUBLISHED.format('admin1_pcode')})"),
    )
}


def headlines_of(database: Database, operations: Sequence[Operation]) -> list[Headline]:
    """Return the headlines by country name."""
    areas: dict[str, list[Area]] = defaultdict(list)
    for level in sorted({1, 2} & set(database.levels)):
        for row in database.rows(_AREAS[level]):
            areas[row.pop("country")].append(Area(level=level, **row))
    names = {each.country: each.country_name for each in operations}
    found = [
        Headline(**row, country_name=names[row["country"]], areas=areas[row["country"]])
        for row in database.rows(_HEADLINES)
    ]
    return sorted(found, key=lambda each: (plain(each.country_name), each.country))


def without_effect(preferences: Iterable[Preference], headlines: Iterable[Headline]) -> Iterator[str]:
    """Yield a sentence for each preference that no headline follows, of the countries that have one."""
    found = {each.country: each for each in headlines}
    for wanted in preferences:
        headline = found.get(wanted.admin0_pcode)
        if headline and unicodedata.normalize("NFC", headline.operation) != wanted.operation:
            yield (
                f'The preferred operation "{wanted.operation}" of {wanted.admin0_pcode} has no effect, because '
                f'it is closed or has no figure. The headline is of "{headline.operation}".'
            )
        elif headline and wanted.assessment_type not in {None, headline.assessment_type}:
            yield (
                f'The preferred assessment type "{wanted.assessment_type}" of {wanted.admin0_pcode} has no effect, '
                f'because "{headline.operation}" has no figure of it. The headline is of {headline.assessment_type}.'
            )
