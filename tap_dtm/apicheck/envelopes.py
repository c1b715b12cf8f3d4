"""Facts about the arrival of answers, and about the envelope around their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from requests import codes

from tap_dtm.api.envelope import whole_number
from tap_dtm.apicheck.seen import UNSEEN, Facts, Verdict, counted, listed
from tap_dtm.redaction import quoted

if TYPE_CHECKING:
    from tap_dtm.apicheck.look import Look
    from tap_dtm.apicheck.seen import Seen

_NEEDED: Final = frozenset({"result", "statusCode", "isSuccess", "totalRecordsCount"})
_KNOWN: Final = _NEEDED | {"errorMessages"}
_SMALL_PART: Final = 0.25
facts: Final = Facts()


@facts("Both lists and every level of a country arrive.", is_needed=True)
def _arrival(seen: Seen) -> Verdict:
    looks = [look for look in seen.whole if look.failure and not look.is_answered]
    wrong = (f"{look.question}: {look.failure or f'HTTP {look.status}'}".rstrip(".") for look in looks)
    return counted(seen.whole, wrong, "requests")


@facts("No request has to be repeated.")
def _repeats(seen: Seen) -> Verdict:
    again = [look for look in seen.looks if look.repeats]
    return counted(seen.looks, (f"{look.question} (repeated: {look.repeats})" for look in again), "requests")


@facts("Answers take a small part of request_timeout and answer_budget_mb.")
def _bounds(seen: Seen) -> Verdict:
    """Leave room for larger countries and slower days."""
    answered = [look for look in seen.looks if look.is_answered]
    if not answered:
        return UNSEEN
    slowest, largest = max(look.seconds for look in answered), max(look.size for look in answered)
    in_time = slowest <= seen.settings.request_timeout * _SMALL_PART
    is_small = largest <= seen.settings.answer_budget_mb * 1_000_000 * _SMALL_PART
    return Verdict(in_time and is_small, f"The slowest took {slowest:.2f} s, and the largest has {largest:,} bytes.")


@facts("Answers are JSON.", is_needed=True)
def _json(seen: Seen) -> Verdict:
    looks = [look for look in seen.looks if look.is_answered]
    return counted(
        looks, (f"{look.question}: {look.size:,} bytes of another format" for look in looks if not look.is_json)
    )


@facts("An answer has the members result (a list), statusCode, isSuccess and totalRecordsCount.", is_needed=True)
def _members(seen: Seen) -> Verdict:
    looks = [look for look in seen.looks if look.is_json]
    lacking = ((look, sorted(_NEEDED - set(look.envelope or ()))) for look in looks)
    problems = [
        f"{look.question}: {f'without {listed(missing)}' if missing else 'result is not a list'}"
        for look, missing in lacking
        if missing or look.rows is None
    ]
    return counted(looks, problems)


@facts("An answer has no other members than these and errorMessages.")
def _no_other_members(seen: Seen) -> Verdict:
    looks = [look for look in seen.looks if look.envelope is not None]
    other = ((look, sorted(quoted(name, 50) for name in set(look.envelope or ()) ^ _KNOWN)) for look in looks)
    return counted(looks, (f"{look.question}: {listed(names)}" for look, names in other if names))


@facts("totalRecordsCount is the number of rows.", is_needed=True)
def _total(seen: Seen) -> Verdict:
    looks = [look for look in seen.looks if look.rows is not None]
    totals = ((look, whole_number(look.member("totalRecordsCount")), len(look.rows or ())) for look in looks)
    return counted(
        looks,
        (
            f"{look.question}: {'no number' if total is None else total}, and {rows} rows"
            for look, total, rows in totals
            if total != rows
        ),
    )


@facts(
    "Lists and levels report success: isSuccess is true, and statusCode is 200, or 204 without rows.", is_needed=True
)
def _success(seen: Seen) -> Verdict:
    looks = [look for look in seen.whole if look.rows is not None]
    return counted(looks, (f"{look.question}: {envelope_in_words(look)}" for look in looks if not _is_success(look)))


def _is_success(look: Look) -> bool:
    if look.is_unknown and look.question.level:
        return True  # below admin 0, a country without areas may be unknown
    code = whole_number(look.member("statusCode"))
    return look.member("isSuccess") is True and (code == codes.ok or (code == codes.no_content and not look.rows))


def envelope_in_words(look: Look) -> str:
    """Return the members of an envelope that report success or failure, in words."""
    code, success = whole_number(look.member("statusCode")), look.member("isSuccess")
    words = str(success).lower() if isinstance(success, bool) else "neither true nor false"
    message = f', "{look.message.rstrip(".")}"' if look.message else ""
    return f"isSuccess {words}, statusCode {'no number' if code is None else code}{message}"
