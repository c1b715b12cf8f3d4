"""Answers that are none: each is judged by its body, and what cannot be trusted is an error."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest

from tap_dtm.errors import DtmAnswerError, DtmError, DtmRefusedError, DtmRequestError
from tap_dtm.sandbox import Fault, SandboxServer
from tests.client.support import ADMIN0, NO_ROWS, client_of
from tests.scripted import ScriptedServer, always


@pytest.mark.usefixtures("waits")
class TestAnswersThatAreNone:
    @pytest.mark.parametrize(
        ("kind", "error", "words"),
        [
            ("dropped", DtmRequestError, r"the connection to 127\.0\.0\.1:\d+ failed or was interrupted"),
            ("dropped_midway", DtmRequestError, r"the connection to .* failed or was interrupted.*Check the network"),
            ("truncated", DtmRequestError, "failed or was interrupted"),
            (
                "cut_json",
                DtmAnswerError,
                "application/json.* is not valid JSON. It was cut off.*the next run asks again",
            ),
            ("html", DtmAnswerError, "text/html.* is not valid JSON. .*another server sent it"),
            ("wrong_total", DtmAnswerError, r"announces 37 rows and holds 36\. It was discarded"),
        ],
    )
    def test_is_asked_for_again_and_then_an_error(
        self, sandbox: SandboxServer, kind: Any, error: type[DtmError], words: str
    ) -> None:
        sandbox.faults.add(Fault(kind))
        with pytest.raises(error, match=f"{ADMIN0} Admin0Pcode=XAA: .*{words}"):
            client_of(sandbox.url, max_retries=2).get(ADMIN0, {"Admin0Pcode": "XAA"})
        assert len(sandbox.requests) == 3

    def test_a_failure_with_http_200(self, sandbox: SandboxServer) -> None:
        sandbox.faults.add(Fault("refused", message="The invented database is closed."))
        with pytest.raises(DtmRequestError, match="reports a failure: The invented database is closed"):
            client_of(sandbox.url).get(ADMIN0, {"Admin0Pcode": "XAA"})
        assert len(sandbox.requests) == 1

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            (
                {"isSuccess": False, "statusCode": 500, "errorMessages": ["Out of order", "Sorry"]},
                "Out of order; Sorry",
            ),
            ({"isSuccess": False, "errorMessages": None}, "statusCode 204"),
            ({"isSuccess": False, "errorMessages": 5}, "5"),
            ({"isSuccess": False, "errorMessages": True}, "True"),
            ({"isSuccess": False, "errorMessages": "Out of order"}, "Out of order"),
            ({"isSuccess": None}, "No matching data found"),
            ({"isSuccess": "true"}, "No matching data found"),
            ({"statusCode": 500, "errorMessages": []}, "statusCode 500"),
            ({"result": [{}], "totalRecordsCount": 1}, "No matching data found"),
        ],
    )
    def test_an_envelope_that_contradicts_itself_is_a_failure(self, changes: dict[str, object], words: str) -> None:
        with (
            ScriptedServer(always(NO_ROWS | changes)) as server,
            pytest.raises(DtmRequestError, match=f"{ADMIN0} Admin0Pcode=XAA: the API reports a failure: {words}"),
        ):
            client_of(server.url).get(ADMIN0, {"Admin0Pcode": "XAA"})

    @pytest.mark.parametrize(
        "body",
        [
            "[]",
            "3",
            "{}",
            '"text"',
            json.dumps({name: value for name, value in NO_ROWS.items() if name != "result"}),
            json.dumps(NO_ROWS | {"result": {"data": []}}),
        ],
    )
    def test_json_of_somebody_else_is_an_error(self, body: str) -> None:
        with (
            ScriptedServer(always(body)) as server,
            pytest.raises(DtmAnswerError, match=f"{ADMIN0}: the answer is JSON, but not from the DTM API.*api_url"),
        ):
            client_of(server.url, max_retries=1).get(ADMIN0)
        assert len(server.requests) == 2

    @pytest.mark.parametrize("body", ["", "\udcff\udcfe", "[" * 100_000, '{"result": [', "<html>"])
    def test_what_is_no_json_is_an_error(self, body: str) -> None:
        with (
            ScriptedServer(always(body)) as server,
            pytest.raises(DtmAnswerError, match=r"HTTP 200, unknown type\) is not valid JSON"),
        ):
            client_of(server.url, max_retries=1).get(ADMIN0)
        assert len(server.requests) == 2

    def test_a_byte_order_mark_is_no_part_of_it(self) -> None:
        with ScriptedServer(always("\ufeff" + json.dumps(NO_ROWS))) as server:
            assert client_of(server.url).get(ADMIN0).rows == []

    @pytest.mark.parametrize("total", [None, "", "none", "-0", "0.0", " 0", 0.5, True, 1, -1, "3", [0]])
    def test_a_count_that_is_missing_or_none_is_an_error(self, total: object) -> None:
        with (
            ScriptedServer(always(NO_ROWS | {"totalRecordsCount": total})) as server,
            pytest.raises(DtmAnswerError, match=re.escape(f"announces {total} rows and holds 0")),
        ):
            client_of(server.url, max_retries=0).get(ADMIN0)

    @pytest.mark.parametrize(
        "changes",
        [
            {"statusCode": 200},
            {"statusCode": "204"},
            {"statusCode": 200.0},
            {"result": None},
            {"result": None, "statusCode": 200},
            {"totalRecordsCount": "0"},
            {"totalRecordsCount": 0.0},
        ],
    )
    def test_no_rows_in_another_spelling_are_no_rows(self, changes: dict[str, object]) -> None:
        with ScriptedServer(always(NO_ROWS | changes)) as server:
            assert client_of(server.url).get(ADMIN0).rows == []
        assert len(server.requests) == 1

    @pytest.mark.parametrize("total", [2, "2", 2.0, "0002"], ids=repr)
    def test_a_count_in_another_spelling_is_the_count(self, total: object) -> None:
        rows = [{"a": 1}, {"b": "}{"}]
        said = NO_ROWS | {"result": rows, "statusCode": 200, "totalRecordsCount": total}
        with ScriptedServer(always(said)) as server:
            assert client_of(server.url).get(ADMIN0).rows == rows

    @pytest.mark.parametrize("changes", [{"totalRecordsCount": 1}, {"totalRecordsCount": None}])
    def test_null_in_the_place_of_rows_is_an_error_when_rows_are_announced(self, changes: dict[str, object]) -> None:
        with (
            ScriptedServer(always(NO_ROWS | {"result": None} | changes)) as server,
            pytest.raises(DtmAnswerError, match=r"announces .* rows and holds 0"),
        ):
            client_of(server.url, max_retries=0).get(ADMIN0)

    def test_http_204_without_a_body_is_no_rows(self) -> None:
        with ScriptedServer(always("", 204)) as server:
            assert client_of(server.url).get(ADMIN0).rows == []

    def test_rows_may_hold_anything_that_json_can(self) -> None:
        rows = [{"a": '}],"', "b": {"c": [1, {}, []]}, "d": None}, {}, {"e": "x" * 1000, "f": 1.5}]
        said = NO_ROWS | {"result": rows, "statusCode": 200, "totalRecordsCount": 3}
        with ScriptedServer(always(json.dumps(said, indent=3))) as server:
            assert client_of(server.url).get(ADMIN0).rows == rows

    @pytest.mark.parametrize(
        ("rows", "expected"),
        [
            ("null, 3", [None, 3]),
            ('"text", [{"a": 1}], true', ["text", [{"a": 1}], True]),
            ('{"a": 1e400}, {"b": "\u00e9"}', [{"a": math.inf}, {"b": "\u00e9"}]),
            (r'{"a": "x\ud800y", "b": "\udc00\ud83d"}', [{"a": "x\ud800y", "b": "\udc00\ud83d"}]),
            (r'{"a": "\ud83d\ude00\\ud800\ud800"}', [{"a": "\U0001f600\\ud800\ud800"}]),
        ],
    )
    def test_what_is_not_a_row_or_holds_what_no_table_does_costs_no_more_than_its_row(
        self, rows: str, expected: list[object]
    ) -> None:
        """It is for those who know the fields to refuse it."""
        said = NO_ROWS | {"statusCode": 200, "totalRecordsCount": len(expected) + 1}
        body = json.dumps(said).replace("[]", f'[{rows}, {{"c": 1}}]', 1)
        with ScriptedServer(always(body)) as server:
            assert client_of(server.url).get(ADMIN0).rows == [*expected, {"c": 1}]

    @pytest.mark.parametrize(
        "rows",
        [
            '[{"a": 1},]',
            '[{"a": 1} {"a": 2}]',
            '[{"a": NaN}]',
            '[{"a": "\\ud8"}]',
            "[{]",
            "[nul]",
            f"[{'9' * 5000}]",
            f"[{'[' * 5000}",
        ],
        ids=lambda rows: rows[:20],
    )
    def test_rows_that_are_no_json_are_an_error(self, rows: str) -> None:
        body = json.dumps(NO_ROWS | {"statusCode": 200, "totalRecordsCount": 1}).replace("[]", rows, 1)
        with (
            ScriptedServer(always(body)) as server,
            pytest.raises(DtmAnswerError, match="is not valid JSON"),
        ):
            client_of(server.url, max_retries=0).get(ADMIN0)

    def test_a_body_that_does_not_unpack_is_asked_for_again(self) -> None:
        with (
            ScriptedServer(always("This is not gzip.", Content_Encoding="gzip")) as server,
            pytest.raises(DtmError, match=f"{ADMIN0}: "),
        ):
            client_of(server.url, max_retries=1).get(ADMIN0)
        assert len(server.requests) == 2

    def test_an_answer_that_stalls_midway(self) -> None:
        """The timeout holds for each piece of an answer, not only for its beginning."""
        with (
            ScriptedServer(always('{"result": [', Content_Length="1000")) as server,
            pytest.raises(DtmRequestError, match=f"{ADMIN0}: .* failed or was interrupted"),
        ):
            client_of(server.url, request_timeout=0.2, max_retries=0).get(ADMIN0)

    def test_an_html_page_with_an_error_status(self) -> None:
        """A gateway's own page: its words are not for the log, its status is."""
        with (
            ScriptedServer(always("<html>Bad gateway</html>", 502)) as server,
            pytest.raises(DtmRequestError, match=rf"{ADMIN0}: HTTP 502\. *$"),
        ):
            client_of(server.url, max_retries=0).get(ADMIN0)

    def test_a_status_that_nobody_foresaw(self) -> None:
        with (
            ScriptedServer(always("I'm a teapot", 418)) as server,
            pytest.raises(DtmRefusedError, match=rf"{ADMIN0}: HTTP 418\. Check the settings api_url"),
        ):
            client_of(server.url).get(ADMIN0)
        assert len(server.requests) == 1

    def test_two_lengths_that_contradict_each_other_are_the_answers_fault(self) -> None:
        with (
            ScriptedServer(always(NO_ROWS, 200, Content_Length="5, 6")) as server,
            pytest.raises(DtmRequestError, match=f"{ADMIN0}: the connection to .* failed or was interrupted") as caught,
        ):
            client_of(server.url, max_retries=1).get(ADMIN0)
        assert "user_agent" not in str(caught.value)
        assert len(server.requests) == 2
