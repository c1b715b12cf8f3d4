"""What the page shows of the histories: the rounds of each operation in every state in which they were seen.

An operation has its ``times``, in UTC, and ``rounds``: lists ``[date, number, assessment type, persons, from, until,
event, date before, persons before]``, where the state was seen from one of these times until another, or until the end.
The event is null where the change was not DTM's. Persons are null in a state in which the round was withdrawn.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.quality.history import histories_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from frictionless_dtm.descriptor.contents import Contents
    from frictionless_dtm.quality.database import Row

Past = dict[str, list[Any]]

_STATES: Final = """
    SELECT
      admin0_pcode AS country, operation, reporting_date, round_number, assessment_type, idps,
      CASE WHEN event IN (SELECT event FROM dtm.revisions) THEN event END AS event,
      previous_reporting_date, previous_idps,
      STRFTIME(valid_from, '%Y-%m-%d %H:%M:%S.%g') AS begins, STRFTIME(valid_until, '%Y-%m-%d %H:%M:%S.%g') AS ends
    FROM dtm.round_versions
    QUALIFY admin_level = MIN(admin_level) OVER (
      PARTITION BY admin0_pcode, operation, assessment_type, reporting_date, round_number
    )
    ORDER BY ALL"""


def past_of(contents: Contents, operations: Iterable[Row]) -> Mapping[tuple[str, str], Past] | None:
    """Return the past of each operation, by country and name; None for a package without histories.

    The figures of a round are those of the first level that has it, as in the chart of rounds. So only the histories of
    levels that this chart has figures of are read: mostly that of the country level, which is the shortest by far.

    Raises:
        DtmError: The histories cannot be read.
    """
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    levels = {each["admin_level"] for operation in operations for each in operation["rounds"]}
    with histories_of(contents, sorted(levels)) as database:
        if database is None:
            return None
        for row in database.answer(_STATES):
            found[row["country"], row["operation"]].append(row)
    return {key: _past(rows) for key, rows in found.items()}


def _past(rows: list[Row]) -> Past:
    times = sorted({row[end] for row in rows for end in ("begins", "ends") if row[end]})
    places = {time: place for place, time in enumerate(times)}
    rounds = [
        [
            *(row[name] for name in ("reporting_date", "round_number", "assessment_type", "idps")),
            places[row["begins"]],
            places.get(row["ends"]),
            *(row[name] for name in ("event", "previous_reporting_date", "previous_idps")),
        ]
        for row in rows
    ]
    return {"times": [time[:19] for time in times], "rounds": rounds}
