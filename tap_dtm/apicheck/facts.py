"""The facts about the API. Each has a sentence, and a pure function that judges it by the answers.

A fact is *needed* if, without it, the rows cannot be read, or the rows in a target differ from the API's. If another
fact does not hold, the tap works around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tap_dtm.apicheck import envelopes, filters, levels, rows
from tap_dtm.apicheck.look import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_dtm.apicheck.seen import Seen, Verdict


@dataclass(frozen=True)
class Fact:
    """A sentence about the API, and the function that judges whether it holds."""

    sentence: str
    judge: Callable[[Seen], Verdict]
    is_needed: bool = False


FACTS: Final = (
    Fact("Both lists and every level of a country arrive.", envelopes.arrival, is_needed=True),
    Fact("No request has to be repeated.", envelopes.repeats),
    Fact("Answers take a small part of request_timeout and answer_budget_mb.", envelopes.bounds),
    Fact("Answers are JSON.", envelopes.json, is_needed=True),
    Fact(
        "An answer has the members result (a list), statusCode, isSuccess and totalRecordsCount.",
        envelopes.members,
        is_needed=True,
    ),
    Fact("An answer has no other members than these and errorMessages.", envelopes.no_other_members),
    Fact("totalRecordsCount is the number of rows.", envelopes.total, is_needed=True),
    Fact(
        "Lists and levels report success: isSuccess is true, and statusCode is 200, or 204 without rows.",
        envelopes.success,
        is_needed=True,
    ),
    Fact("Both lists have rows.", rows.of_lists, is_needed=True),
    Fact("A country of the list has rows at admin 0.", rows.of_countries, is_needed=True),
    Fact("Rows have every field that the tap reads.", rows.fields, is_needed=True),
    Fact("Every value can be read as the type of its field.", rows.values, is_needed=True),
    Fact("Values are written in one form: JSON integers, and days as midnights without a zone.", rows.forms),
    Fact("Only fields that may be null are null.", rows.nulls),
    Fact("Rows have no field that the tap does not know.", rows.no_other_fields),
    Fact("Rows are no finer than requested.", rows.grain, is_needed=True),
    Fact("Rows are of the requested country.", rows.country, is_needed=True),
    Fact("Admin 1 adds up to admin 0, in every round that it has.", levels.sums_of(1), is_needed=True),
    Fact("Admin 2 adds up to admin 0, in every round that it has.", levels.sums_of(2), is_needed=True),
    Fact("Admin 0 has every round that admin 1 and 2 have.", levels.no_other_rounds),
    Fact("Admin 1 and 2 have every round that admin 0 has.", levels.all_rounds),
    Fact("The operations of admin 0 are on the list of operations.", levels.operations_listed),
    Fact("The operations on the list are in admin 0.", levels.operations_shown),
    Fact("Operation matches an operation by its name.", filters.exact(Role.OPERATION)),
    Fact("Operation distinguishes upper and lower case.", filters.without_rows(Role.CASE)),
    Fact("Operation does not match the beginning of a name.", filters.without_rows(Role.PART)),
    Fact("FromReportingDate and ToReportingDate include the day that they name.", filters.exact(Role.DATES)),
    Fact("FromRoundNumber and ToRoundNumber include the round that they name.", filters.exact(Role.ROUNDS)),
    Fact("A filter that matches nothing gives a success without rows.", filters.nothing()),
    Fact("A country code that is not listed gives a failure: isSuccess is false.", filters.unknown()),
)
