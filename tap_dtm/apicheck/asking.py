"""Asks the questions through the client of ordinary runs, which retries, limits answers and protects the keys."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from tap_dtm.api.client import DtmClient
from tap_dtm.api.envelope import message_of
from tap_dtm.apicheck.look import Look
from tap_dtm.apicheck.questions import MOST
from tap_dtm.errors import DtmAnswerError, DtmRefusedError, DtmRequestError, DtmUnknownError

if TYPE_CHECKING:
    from tap_dtm.api.transport import Reply
    from tap_dtm.apicheck.look import Question
    from tap_dtm.metadata import Catalogue
    from tap_dtm.settings import Settings

_MOST_RETRIES = 2  # a person is waiting
_SHORTEST_TEXT = 3  # shorter texts are parts of ordinary words
_logger = logging.getLogger("tap-dtm")


class Asking:
    """Asks about one API. ``looks`` has the answers in order."""

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:  # noqa: D107
        self._version = settings.api_version
        self._resources = catalogue.resources
        self.looks: list[Look] = []
        self._texts: set[str] = set()
        retries = min(settings.max_retries, _MOST_RETRIES)
        self._client = DtmClient(replace(settings, max_retries=retries), self._add_reply)

    def _add_reply(self, reply: Reply) -> None:
        self._asked.read(reply)

    def ask(self, question: Question) -> Look:
        """Ask a question.

        Raises:
            DtmAccessError: The key is refused.
            DtmError: The first question shows that the API cannot be reached, or that a setting is wrong.
        """
        code = question.params.get("Admin0Pcode", "all countries")
        _logger.info("Request %d of at most %d, about %s. %s", len(self.looks) + 1, MOST, code, question)
        path = self._resources[question.stream].endpoints[self._version]
        self._asked = look = Look(question)
        requests, failure = self._client.requests_made, ""
        try:
            self._client.get(path, question.params)
        except (DtmAnswerError, DtmRequestError) as error:
            if not self.looks and (isinstance(error, DtmRefusedError) or look.status is None):
                raise
            look.is_unknown = isinstance(error, DtmUnknownError)
            failure = str(error)
        look.repeats = self._client.requests_made - requests - 1
        self._texts.update(value for row in look.rows or () for value in row.values() if isinstance(value, str))
        self._texts.update(question.params.values())
        where = path + "".join(f" {name}={value}" for name, value in question.params.items())
        look.failure = self._without_values(failure.removeprefix(f"{where}: "))
        look.message = self._without_values(message_of(look.member("errorMessages")))
        self.looks.append(look)
        return look

    def _without_values(self, text: str) -> str:
        """Return a text of the API or the client without values, which a report must not repeat."""
        for value in sorted((text for text in self._texts if len(text) >= _SHORTEST_TEXT), key=len, reverse=True):
            text = text.replace(value, "…")
        return text
