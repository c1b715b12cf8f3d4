"""Asks the questions through the client of ordinary runs, which retries, limits answers and protects the keys."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from tap_dtm.api.client import DtmClient
from tap_dtm.apicheck.look import Look, read, without_values
from tap_dtm.apicheck.questions import MOST, questions
from tap_dtm.errors import DtmAnswerError, DtmError, DtmRefusedError, DtmRequestError, DtmUnknownError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from tap_dtm.api.transport import Reply
    from tap_dtm.apicheck.look import Question
    from tap_dtm.metadata import Catalogue
    from tap_dtm.settings import Settings

_MOST_RETRIES = 2  # a person is waiting
_SHORTEST_TEXT = 3  # shorter texts are parts of ordinary words
_logger = logging.getLogger("tap-dtm")


class Asking:
    """Asks about one API. ``looks`` has the answers in order.

    Args:
        settings: The checked settings.
        catalogue: The catalogue of what the API serves.
    """

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:  # noqa: D107
        self.looks: list[Look] = []
        self._replies: list[dict[str, Any]] = []
        self._texts: set[str] = set()
        retries = min(settings.max_retries, _MOST_RETRIES)
        self._client = DtmClient(replace(settings, max_retries=retries), self._add_reply)
        self._questions = questions(catalogue, settings.api_version, settings.countries or ())

    def ask_all(self) -> None:
        """Ask all questions.

        Raises:
            DtmAccessError: The key is refused, perhaps after the first questions.
            DtmError: The API cannot be reached, or a setting is wrong.
        """
        question = next(self._questions)
        try:
            while True:
                code = question.params.get("Admin0Pcode", "all countries")
                _logger.info("Request %d of at most %d, about %s. %s", len(self.looks) + 1, MOST, code, question)
                self.looks.append(self._ask(question))
                if len(self.looks) == MOST:
                    return
                question = self._questions.send(self.looks[-1])
        except StopIteration:
            return

    def _add_reply(self, reply: Reply) -> None:
        self._replies.append(read(reply))

    def _ask(self, question: Question) -> Look:
        self._replies.clear()
        failure: DtmError | None = None
        requests = self._client.requests_made
        try:
            self._client.get(question.path, question.params)
        except (DtmAnswerError, DtmRequestError) as error:
            if not self.looks and (isinstance(error, DtmRefusedError) or not self._replies):
                raise
            failure = error
        last = self._replies[-1] if self._replies else {}
        self._texts.update(_texts(last.get("rows") or ()), question.params.values())
        where = question.path + "".join(f" {name}={value}" for name, value in question.params.items())
        last["message"] = self._without_values(last.get("message", ""))
        return Look(
            question,
            failure=self._without_values(str(failure).removeprefix(f"{where}: ")) if failure else "",
            is_unknown=isinstance(failure, DtmUnknownError),
            repeats=self._client.requests_made - requests - 1,
            **last,
        )

    def _without_values(self, text: str) -> str:
        return without_values(text, [each for each in self._texts if len(each) >= _SHORTEST_TEXT])


def _texts(rows: tuple[dict[str, Any], ...]) -> Iterator[str]:
    return (value for row in rows for value in row.values() if isinstance(value, str))
