"""One question, and the parts of its answer that facts are judged by."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from requests import codes as http
from typing_extensions import override

from tap_dtm.api.envelope import NotJsonError, decoded
from tap_dtm.errors import DtmAnswerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_dtm.api.transport import Reply


class Role(enum.Enum):
    """The purpose of a question, in words for the report."""

    LIST = "all rows of the list"
    LEVEL = "all rows"
    OPERATION = "an operation"
    DATES = "a day of an operation"
    NOTHING = "a day before all rounds"
    UNKNOWN = "a country code that is not listed"
    CASE = "an operation in lower case"
    PART = "the beginning of an operation's name"
    ROUNDS = "a round of an operation"


@dataclass(frozen=True)
class Question:
    """One request.

    Attributes:
        country: 1 or 2, for the first and the second country; 0 for the lists and the unknown code.
        level: The admin level; None for the lists.
    """

    role: Role
    stream: str
    params: Mapping[str, str] = field(default_factory=dict)
    country: int = 0
    level: int | None = None

    @override
    def __str__(self) -> str:
        """Name the question without any value that is sent."""
        if self.level is None:
            return f"{self.stream}: {self.role.value}"
        place = f" of country {self.country}" if self.country else ""
        return f"admin {self.level}{place}: {self.role.value}"


@dataclass
class Look:
    """The outcome of a question.

    Attributes:
        status: The HTTP status of the last reply; None without a reply.
        failure: Why the client refuses the answer, without any value that was sent; empty if it accepts the answer.
        is_unknown: Whether the API reports that it does not know a value that was sent.
        size: Bytes of the last reply, unpacked.
        seconds: How long the last reply took.
        is_json: Whether the last reply is JSON; None without HTTP 200.
        envelope: The members of the answer as published; None without an envelope.
        message: Its ``errorMessages`` as one text, without any value that was sent.
        rows: The rows as published; None without a list. An entry that is not an object is an empty row.
    """

    question: Question
    status: int | None = None
    repeats: int = 0
    failure: str = ""
    is_unknown: bool = False
    size: int = 0
    seconds: float = 0.0
    is_json: bool | None = None
    envelope: dict[str, Any] | None = None
    message: str = ""
    rows: tuple[dict[str, Any], ...] | None = None

    @property
    def is_answered(self) -> bool:
        """Whether the last reply has HTTP 200."""
        return self.status == int(http.ok)

    def member(self, name: str) -> Any:  # noqa: ANN401
        """Return a member of the envelope; None if it is missing."""
        return (self.envelope or {}).get(name)

    def read(self, reply: Reply) -> None:
        """Take over a reply. A later one replaces it."""
        self.status, self.size, self.seconds = reply.status, len(reply.body), reply.seconds
        self.is_json = self.envelope = self.rows = None
        if reply.status != http.ok:
            return
        try:
            self.is_json = True
            answer = decoded(reply.body)
        except NotJsonError:
            self.is_json = False
            return
        except DtmAnswerError:
            return
        if isinstance(answer, dict):
            self.envelope = answer
            rows = answer.get("result")
            if isinstance(rows, list):
                self.rows = tuple(row if isinstance(row, dict) else {} for row in rows)
