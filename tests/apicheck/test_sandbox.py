"""The sandbox passes the check; each of its faults marks the line that is about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import pytest

from tap_dtm.apicheck.agreement import FACTS
from tap_dtm.errors import DtmError, DtmQuotaError, DtmRefusedError, DtmRequestError
from tap_dtm.sandbox import Fault, Options, SandboxServer
from tap_dtm.sandbox.api import Answer, envelope
from tap_dtm.sandbox.faults import Kind
from tests.apicheck.support import all_rows, assert_tells_nothing, check, lines, seen, with_word
from tests.scripted import ScriptedServer, always, doctored

if TYPE_CHECKING:
    from tap_dtm.apicheck import Report

ARRIVES = "Both lists and every level of a country arrive."
SUCCESS = "Lists and levels report success: isSuccess is true, and statusCode is 200, or 204 without rows."
MEMBERS = "An answer has the members result (a list), statusCode, isSuccess and totalRecordsCount."
OPERATION = "Operation matches an operation by its name."
CASE = "Operation distinguishes upper and lower case."
PART = "Operation does not match the beginning of a name."
DATES = "FromReportingDate and ToReportingDate include the day that they name."
NOTHING = "A filter that matches nothing gives a success without rows."


class TestTheSandbox:
    @pytest.mark.parametrize("version", ["v3", "v2"])
    def test_has_every_property(self, sandbox: SandboxServer, version: str) -> None:
        report = check(sandbox, api_version=version)

        assert {word for word, _ in lines(report).values()} == {"ok"}
        assert report.failed == 0
        assert len(sandbox.requests) == 12
        report.raise_failure()

    @pytest.mark.parametrize("version", ["v3", "v2"])
    @pytest.mark.parametrize("country", ["XAA", "XBA", "XCA", "XDA", "XEA", "XFA"])
    def test_has_all_that_is_needed_in_every_odd_country(
        self, sandbox: SandboxServer, country: str, version: str
    ) -> None:
        report = check(sandbox, countries=[country], api_version=version)

        assert with_word(report, "FAILED") == []
        assert len(sandbox.requests) <= 12
        asked = {request.params.get("admin0pcode", country) for request in sandbox.requests}
        assert asked == {country, "QZZ"}

    def test_is_asked_for_a_second_country_where_the_first_lacks_a_level(self, sandbox: SandboxServer) -> None:
        report = check(sandbox, countries=["XEA", "XBA", "XCA"])

        assert "requests: 12; countries: 2" in report.text
        assert [request.params.get("admin0pcode") for request in sandbox.requests][2:9] == [*["XEA"] * 3, *["XBA"] * 4]
        assert CASE in with_word(report, "not checked")

    def test_a_country_that_is_not_listed_is_a_wrong_setting(self, sandbox: SandboxServer) -> None:
        with pytest.raises(DtmError, match=r"The setting countries names XYZ, which DTM does not list\. Name another"):
            check(sandbox, countries=["XYZ"])

    def test_every_fact_is_one_sentence_once(self) -> None:
        sentences = [fact.sentence for fact in FACTS]
        assert len(set(sentences)) == len(sentences)
        assert all(sentence.endswith(".") and ". " not in sentence for sentence in sentences)


# What each kind of fault does to the answers of the levels: the facts that fail, or the error that ends the check.
FAILS: dict[str, tuple[Fault, str]] = {
    "rate_limit": (Fault("rate_limit"), ARRIVES),
    "status": (Fault("status", status=502), ARRIVES),
    "slow": (Fault("slow", times=1, seconds=5), ARRIVES),
    "dropped": (Fault("dropped"), ARRIVES),
    "dropped_midway": (Fault("dropped_midway"), ARRIVES),
    "truncated": (Fault("truncated"), ARRIVES),
    "too_large": (Fault("too_large", rows=50), ARRIVES),
    "firewall": (Fault("firewall"), ARRIVES),
    "redirect": (Fault("redirect", url="http://127.0.0.1:9/elsewhere"), ARRIVES),
    "cut_json": (Fault("cut_json"), "Answers are JSON."),
    "html": (Fault("html"), "Answers are JSON."),
    "wrong_total": (Fault("wrong_total"), "totalRecordsCount is the number of rows."),
    "wrong_country": (Fault("wrong_country"), "Rows are of the requested country."),
    "missing_field": (Fault("missing_field"), "Rows have every field that the tap reads."),
    "refused": (Fault("refused"), SUCCESS),
    "empty": (Fault("empty"), "A country of the list has rows at admin 0."),
}
SENTENCE = {
    "quota": (DtmQuotaError, "refuses the subscription key for now"),
    "firewall": (DtmRefusedError, "the firewall in front of the DTM API refuses the request"),
    "redirect": (DtmRefusedError, "the API redirects to another host"),
    "dropped": (DtmRequestError, "failed or was interrupted"),
    "dropped_midway": (DtmRequestError, "failed or was interrupted"),
    "truncated": (DtmRequestError, "failed or was interrupted"),
    "slow": (DtmRequestError, "no answer within 0.3 s"),
}


class TestFaults:
    def test_of_every_kind_are_here(self) -> None:
        assert FAILS.keys() | {"quota"} == set(get_args(Kind))

    @pytest.mark.parametrize("kind", FAILS)
    def test_of_the_levels_fail_the_line_that_is_about_them(self, sandbox: SandboxServer, kind: str) -> None:
        fault, sentence = FAILS[kind]
        sandbox.faults.add(fault.__class__(**{**vars(fault), "path": "admin"}))

        report = check(sandbox, request_timeout=0.3 if kind == "slow" else 60)

        failed = with_word(report, "FAILED")
        assert sentence in failed
        # What is not there cannot tell anything else; a refusal has no rows, either.
        assert len(failed) == (2 if kind == "refused" else 1)
        assert report.failed == len(failed)
        with pytest.raises(DtmError, match=rf"lacks {len(failed)} of the properties that the tap needs"):
            report.raise_failure()
        assert_tells_nothing(report.text, all_rows(sandbox))

    @pytest.mark.parametrize("kind", sorted(FAILS.keys() - SENTENCE.keys() - {"too_large"}))
    def test_of_everything_fail_as_well(self, sandbox: SandboxServer, kind: str) -> None:
        """Without the lists, no country can be chosen: what that leaves unknown is not taken for right."""
        sandbox.faults.add(FAILS[kind][0])

        assert check(sandbox).failed

    @pytest.mark.parametrize("kind", SENTENCE)
    def test_that_meet_the_first_question_are_reported_in_a_sentence(self, sandbox: SandboxServer, kind: Any) -> None:
        error, words = SENTENCE[kind]
        sandbox.faults.add(Fault(kind, url="http://127.0.0.1:9/elsewhere", seconds=5))

        with pytest.raises(error, match=words):
            check(sandbox, request_timeout=0.3 if kind == "slow" else 60)

        assert len(sandbox.requests) == 1

    def test_a_quota_that_ends_on_the_way_leaves_what_was_found(self, sandbox: SandboxServer) -> None:
        sandbox.faults.add(Fault("quota", path="admin2"))

        report = check(sandbox)

        assert seen(report, "Admin 1 adds up to admin 0") == "10 of 10 rounds."
        assert "Admin 2 adds up to admin 0, in every round that it has." in with_word(report, "not checked")
        with pytest.raises(DtmQuotaError):
            report.raise_failure()

    def test_that_pass_are_counted(self, sandbox: SandboxServer) -> None:
        sandbox.faults.add(Fault("status", times=2, path="admin1"), Fault("cut_json", times=1, path="operation-list"))

        report = check(sandbox, max_retries=5)

        assert report.failed == 0
        assert with_word(report, "differs") == ["No request has to be repeated."]
        assert seen(report, "No request") == (
            "10 of 12 requests. operations: all rows of the list (repeated: 1); "
            "admin 1 of country 1: all rows (repeated: 2)."
        )

    def test_an_answer_that_takes_a_good_part_of_the_time_differs(self, sandbox: SandboxServer) -> None:
        sandbox.faults.add(Fault("slow", times=1, path="admin1", seconds=0.6))

        report = check(sandbox, request_timeout=2)

        assert with_word(report, "differs") == ["Answers take a small part of request_timeout and answer_budget_mb."]
        assert report.failed == 0

    def test_an_empty_level_differs(self, sandbox: SandboxServer) -> None:
        sandbox.faults.add(Fault("empty", path="admin1", operation=""))

        report = check(sandbox)

        assert report.failed == 0
        assert "Admin 1 lacks " in seen(report, "Admin 1 and 2 have every round")


class TestWhatFiltersMatch:
    """It is good to know, and never an error: the tap takes what agrees with admin 0."""

    @pytest.mark.parametrize(
        ("options", "differing", "words"),
        [
            (Options(operation_filter="ignored"), {OPERATION, CASE, PART, DATES}, "The filter is ignored: all 52 rows"),
            (Options(operation_filter="prefix"), {CASE, PART}, "36 rows arrived, of 52"),
            (
                Options(operation_filter="nothing"),
                {OPERATION, DATES},
                "0 rows arrived, of 52 without the filter; 36 were",
            ),
            (Options(ignore_case=True), {CASE}, "36 rows arrived, of 52"),
            (Options(date_filter="ignored"), {DATES}, "36 rows arrived, of 52"),
            (Options(date_filter="nothing"), {DATES}, "36 rows arrived, of 52"),
        ],
    )
    def test_is_seen(self, sandbox: SandboxServer, options: Options, differing: set[str], words: str) -> None:
        sandbox.options = options

        report = check(sandbox)

        assert report.failed == 0
        assert differing <= set(with_word(report, "differs"))
        assert seen(report, "Operation matches").startswith(words)
        by_rounds = {"FromRoundNumber and ToRoundNumber include the round that they name."}
        assert set(with_word(report, "differs")) - differing <= by_rounds

    def test_nothing_is_not_checked_where_dates_are_ignored(self, sandbox: SandboxServer) -> None:
        sandbox.options = Options(date_filter="ignored")

        assert seen(check(sandbox), NOTHING) == "The filter matched 52 rows."

    def test_an_error_for_no_rows_differs(self, sandbox: SandboxServer) -> None:
        sandbox.faults.add(Fault("status", status=500, path="admin1", operation="", after=1))

        report = check(sandbox)

        assert with_word(report, "differs") == [NOTHING]
        assert seen(report, NOTHING) == "HTTP 500: The service is unavailable."


@pytest.mark.parametrize(
    "silence", [Answer(200, envelope([], "No Country Code found.", success=False)), Answer(204, "")]
)
def test_a_country_may_be_unknown_below_admin_0(sandbox: SandboxServer, silence: Answer) -> None:
    """A run takes that for a level without rows."""
    said = doctored(sandbox.world, lambda *_: None)

    with ScriptedServer(lambda request: silence if request.path.endswith("admin2") else said(request)) as server:
        report = check(server)

    assert report.failed == 0
    assert "Admin 2 adds up to admin 0, in every round that it has." in with_word(report, "not checked")


def test_json_of_something_else_fails() -> None:
    with ScriptedServer(always({"hello": "world"})) as server:
        report: Report = check(server)
    assert MEMBERS in with_word(report, "FAILED")
    assert seen(report, MEMBERS).startswith(
        "0 of 2 answers. countries: all rows of the list: without isSuccess, result, "
    )
