"""What the page's charts are drawn from, as compact as the page needs it.

Rounds are lists ``[date, number, assessment type, persons, males, females, level, rows without a figure]``; numbers
of people are null where no row has one. Areas are named once per
operation, in ``places``, and referred to by position.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from frictionless_dtm.quality.streams import placeholders

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from frictionless_dtm.pages.figures import Operation, Place, RoundFigures
    from frictionless_dtm.quality.runs import OperationKey


def payload(operations: Sequence[Operation], statuses: Mapping[OperationKey, str | None]) -> dict[str, Any]:
    """Return the figures of all operations for the page."""
    return {
        "countries": dict(sorted((each.country, each.country_name) for each in operations)),
        "operations": [_operation(each, statuses.get((each.country, each.name))) for each in operations],
    }


def as_script(data: Any) -> str:  # noqa: ANN401
    """Return JSON that may stand within a script element: nothing in it can end the element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _operation(operation: Operation, status: str | None) -> dict[str, Any]:
    places: dict[Place, int] = {}
    snapshots = [_snapshot(operation, each, places) for each in operation.snapshots()]
    return {
        "country": operation.country,
        "name": operation.name,
        "status": status or "",
        "sex": operation.has_sex,
        "rounds": [
            [each.date, each.number, each.assessment, each.persons]
            + ([each.males, each.females] if operation.has_sex else [None, None])
            + [each.level, each.unknown_rows]
            for each in operation.in_order()
        ],
        "snapshots": snapshots,
        # Code, name, and 0 where neither is known.
        "places": [[code or "", name or "", 0 if _is_unknown((code, name)) else 1] for code, name in places],
    }


def _snapshot(operation: Operation, each: RoundFigures, places: dict[Place, int]) -> dict[str, Any]:
    here: Place = (operation.country, operation.country_name)
    # All pairs, so that what the page draws adds up to the round whatever it puts together.
    flows = each.flows or {(origin, here): persons for origin, persons in each.origins.items()}
    return {
        "round": [each.date, each.number, each.assessment],
        "areas": [[_position(area, places), persons] for area, persons in _largest_first(each.areas)],
        "reasons": _largest_first(each.reasons) if operation.has_reasons else None,
        "flows": [
            [_position(origin, places), _position(host, places), persons]
            for (origin, host), persons in _largest_first(flows)
        ]
        if operation.has_origins
        else None,
    }


def _largest_first(parts: Mapping[Any, int | None]) -> list[tuple[Any, int | None]]:
    """Return parts by size; those of unknown size last."""
    return sorted(parts.items(), key=lambda item: (item[1] is None, -(item[1] or 0), str(item[0])))


def _position(place: Place, places: dict[Place, int]) -> int:
    return places.setdefault(place, len(places))


def _is_unknown(place: Place) -> bool:
    code, name = place
    unknown = placeholders()
    return code in unknown and name in unknown
