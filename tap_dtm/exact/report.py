"""What the log says of a country's levels that contradict admin 0, or that could not be read in one piece."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tap_dtm.exact.level import most_rows

if TYPE_CHECKING:
    from collections.abc import Collection

    from tap_dtm.exact.country import CountryChanges, Job
    from tap_dtm.exact.level import Doubt, LevelChanges

_logger = logging.getLogger("tap-dtm.country")


def warn(changes: CountryChanges, filters: Collection[str]) -> None:
    """Warn of what does not add up, of what was read in parts, and of filters that remove a whole country.

    Args:
        changes: What was found in a country.
        filters: The names of the settings that choose among its rows.
    """
    before = sum(most_rows(streams.values()) for streams in changes.job.levels.values())
    is_left = any(mark.rows for found in changes.streams.values() for mark in found.bookmarks.values())
    if filters and before and not is_left and not changes.job.is_gone:
        _logger.warning(
            "All %d rows of %s are removed, because none passes the settings %s. Check them if you did not mean that.",
            before,
            changes.job,
            ", ".join(filters),
        )
    for number, streams in changes.levels.items():
        warned: list[Any] = []  # what two streams of a level saw is one thing
        for found in streams.values():
            if found.in_parts and number not in warned:
                _warn_of_parts(changes.job, number, found)
                warned.append(number)
            silent = [doubt for doubt in found.doubts if doubt.is_silence]
            if silent and silent not in warned:
                _warn_of_silence(changes.job, number, silent)
                warned.append(silent)
            for doubt in found.doubts:
                if not doubt.is_silence and doubt not in warned:
                    _warn_of_doubt(changes.job, number, doubt)
                    warned.append(doubt)


def _warn_of_doubt(job: Job, level: int, doubt: Doubt) -> None:
    is_believed = doubt.contradiction is None or doubt.contradiction.is_believed
    outlook = "Three runs saw the same: it is taken as final" if is_believed else "The next run asks again"
    for found in doubt.comparison.disagreements:
        _logger.warning("%s, %s, %s. Delivered as published. %s.", job, doubt.operation, found.at(level), outlook)


def _warn_of_silence(job: Job, level: int, doubts: list[Doubt]) -> None:
    is_believed = all(doubt.contradiction is None for doubt in doubts)
    outlook = "It did so in two runs: the level is taken to have none" if is_believed else "The next run asks again"
    names = ", ".join(doubt.operation for doubt in doubts)
    words = "%s answers with no rows at all at admin %d, although admin 0 has some (%s). %s."
    _logger.warning(words, job, level, names, outlook)


def _warn_of_parts(job: Job, number: int, level: LevelChanges) -> None:
    kept = ", ".join(name for name in level.kept if name in level.bookmarks and level.bookmarks[name].rows)
    more = f" Until it does, these operations, which admin 0 does not list, keep their rows: {kept}." if kept else ""
    words = "%s did not answer for the whole country at admin %d, and was read in parts.%s"
    _logger.warning(words, job, number, more)
