"""What filters match: an answer with a filter is held against the same rows of the answer without.

The API does not document it, and the tap takes a filtered answer only where it agrees with admin 0.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from tap_dtm.apicheck.envelopes import said
from tap_dtm.apicheck.look import Role
from tap_dtm.apicheck.questions import kept
from tap_dtm.apicheck.seen import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_dtm.apicheck.look import Look
    from tap_dtm.apicheck.seen import Seen

_NOT_ASKED = Verdict(holds=None, seen="It was not asked for.")


def operation(seen: Seen) -> Verdict:
    """Whether the rows of one operation come, and no others."""
    return _exact(seen, Role.OPERATION)


def dates(seen: Seen) -> Verdict:
    """Whether the rows of one day of an operation come, and no others."""
    return _exact(seen, Role.DATES)


def rounds(seen: Seen) -> Verdict:
    """Whether the rows of one round number of an operation come, and no others."""
    return _exact(seen, Role.ROUNDS)


def case(seen: Seen) -> Verdict:
    """Whether a name in another case is another name."""
    return _without_rows(seen, Role.CASE)


def part(seen: Seen) -> Verdict:
    """Whether the beginning of a name is another name."""
    return _without_rows(seen, Role.PART)


def nothing(seen: Seen) -> Verdict:
    """Whether no rows are told from a mistake."""
    look = seen.first(Role.NOTHING)
    if look is None:
        return _NOT_ASKED
    if look.rows:
        return Verdict(holds=None, seen=f"The filter did not match nothing: {len(look.rows):,} rows came.")
    return Verdict(not look.failure, _outcome(look))


def unknown(seen: Seen) -> Verdict:
    """Whether a code that the API does not know is told from a country without rows."""
    look = seen.first(Role.UNKNOWN)
    if look is None:
        return _NOT_ASKED
    return Verdict(look.is_unknown, _outcome(look))


def _exact(seen: Seen, role: Role) -> Verdict:
    look = seen.first(role)
    if look is None:
        return _NOT_ASKED
    if look.failure or look.rows is None:
        return Verdict(holds=False, seen=_outcome(look))
    rows = _whole(seen, look)
    expected = kept(rows, dict(look.question.params))
    came, wanted, everything = _bag(look.rows), _bag(expected), _bag(rows)
    numbers = f"{len(look.rows):,} rows came, of {len(rows):,} without the filter"
    if came == wanted:
        if wanted == everything:
            return Verdict(holds=None, seen=f"The filter would keep all {len(rows):,} rows.")
        return Verdict(holds=True, seen=f"{numbers}.")
    if came == everything:
        return Verdict(holds=False, seen=f"The filter is ignored: all {len(rows):,} rows came.")
    return Verdict(holds=False, seen=f"{numbers}; {len(expected):,} were expected.")


def _without_rows(seen: Seen, role: Role) -> Verdict:
    look = seen.first(role)
    if look is None:
        return _NOT_ASKED
    return Verdict(not look.rows and (look.is_unknown or not look.failure), _outcome(look))


def _whole(seen: Seen, look: Look) -> tuple[dict[str, Any], ...]:
    """Return the rows of the answer without filters that has the same level and country."""
    whole = seen.level(look.question.level or 0, look.question.country)
    return (whole.rows if whole else None) or ()


def _bag(rows: Iterable[dict[str, Any]]) -> Counter[str]:
    """Return rows without their order, and without ``id``, which numbers an answer."""
    return Counter(
        json.dumps({name: value for name, value in row.items() if name != "id"}, sort_keys=True) for row in rows
    )


def _outcome(look: Look) -> str:
    if look.rows is None:
        return look.failure or f"HTTP {look.status}."
    return f"{len(look.rows):,} rows, {said(look)}."
