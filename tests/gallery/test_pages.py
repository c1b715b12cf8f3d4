"""What README and docs show of the demo is what the demo answers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import demo.__main__ as demo
import make
from demo.database import answers, explained
from demo.questions import FOLDER, questions

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from demo.questions import Question
    from tests.pipeline import Warehouse

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
_QUERY = re.compile(r"^```sql\n((?:SELECT|WITH)\b.*?)^```\n", re.MULTILINE | re.DOTALL)
_ANSWER = re.compile(r"[^`|#]*?\n(?:```\w*\n(?P<text>.*?)^```|(?P<table>(?:\|[^\n]*\n)+))", re.MULTILINE | re.DOTALL)


def words(lines: Iterable[str]) -> list[list[str]]:
    """Split lines into words, however the columns are drawn, without the lines that only draw or say `...`."""
    split = [line.replace("|", " ").split() for line in lines]
    return [each for each in split if each and set("".join(each)) - set("-.")]


@pytest.mark.parametrize("question", questions(), ids=lambda question: question.name)
def test_a_question_is_shown_as_on_its_page(demo_database: psycopg.Connection, question: Question) -> None:
    page = (FOLDER / "README.md").read_text("utf-8")
    (section,) = re.findall(rf"^## {question.number}\. .*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)

    shown = explained(question, demo_database)

    heading = f"{question.number}. {question.title}\n\n{question.caution}\n\n{question.sql}\n"
    assert shown.startswith(heading)
    assert words(shown.removeprefix(heading).splitlines()) == words(section.split("```\n")[-1].splitlines())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_query_that_a_page_shows_can_be_asked_in_the_demo(demo_database: psycopg.Connection, page: Path) -> None:
    text = page.read_text("utf-8")
    for query in _QUERY.finditer(text):
        answer = words(answers(demo_database, re.sub(r"\bdtm\.", "", query[1])).splitlines())

        if follows := _ANSWER.match(text, query.end()):
            told = words((follows["text"] or follows["table"]).splitlines())
            if told[0] == answer[0]:
                assert told == answer[: len(told)], f"{page.name} shows another answer to:\n{query[1]}"


def test_the_demo_ends_with_commands_that_exist(demo_database: psycopg.Connection) -> None:
    commands = re.findall(r"python3 make\.py (\w+)", demo.show(demo_database))

    assert {"question", "sql", "package", "demo"} == set(commands)
    assert all(hasattr(make, command) for command in commands)


def test_the_demo_run_again_reads_only_what_is_new(loaded: Warehouse, capfd: pytest.CaptureFixture[str]) -> None:
    demo.load(loaded.server.url)

    (told,) = [line for line in capfd.readouterr().out.splitlines() if "Read 6 countries" in line]
    assert "operations 0 new, 0 with new rounds, 0 revised, 0 withdrawn" in told
