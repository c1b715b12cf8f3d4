"""Facts about the arrival of answers, and about the envelope around their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from requests import codes

from tap_dtm.api.envelope import whole_number
from tap_dtm.apicheck.seen import UNSEEN, Verdict, counted, listed

if TYPE_CHECKING:
    from tap_dtm.apicheck.look import Look
    from tap_dtm.apicheck.seen import Seen

_NEEDED: Final = frozenset({"result", "statusCode", "isSuccess", "totalRecordsCount"})
_KNOWN: Final = _NEEDED | {"errorMessages"}
_SMALL_PART: Final = 0.25


def arrival(seen: Seen) -> Verdict:
    """Judge whether each request without filters is answered. Filters have other facts."""
    looks = seen.whole
    return counted(
        looks,
        (
            f"{look.question}: {look.failure or f'HTTP {look.status}'}".rstrip(".")
            for look in looks
            if look.failure and not look.is_answered
        ),
        "requests",
    )


def repeats(seen: Seen) -> Verdict:
    """Judge whether every first try was answered."""
    again = [look for look in seen.looks if look.repeats]
    return counted(seen.looks, (f"{look.question} (repeated: {look.repeats})" for look in again), "requests")


def bounds(seen: Seen) -> Verdict:
    """Judge whether the limits allow for larger countries and slower days."""
    answered = [look for look in seen.looks if look.is_answered]
    if not answered:
        return UNSEEN
    slowest, largest = max(look.seconds for look in answered), max(look.size for look in answered)
    in_time = slowest <= seen.settings.request_timeout * _SMALL_PART
    is_small = largest <= seen.settings.answer_budget_mb * 1_000_000 * _SMALL_PART
    return Verdict(in_time and is_small, f"The slowest took {slowest:.2f} s, and the largest has {largest:,} bytes.")


def json(seen: Seen) -> Verdict:
    """Judge whether answers with HTTP 200 are JSON."""
    looks = [look for look in seen.looks if look.is_answered]
    return counted(
        looks, (f"{look.question}: {look.size:,} bytes of another format" for look in looks if not look.is_json)
    )


def members(seen: Seen) -> Verdict:
    """Judge whether envelopes have the members that the client needs."""
    looks = [look for look in seen.looks if look.is_json]
    lacking = ((look, sorted(_NEEDED - set(look.members or ()))) for look in looks)
    problems = [
        f"{look.question}: {f'without {listed(missing)}' if missing else 'result is not a list'}"
        for look, missing in lacking
        if missing or (look.rows is None and look.status == codes.ok)
    ]
    return counted(looks, problems)


def no_other_members(seen: Seen) -> Verdict:
    """Judge whether envelopes have only known members."""
    looks = [look for look in seen.looks if look.members is not None]
    other = ((look, sorted(set(look.members or ()) ^ _KNOWN)) for look in looks)
    return counted(looks, (f"{look.question}: {listed(names)}" for look, names in other if names))


def total(seen: Seen) -> Verdict:
    """Judge whether the client can detect an answer that was cut off."""
    looks = [look for look in seen.looks if look.rows is not None]
    wrong = [look for look in looks if whole_number(look.total) != len(look.rows or ())]
    return counted(looks, (f"{look.question}: {_number(look)}, and {len(look.rows or ())} rows" for look in wrong))


def _number(look: Look) -> str:
    number = whole_number(look.total)
    return "no number" if number is None else f"{number}"


def success(seen: Seen) -> Verdict:
    """Judge whether the answers that runs need report success.

    Below admin 0, a country without areas may be unknown.
    """
    looks = [look for look in seen.whole if look.rows is not None]
    return counted(looks, (f"{look.question}: {envelope_in_words(look)}" for look in looks if not _is_success(look)))


def _is_success(look: Look) -> bool:
    if look.is_unknown and look.question.level:
        return True
    code = whole_number(look.code)
    return look.success is True and (code == codes.ok or (code == codes.no_content and not look.rows))


def envelope_in_words(look: Look) -> str:
    """Return the members of an envelope that report success or failure, in words."""
    code = whole_number(look.code)
    success = str(look.success).lower() if isinstance(look.success, bool) else "neither true nor false"
    message = f', "{look.message.rstrip(".")}"' if look.message else ""
    return f"isSuccess {success}, statusCode {'no number' if code is None else code}{message}"
