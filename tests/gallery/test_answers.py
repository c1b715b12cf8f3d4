"""The demo and DuckDB answer as the README of the questions says, and as the API's rows say without SQL."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import demo.__main__ as demo
import make
from demo.database import answers, explained
from demo.questions import FOLDER, questions
from generate.questions import README, page, section
from tests.gallery.plain import PLAIN, TODAY

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from demo.questions import Question
    from tap_dtm.sandbox import World
    from tests.gallery.conftest import Answers
    from tests.pipeline import Warehouse

QUESTIONS = questions()
ROOT = Path(__file__).parents[2]
# The queries of areas.md need P-codes, and are asked in tests/views/test_areas_page.py.
PAGES = [ROOT / "README.md", *(path for path in sorted(ROOT.glob("docs/**/*.md")) if path.stem != "areas")]
_QUERY = re.compile(r"^```sql\n((?:SELECT|WITH)\b.*?)^```\n", re.MULTILINE | re.DOTALL)
_ANSWER = re.compile(r"[^`|#]*?\n(?:```\w*\n(?P<text>.*?)^```|(?P<table>(?:\|[^\n]*\n)+))", re.MULTILINE | re.DOTALL)
each_question = pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)


def test_the_page_is_up_to_date(duckdb_answers: Answers) -> None:
    assert README.read_text(encoding="utf-8") == page(duckdb_answers), "run: python3 make.py generate"


@each_question
def test_the_demo_answers_as_the_page_says(postgres_answers: Answers, question: Question) -> None:
    assert section(question, postgres_answers[question.name]) in README.read_text(encoding="utf-8")


@each_question
def test_the_answers_are_those_that_the_rows_give_without_sql(
    before: World, after: World, duckdb_answers: Answers, postgres_answers: Answers, question: Question
) -> None:
    expected = PLAIN[question.name](before, after)

    assert expected, "the sandbox has nothing to show for this question"
    assert list(duckdb_answers[question.name].rows) == expected
    assert list(postgres_answers[question.name].rows) == expected


def test_the_second_publication_has_left_tombstones_in_postgres(loaded: Warehouse, after: World) -> None:
    (deleted,) = loaded.query("SELECT COUNT(*) AS count FROM idp_admin0 WHERE _sdc_deleted_at IS NOT NULL")

    assert deleted["count"]
    loaded.assert_equals_api(after)


def test_what_changed_has_something_of_every_kind(duckdb_answers: Answers) -> None:
    answer = duckdb_answers["09_what_changed"]
    kinds = {row[answer.columns.index("event")] for row in answer.rows}

    assert kinds >= {"published", "corrected", "withdrawn"}


def test_no_operation_goes_silent_later_than_the_day_of_the_comparison(after: World) -> None:
    # Otherwise the answer to this question would change as time goes by.
    assert dt.datetime.now(dt.timezone.utc).date() >= TODAY
    dates: dict[tuple[str, str], set[str]] = {}
    for row in after.rows(0):
        dates.setdefault((row["admin0Pcode"], row["operation"]), set()).add(row["reportingDate"])
    active = {
        (row["admin0Pcode"], row["operation"]) for row in after.operation_list() if row["operationStatus"] == "Active"
    }
    judged = {key for key, days in dates.items() if key in active and len(days) > 1}

    assert judged == {row[:2] for row in PLAIN["07_silent_operations"](after, after)}


@each_question
def test_every_question_says_how_not_to_read_its_answer(question: Question) -> None:
    assert question.title.endswith("?")
    assert question.caution.endswith(".")
    assert re.search(r"\b(not|never|no)\b", question.caution, re.IGNORECASE)


@each_question
def test_the_sql_keeps_to_what_all_three_databases_read_alike(question: Question) -> None:
    sql = question.sql.upper()
    local = ('"', "`", "::", "DISTINCT ON", "FILTER (", "ILIKE", "CURRENT_DATE", "NOW(", "SELECT *")

    assert [word for word in local if word in sql] == []
    assert re.search(r"\bORDER BY\b[^)]*;\s*$", sql), "the order of the rows would be left to chance"


def test_there_are_twelve_and_nothing_else_lies_there() -> None:
    assert [question.name[:2] for question in QUESTIONS] == [f"{number:02}" for number in range(1, 13)]
    names = {path.name for path in FOLDER.iterdir()}
    assert names == {f"{question.name}.sql" for question in QUESTIONS} | {"README.md"}


def words(lines: Iterable[str]) -> list[list[str]]:
    """Split lines into words, however the columns are drawn, without the lines that only draw or say `...`."""
    split = [line.replace("|", " ").split() for line in lines]
    return [each for each in split if each and set("".join(each)) - set("-.")]


@each_question
def test_a_question_is_shown_as_on_its_page(demo_database: psycopg.Connection, question: Question) -> None:
    page = README.read_text("utf-8")
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
            shown = words((follows["text"] or follows["table"]).splitlines())
            if shown[0] == answer[0]:
                assert shown == answer[: len(shown)], f"{page.name} shows another answer to:\n{query[1]}"


def test_the_demo_ends_with_commands_that_exist(demo_database: psycopg.Connection) -> None:
    commands = re.findall(r"python3 make\.py (\w+)", demo.show(demo_database))

    assert {"question", "sql", "package", "demo"} == set(commands)
    assert all(hasattr(make, command) for command in commands)


def test_the_demo_run_again_reads_only_what_is_new(loaded: Warehouse, capfd: pytest.CaptureFixture[str]) -> None:
    demo.load(loaded.server.url)

    (line,) = [line for line in capfd.readouterr().out.splitlines() if "Read 6 countries" in line]
    assert "operations 0 new, 0 with new rounds, 0 revised, 0 withdrawn" in line
