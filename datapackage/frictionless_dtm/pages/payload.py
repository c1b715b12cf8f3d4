"""What the page's charts are drawn from, as compact as the page needs it.

Rounds are lists ``[date, number, assessment type, persons, males, females, level, rows without a figure]``; numbers
of people are null where no row has one. Areas are named once per
operation, in ``places``, and referred to by position. The areas of a headline are lists ``[code, name, persons]``, and
at the second level ``[code, name, persons, position of the parent]``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from frictionless_dtm.pages.figures import Operation, Place, RoundFigures
    from frictionless_dtm.pages.headlines import Headline
    from frictionless_dtm.pages.past import Past
    from frictionless_dtm.quality.database import Database

_ORIGIN = ("idp_origin_admin1_pcode", "idp_origin_admin1_name")


def payload(
    operations: Sequence[Operation],
    headlines: Iterable[Headline],
    database: Database,
    past: Mapping[tuple[str, str], Past] | None = None,
) -> dict[str, Any]:
    """Return the figures of all operations, with their past if known, and of the areas of the headlines."""
    places = {(each.country, each.name): place for place, each in enumerate(operations)}
    return {
        "countries": dict(sorted((each.country, each.country_name) for each in operations)),
        "headlines": [_headline(each, places[each.country, each.operation]) for each in headlines],
        "operations": [
            _operation(each, database) | ({"past": past.get((each.country, each.name))} if past is not None else {})
            for each in operations
        ],
    }


def as_script(data: Any) -> str:  # noqa: ANN401
    """Return JSON that may stand within a script element: nothing in it can end the element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _headline(headline: Headline, operation: int) -> dict[str, Any]:
    parents: dict[str, int] = {}
    return {
        "country": headline.country,
        "operation": operation,
        "type": headline.assessment_type,
        "date": headline.reporting_date,
        "areas": [
            [each.code, each.name, each.idps]
            + ([parents.setdefault(each.parent, len(parents))] if each.level > 1 else [])
            for each in headline.areas
        ],
        "parents": list(parents),
    }


def _operation(operation: Operation, database: Database) -> dict[str, Any]:
    places: dict[Place, int] = {}
    has_sex = database.has("number_males", "number_females")
    return {
        "country": operation.country,
        "name": operation.name,
        "status": operation.status,
        "sex": has_sex,
        "rounds": [
            [each.reporting_date, each.round_number, each.assessment_type, each.idps]
            + ([each.males, each.females] if has_sex else [None, None])
            + [each.admin_level, each.unknown_rows]
            for each in operation.rounds
        ],
        "snapshots": [_snapshot(each, database, places) for each in operation.snapshots],
        # Code, name, and 0 where neither is known.
        "places": [[place.code, place.name, int(place.is_known)] for place in places],
    }


def _snapshot(each: RoundFigures, database: Database, places: dict[Place, int]) -> dict[str, Any]:
    def position(place: Place) -> int:
        return places.setdefault(place, len(places))

    return {
        "round": [each.reporting_date, each.round_number, each.assessment_type],
        "areas": [[position(area), persons] for area, persons in _largest_first(each.areas)],
        "reasons": _largest_first(each.reasons) if database.has("displacement_reason") else None,
        # All pairs, so that what the page draws adds up to the round whatever it puts together.
        "flows": [[position(origin), position(host), persons] for origin, host, persons in _largest_first(each.flows)]
        if database.has(*_ORIGIN)
        else None,
    }


def _largest_first(parts: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return parts, each of which ends with its size, by size; those of unknown size last."""
    return sorted(parts, key=lambda part: (part[-1] is None, -(part[-1] or 0), str(part)))
