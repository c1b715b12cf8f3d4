"""What a run says of the past, taken out of its messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.asof import as_of, without_additions
from tests.remembered import EVERYTHING, HISTORIES
from tests.target import MemoryTarget, Message, selecting
from tests.world import LEVELS, count, served

if TYPE_CHECKING:
    from tap_dtm.sandbox import World

ALL = selecting(*EVERYTHING)


def records(messages: list[Message], *streams: str) -> list[dict[str, Any]]:
    return [each["record"] for each in messages if each["type"] == "RECORD" and each["stream"] in streams]


def runs(messages: list[Message]) -> dict[str, dict[str, Any]]:
    """Return what a run says of itself, by country."""
    return {row["admin0_pcode"]: row for row in records(messages, "runs")}


def what(messages: list[Message], column: str, *streams: str) -> set[Any]:
    return {row[column] for row in records(messages, *(streams or HISTORIES))}


def assert_remembers(target: MemoryTarget, messages: list[Message], world: World, **filters: Any) -> None:
    (at,) = what(messages, "observed_at", "runs")
    for level in LEVELS:
        found = as_of(target.tables["runs"].values(), target.tables[HISTORIES[level]].values(), level, at)
        assert count(without_additions(found)) == served(world, level, **filters)
