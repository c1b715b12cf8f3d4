"""The operations and the headlines of a package, as rows of the views that users install.

Nothing is added up across operations, rounds, dates or assessment types.
"""

from __future__ import annotations

import unicodedata
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from frictionless_dtm.quality.database import Database, Row
    from tap_dtm.views.preferences import Preference

_OPERATIONS: Final = """
    SELECT
      admin0_pcode AS country,
      COALESCE(admin0_name, admin0_pcode) AS country_name,
      operation,
      COALESCE(operation_status, '') AS status,
      first_reporting_date AS first,
      newest_reporting_date AS last,
      age_days,
      interval_days,
      age_in_intervals,
      freshness,
      levels
    FROM dtm.operation_freshness
    JOIN (
      SELECT admin0_pcode, operation, LIST(DISTINCT admin_level ORDER BY admin_level) AS levels
      FROM dtm.round_levels
      GROUP BY ALL
    ) USING (admin0_pcode, operation)"""
_ROUNDS: Final = """
    SELECT
      $key, admin_level, idps, unknown, COALESCE(males, 0) AS males, COALESCE(females, 0) AS females, is_newest,
      is_newest_of_operation
    FROM (SELECT *, ROW($round) AS round FROM dtm.operation_rounds)
    JOIN (SELECT ROW($round) AS round, males, females FROM dtm.stock_by_sex) USING (round)
    JOIN (SELECT ROW($round) AS round, admin_level, unknown FROM dtm.round_levels) USING (round, admin_level)
    ORDER BY $in_order"""
_HEADLINES: Final = """
    SELECT
      admin0_pcode AS country, operation, assessment_type, round_number, reporting_date,
      num_present_idp_ind AS idps, age_days, chosen_by, alternatives, is_contested, freshness
    FROM dtm.headline_stock_admin0"""
_REASONS: Final = {
    "only": "The only {freshness} operation.",
    "preferred": "Preferred by the publisher of this package.",
    "newest date": "The newest date of the {freshness} operations.",
    "largest figure": "The largest figure of the {freshness} operations with the newest date.",
    "name": "The first by name of the {freshness} operations with the newest date and the largest figure.",
    "assessment type": "The only {freshness} operation; of the types of its newest round, {type} comes first.",
}
"""By the view's ``chosen_by``."""


def operations_of(database: Database) -> list[Row]:
    """Return the operations by country name and name.

    Each has its ``rounds``, the oldest first, with the people of the coarsest level that has the round (None if no row
    of it has a figure) and the number of rows without a figure; ``snapshots``, the newest round of each assessment
    type, the latest first; and ``newest``, those of them that report the newest round of the operation.
    """
    rounds = {key: list(rows) for key, rows in groupby(database.rows(_ROUNDS), operation_key)}
    operations = database.rows(_OPERATIONS)
    for each in operations:
        each["rounds"] = rounds[operation_key(each)]
        snapshots = sorted((of for of in each["rounds"] if of["is_newest"]), key=lambda of: of["assessment_type"] or "")
        each["snapshots"] = sorted(snapshots, key=lambda of: str(of["reporting_date"]), reverse=True)
        each["newest"] = [of for of in each["snapshots"] if of["is_newest_of_operation"]]
    return sorted(operations, key=_by_name)


def operation_key(row: Row) -> tuple[str, str]:
    """Return the country and the operation of a row."""
    return row["country"], row["operation"]


def headlines_of(database: Database, operations: Sequence[Row]) -> list[Row]:
    """Return the headlines by country name, each with the reason for the choice and what other operations show.

    Each has the ``place`` of its operation in the list of operations.
    """
    headlines = database.rows(_HEADLINES)
    places = {operation_key(each): place for place, each in enumerate(operations)}
    for each in headlines:
        place = places[operation_key(each)]
        name = operations[place]["country_name"]
        each |= {"place": place, "country_name": name, "reason": reason(each), "dissent": dissent(each)}
    return sorted(headlines, key=_by_name)


def reason(headline: Row) -> str:
    """Return why the operation of a headline was chosen."""
    words = _REASONS.get(headline["chosen_by"], "{chosen_by}.")
    words = words.format(**headline, type=headline["assessment_type"] or "?")
    is_last_resort = headline["freshness"] == "stale" and headline["chosen_by"] != "preferred"
    return f"No operation is current. {words}" if is_last_resort else words


def dissent(headline: Row) -> str:
    """Return how far the other current operations agree with a headline."""
    if not headline["alternatives"]:
        return ""
    others, verb = "the other current operation", ("differs", "is")
    if headline["alternatives"] > 1:
        others, verb = f"the {headline['alternatives']} other current operations", ("differ (at least one)", "are")
    if headline["is_contested"]:
        return f"Contested: {others} {verb[0]} by more than a tenth."
    return f"{others.capitalize()} {verb[1]} within a tenth of it."


def without_effect(preferences: Iterable[Preference], headlines: Iterable[Row]) -> Iterator[str]:
    """Yield a sentence for each preference that the headline of its country does not follow."""
    by_country = {each["country"]: each for each in headlines}
    for wanted in preferences:
        headline = by_country.get(wanted.admin0_pcode)
        if headline and unicodedata.normalize("NFC", headline["operation"]) != wanted.operation:
            yield (
                f'The preferred operation "{wanted.operation}" of {wanted.admin0_pcode} has no effect, because '
                f'it is closed or has no figure. The headline is of "{headline["operation"]}".'
            )
        elif headline and wanted.assessment_type not in {None, headline["assessment_type"]}:
            yield (
                f'The preferred assessment type "{wanted.assessment_type}" of {wanted.admin0_pcode} has no effect, '
                f'because "{headline["operation"]}" has no figure of it. The headline is of '
                f"{headline['assessment_type']}."
            )


def _by_name(row: Row) -> tuple[Any, ...]:
    """Return what operations and headlines are sorted by: names without case and accents."""
    return _plain(row["country_name"]), row["country"], _plain(row["operation"]), row["operation"]


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
