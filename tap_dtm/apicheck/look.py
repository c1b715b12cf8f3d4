"""One answer, as far as facts are judged by it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from requests import codes
from typing_extensions import override

from tap_dtm.api.envelope import NotJsonError, read_envelope, said
from tap_dtm.errors import DtmAnswerError
from tap_dtm.redaction import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_dtm.api.transport import Reply


class Role(enum.Enum):
    """What a question is asked for, in words for the report."""

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
        role: What it is asked for.
        stream: The stream that the rows belong to.
        path: The endpoint.
        params: The API's parameters.
        country: 1 or 2, for the first and the second country; 0 for the lists and the unknown code.
        level: The admin level; None for the lists.
    """

    role: Role
    stream: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    country: int = 0
    level: int | None = None

    @override
    def __str__(self) -> str:
        """Name it without any value that was sent."""
        if self.level is None:
            return f"{self.stream}: {self.role.value}"
        place = f" of country {self.country}" if self.country else ""
        return f"admin {self.level}{place}: {self.role.value}"


@dataclass(frozen=True)
class Look:
    """What came of a question.

    Attributes:
        question: What was asked.
        status: The HTTP status of the last reply; None if none came.
        repeats: How often it was asked again.
        failure: Why the client does not take the answer, without any value that was sent; empty if it does.
        is_unknown: Whether the API says that it does not know what it was asked for.
        size: Bytes of the last reply, unpacked.
        seconds: How long the last reply took.
        is_json: Whether the last reply is JSON; None without one of HTTP 200.
        members: The names in the envelope; None when the reply has none.
        code: ``statusCode``, as it came.
        success: ``isSuccess``, as it came.
        total: ``totalRecordsCount``, as it came.
        message: ``errorMessages`` as one text.
        rows: The rows as they came; None when there is no list of rows. What is no object is not a row.
    """

    question: Question
    status: int | None = None
    repeats: int = 0
    failure: str = ""
    is_unknown: bool = False
    size: int = 0
    seconds: float = 0.0
    is_json: bool | None = None
    members: tuple[str, ...] | None = None
    code: Any = None
    success: Any = None
    total: Any = None
    message: str = ""
    rows: tuple[dict[str, Any], ...] | None = None

    @property
    def is_answered(self) -> bool:
        """Whether a reply came that is the API's own."""
        return self.status == int(codes.ok)


def read(reply: Reply) -> dict[str, Any]:
    """Return what a reply says, as attributes of a ``Look``."""
    found: dict[str, Any] = {"status": reply.status, "size": len(reply.body), "seconds": reply.seconds}
    if reply.status != codes.ok:
        return found
    try:
        envelope = read_envelope(reply.body)
    except NotJsonError:
        return found | {"is_json": False}
    found["is_json"] = True
    if envelope is None:
        return found
    found["members"] = tuple(
        quoted(name, 50) for name in msgspec.json.decode(_text(reply), type=dict[str, msgspec.Raw])
    )
    try:
        rows = envelope.rows() if envelope.has("result") else None
        values = {name: envelope.value(name) for name in ("statusCode", "isSuccess", "totalRecordsCount")}
        message = said(envelope.value("errorMessages"))
    except NotJsonError:
        return found | {"is_json": False}
    except DtmAnswerError:
        return found
    return found | {
        "code": values["statusCode"],
        "success": values["isSuccess"],
        "total": values["totalRecordsCount"],
        "message": message,
        "rows": None if rows is None else tuple(row if isinstance(row, dict) else {} for row in rows),
    }


def _text(reply: Reply) -> bytes:
    return bytes(reply.body).removeprefix(b"\xef\xbb\xbf")


def without_values(text: str, values: Sequence[str]) -> str:
    """Return a text of the API's or of the client's without values, which a report must not repeat."""
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, "…")
    return text
