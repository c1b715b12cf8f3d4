"""The report can be pasted anywhere: it has no key, and no value of a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tap_dtm.sandbox import SANDBOX_KEY, Fault, Options
from tap_dtm.sandbox.api import Answer, envelope
from tests.apicheck.support import KEY, all_rows, assert_tells_nothing, check, check_doctored, unmistakable
from tests.scripted import ScriptedServer, doctored

if TYPE_CHECKING:
    from tap_dtm.sandbox import SandboxServer
    from tap_dtm.sandbox.api import Request
    from tests.scripted import Rows


def test_of_an_api_that_is_as_expected(sandbox: SandboxServer) -> None:
    report = check_doctored(sandbox.world, unmistakable)

    assert report.failed == 0
    assert_tells_nothing(report.text, all_rows(sandbox))


@pytest.mark.parametrize("options", [Options(operation_filter="prefix"), Options(date_filter="ignored")])
def test_with_filters_that_match_otherwise(sandbox: SandboxServer, options: Options) -> None:
    sandbox.options = options

    assert_tells_nothing(check(sandbox).text, all_rows(sandbox))


def test_of_an_api_that_repeats_what_it_was_asked_and_what_it_knows(sandbox: SandboxServer) -> None:
    """Messages of the API may hold values: of the request, of its rows, and the key."""
    said = doctored(sandbox.world, unmistakable)
    rows = all_rows(sandbox)

    def respond(request: Request) -> Answer:
        if len(request.params) < 2:
            return said(request)
        words = [*request.params.values(), str(rows[0]["operation"]), SANDBOX_KEY]
        return Answer(200, envelope([], *words, success=False))

    with ScriptedServer(respond) as server:
        text = check(server).text

    assert_tells_nothing(text, rows)
    assert "…" in text
    assert "***" in text


def test_of_rows_with_values_that_cannot_be_read(sandbox: SandboxServer) -> None:
    def alter(request: Request, rows: Rows) -> Rows:
        rows = unmistakable(request, rows)
        return [{**row, "reportingDate": f"{row['reportingDate']} or so"} if "id" in row else row for row in rows]

    report = check_doctored(sandbox.world, alter)

    assert report.failed
    assert_tells_nothing(report.text, all_rows(sandbox))


def test_a_second_key_is_hidden_as_well(sandbox: SandboxServer, caplog: pytest.LogCaptureFixture) -> None:
    sandbox.faults.add(Fault("status", path="admin2"))

    text = check(sandbox, subscription_key="f1rst-0123456789", secondary_subscription_key=KEY).text

    for words in (text, caplog.text):
        assert KEY not in words
        assert "f1rst-0123456789" not in words
