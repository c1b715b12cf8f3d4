"""Runs a check, and takes its report apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tap_dtm import apicheck
from tap_dtm.apicheck.agreement import FACTS
from tap_dtm.settings import Settings
from tests.scripted import ScriptedServer, doctored

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_dtm.apicheck import Report
    from tap_dtm.sandbox import SandboxServer, World
    from tap_dtm.sandbox.api import Request
    from tests.scripted import Rows

KEY = "invented-sandbox-key"


FIGURES = ("numPresentIdpInd", "numberMales", "numberFemales", "id")
FACTOR = 1_000_003  # makes figures that no count or size is


def unmistakable(_: Request, rows: Rows) -> Rows:
    """Multiply the figures, so that they still add up."""
    return [
        {name: value * FACTOR if name in FIGURES and value else value for name, value in row.items()} for row in rows
    ]


def assert_tells_nothing(text: str, world_rows: list[dict[str, Any]]) -> None:
    assert KEY not in text
    values = {str(value).removesuffix("T00:00:00") for row in world_rows for value in row.values()}
    values -= {str(number) for number in range(10_000)} | {"None"}  # rounds and years are in any text with numbers
    assert len(values) > 500
    plain = text.replace(",", "")
    found = [value for value in values if value in plain]
    leaked = [value for value in found if re.search(rf"(?<!\w){re.escape(value)}(?!\w)", plain)]
    assert leaked == []


def all_rows(sandbox: SandboxServer) -> list[dict[str, Any]]:
    world = sandbox.world
    rows = [row for level in (0, 1, 2) for row in unmistakable(None, world.rows(level))]  # type: ignore[arg-type]
    return [*rows, *world.country_list(), *world.operation_list()]


def check(server: SandboxServer | ScriptedServer, **config: Any) -> Report:
    config = {"api_url": server.url, "subscription_key": KEY, "max_retries": 0, **config}
    return apicheck.check(Settings.from_config(config))


def check_doctored(world: World, alter: Callable[[Request, Rows], Rows | None], **config: Any) -> Report:
    """Check an API whose rows are altered."""
    with ScriptedServer(doctored(world, alter)) as server:
        return check(server, **config)


def lines(report: Report) -> dict[str, tuple[str, str]]:
    """Return the first word of each fact's line, and what was seen, by the fact's sentence."""
    found = {}
    for fact in FACTS:
        (line,) = (each for each in report.text.splitlines() if each[13:].startswith(fact.sentence))
        found[fact.sentence] = (line[:13].strip(), line[13 + len(fact.sentence) :].strip())
    return found


def with_word(report: Report, word: str) -> list[str]:
    """Return the sentences whose lines begin with a word."""
    return [sentence for sentence, (first, _) in lines(report).items() if first == word]


def seen(report: Report, sentence: str) -> str:
    """Return what was seen of the fact whose sentence begins like this."""
    (found,) = (said for whole, (_, said) in lines(report).items() if whole.startswith(sentence))
    return found
