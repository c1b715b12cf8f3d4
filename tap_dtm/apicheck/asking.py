"""The questions, and the parts of answers that facts need. A question may depend on the answers to earlier ones."""

from __future__ import annotations

import enum
import logging
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from requests import codes as http
from typing_extensions import override

from tap_dtm.api.client import DtmClient
from tap_dtm.api.envelope import NotJsonError, decoded, message_of
from tap_dtm.errors import DtmAnswerError, DtmError, DtmRefusedError, DtmRequestError, DtmUnknownError
from tap_dtm.metadata import load_catalogue
from tap_dtm.metadata.model import LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tap_dtm.api.transport import Reply
    from tap_dtm.settings import Settings

MOST: Final = 12
"""The largest number of questions."""

_LONG_AGO: Final = "1900-01-01"
_FILTERED_LEVEL: Final = 1  # the coarsest level that runs request with filters
_MOST_COUNTRIES: Final = 2
_UNKNOWN_CODES: Final = ("QZZ", "QMA", "ZZZ")  # ISO 3166-1 assigns them to no country
_MOST_RETRIES: Final = 2  # a person is waiting
_SHORTEST_TEXT: Final = 3  # shorter texts are parts of ordinary words
_logger = logging.getLogger("tap-dtm")


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


class Asking:
    """Asks through the client of ordinary runs, which retries, limits answers and protects the keys.

    ``looks`` has the answers in order.
    """

    def __init__(self, settings: Settings) -> None:  # noqa: D107
        self.looks: list[Look] = []
        self._version = settings.api_version
        self._texts: set[str] = set()
        retries = min(settings.max_retries, _MOST_RETRIES)
        self._client = DtmClient(replace(settings, max_retries=retries), self._add_reply)

    def _add_reply(self, reply: Reply) -> None:
        self._asked.read(reply)

    def ask_all(self, wanted: Sequence[str]) -> None:
        """Ask the questions, the most important ones first, about these countries or else about small ones.

        Raises:
            DtmAccessError: The key is refused.
            DtmError: One of these countries is not on the list; or the first question shows that the API cannot be
                reached, or that a setting is wrong.
        """
        countries, operations = (self._ask(Question(Role.LIST, stream)) for stream in ("countries", "operations"))
        listed = {_code(row) for row in countries.rows or ()} - {""}
        code, place, level = "", 0, 0
        rows: Sequence[dict[str, Any]] = ()
        for place, code in enumerate(_chosen(listed, operations.rows or (), wanted), start=1):
            country = {"Admin0Pcode": code}
            looks = [self._ask(Question(Role.LEVEL, f"idp_admin{each}", country, place, each)) for each in LEVELS]
            level = _FILTERED_LEVEL if looks[_FILTERED_LEVEL].rows else 0
            rows = looks[level].rows or ()
            if all(look.rows for look in looks) and len(_by_operation(rows)) > 1:
                break
        unknown = next(each for each in _UNKNOWN_CODES if each not in listed)
        for role, params in islice(_filters(code, unknown, rows), MOST - len(self.looks)):
            of_level, of_country = (0, 0) if role is Role.UNKNOWN else (level, place)
            self._ask(Question(role, f"idp_admin{of_level}", params, of_country, of_level))

    def _ask(self, question: Question) -> Look:
        code = question.params.get("Admin0Pcode", "all countries")
        _logger.info("Request %d of at most %d, about %s. %s", len(self.looks) + 1, MOST, code, question)
        path = load_catalogue().resources[question.stream].endpoints[self._version]
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


def _chosen(listed: set[str], operations: Iterable[dict[str, Any]], wanted: Sequence[str]) -> list[str]:
    """Return the codes of one or two countries with the fewest operations, if possible at least two."""
    for code in wanted[:_MOST_COUNTRIES]:
        if listed and code not in listed:
            raise DtmError(f"The setting countries names {code}, which DTM does not list. Name another country.")
    counts = Counter(map(_code, operations))
    enough = 2
    smallest = sorted(listed or counts.keys() - {""}, key=lambda code: (counts[code] < enough, counts[code], code))
    return list(wanted or smallest)[:_MOST_COUNTRIES]


def _code(row: dict[str, Any]) -> str:
    return str(row.get("admin0Pcode") or "").strip().upper()


def _filters(code: str, unknown: str, rows: Sequence[dict[str, Any]]) -> Iterator[tuple[Role, dict[str, str]]]:
    country = {"Admin0Pcode": code}
    by_operation = _by_operation(rows)
    if not by_operation:
        return
    dates_of = {
        name: sorted({date[:10] for row in own if isinstance(date := row.get("reportingDate"), str)})
        for name, own in by_operation.items()
    }
    name = max(dates_of, key=lambda name: (len(dates_of[name]), name))
    operation = {**country, "Operation": name}
    yield Role.OPERATION, operation
    if dates := dates_of[name]:
        day = dates[len(dates) // 2]
        yield Role.DATES, {**operation, "FromReportingDate": day, "ToReportingDate": day}
    yield Role.NOTHING, {**country, "FromReportingDate": _LONG_AGO, "ToReportingDate": _LONG_AGO}
    yield Role.UNKNOWN, {"Admin0Pcode": unknown}
    other_case = name.lower() if name.lower() != name else name.upper()
    if other_case not in by_operation:
        yield Role.CASE, {**country, "Operation": other_case}
    part = name[: len(name) * 2 // 3].strip()
    if part and part not in by_operation:
        yield Role.PART, {**country, "Operation": part}
    # For the API, round 0 means "no limit".
    numbers = sorted({n for row in by_operation[name] if type(n := row.get("roundNumber")) is int and n > 0})
    if numbers:
        number = str(numbers[len(numbers) // 2])
        yield Role.ROUNDS, {**operation, "FromRoundNumber": number, "ToRoundNumber": number}


def _by_operation(rows: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    by_operation: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if isinstance(name := row.get("operation"), str) and name.strip():
            by_operation[name].append(row)
    return by_operation
