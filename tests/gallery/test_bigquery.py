"""An emulator of BigQuery answers as the page of the questions says, and its views are right after a publication.

One load serves both, because the emulator takes seconds to translate the SQL of a view.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from demo.questions import AFTER, BEFORE, questions
from generate.questions import README, Answer, section
from tap_dtm.metadata.views import load_views
from tap_dtm.views.script import query_of, script, views_of
from tests.bigquery.dataset import Dataset
from tests.remembered import LISTS, TABLES
from tests.target import selecting
from tests.views.databases import assert_views_are_right, place

if TYPE_CHECKING:
    from demo.questions import Question
    from tap_dtm.sandbox import World
    from tests.bigquery.emulator import BigQueryEmulator

_NAME = "dtm_questions"
_RELATIONS = "|".join([view.name for view in load_views("v3")])


@pytest.fixture(scope="module")
def loaded_dataset(bigquery: BigQueryEmulator, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Both publications, with what the first one said.

    Of the past, only the country level is loaded, which the question is about: the emulator would take minutes to
    translate the views of the others. Two runs load a publication, because the emulator has few threads, and each table
    that is being written holds one.
    """
    dataset = Dataset(bigquery, _NAME, tmp_path_factory.mktemp("bigquery-answers"))
    schema = f"{bigquery.project}.{_NAME}"
    for publication in (BEFORE, AFTER):
        for streams in ((*LISTS, *TABLES), ("idp_admin0_history", "runs")):
            dataset.sync({"api_url": publication, "scrub_fraction": 0}, catalog=selecting(*streams))
    bigquery.execute_script(script(place("bigquery", schema)))
    past = place("bigquery", schema, levels=[0], has_history=True)
    for view in views_of(past):
        if view.with_history:
            bigquery.execute_script(past.dialect.create(view, query_of(past, view)))
    return dataset


def in_dataset(sql: str) -> str:
    """Name the dataset: BigQuery takes a default one, which the emulator does not have."""
    return re.sub(rf"\b({_RELATIONS})\b", rf"{_NAME}.\1", sql)


@pytest.mark.parametrize("question", questions(), ids=lambda question: question.name)
def test_bigquery_answers_as_the_page_says(loaded_dataset: Dataset, question: Question) -> None:
    rows = loaded_dataset.emulator.query(in_dataset(question.sql))

    answer = Answer(tuple(rows[0]), tuple(tuple(row.values()) for row in rows))
    assert section(question, answer) in README.read_text(encoding="utf-8")


def test_after_a_publication_the_views_are_right(loaded_dataset: Dataset, after: World) -> None:
    emulator = loaded_dataset.emulator

    assert_views_are_right(emulator.query, after, place("bigquery", f"{emulator.project}.{_NAME}"))
