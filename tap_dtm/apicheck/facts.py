"""Facts about the API: those of answers and rows by themselves. Each is judged by a pure function."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import msgspec
from requests import codes

from tap_dtm.api.envelope import whole_number
from tap_dtm.api.records import RecordBuilder
from tap_dtm.apicheck.asking import Role
from tap_dtm.errors import DtmAnswerError
from tap_dtm.exact import rounds
from tap_dtm.metadata import load_catalogue
from tap_dtm.redaction import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_dtm.api.rows import Row
    from tap_dtm.apicheck.asking import Look
    from tap_dtm.settings import Settings

    JsonRow: TypeAlias = "dict[str, Any]"
    Judge: TypeAlias = "Callable[[Seen], Verdict]"

_NEEDED_MEMBERS: Final = frozenset({"result", "statusCode", "isSuccess", "totalRecordsCount"})
_MEMBERS: Final = _NEEDED_MEMBERS | {"errorMessages"}
_SMALL_PART: Final = 0.25
_MOST_NAMED: Final = 5


class Verdict(NamedTuple):
    """Whether a fact holds (None if no answer shows it), and a sentence about the evidence."""

    holds: bool | None
    seen: str


UNSEEN: Final = Verdict(None, "No answer shows it.")


@dataclass(frozen=True)
class Fact:
    """A sentence about the API.

    A fact is *needed* if, without it, the rows cannot be read, or the rows in a target differ from the API's. The tap
    works around others that do not hold.
    """

    sentence: str
    judge: Judge
    is_needed: bool = False


FACTS: Final[list[Fact]] = []


def fact(sentence: str, *, is_needed: bool = False) -> Callable[[Judge], None]:
    """Return a decorator of the function that judges a fact."""
    return lambda judge: FACTS.append(Fact(sentence, judge, is_needed))


class Seen:
    """The answers, by their questions."""

    def __init__(self, looks: list[Look], settings: Settings) -> None:  # noqa: D107
        self.looks = looks
        self.settings = settings
        self.answered = [look for look in looks if look.is_answered]
        self.whole = [look for look in looks if look.question.role in {Role.LIST, Role.LEVEL}]
        """The answers that every run needs: the lists, and the levels without filters."""
        self.with_rows = [look for look in looks if look.rows]
        self.countries = sorted({look.question.country for look in looks if look.question.role is Role.LEVEL})
        """The numbers of the requested countries."""
        self.fields = load_catalogue().fields.values()
        served = (each for each in load_catalogue().resources.values() if each.endpoints)
        self._builders = {each.name: RecordBuilder(each, settings.api_version) for each in served}

    def builder(self, look: Look) -> RecordBuilder:
        """Return the reader of an answer's rows."""
        return self._builders[look.question.stream]

    def level(self, number: int, country: int) -> Look | None:
        """Return the answer of a level without filters."""
        looks = (look for look in self.whole if look.question.country == country)
        return next((look for look in looks if look.question.level == number), None)

    def built(self, number: int, country: int) -> dict[str, list[Row]] | None:
        """Return the rows of a level by operation, as the tap reads them; None if it cannot."""
        look = self.level(number, country)
        if look is None or look.rows is None:
            return None
        try:
            return rounds.by_operation(self.builder(look).build(list(look.rows)))
        except DtmAnswerError:
            return None


def each_answer(looks: list[Look], problem: Callable[[Look], str], what: str = "answers") -> Verdict:
    """Return the verdict on a fact that must hold for each answer. A problem follows the name of the question."""
    if not looks:
        return UNSEEN
    wrong = [f"{look.question}{words}" for look in looks if (words := problem(look))]
    if not wrong:
        return Verdict(holds=True, seen=f"{len(looks)} of {len(looks)} {what}.")
    return Verdict(holds=False, seen=f"{len(looks) - len(wrong)} of {len(looks)} {what}. {listed(wrong, '; ')}.")


def listed(names: Iterable[str], separator: str = ", ") -> str:
    """Return the first few names as one text."""
    names = list(names)
    more = f"{separator}and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return separator.join(names[:_MOST_NAMED]) + more


# The arrival of answers, and the envelope around their rows.


@fact("Both lists and every level of a country arrive.", is_needed=True)
def _(seen: Seen) -> Verdict:
    def problem(look: Look) -> str:
        return f": {look.failure}".rstrip(".") if look.failure and not look.is_answered else ""

    return each_answer(seen.whole, problem, "requests")


@fact("No request has to be repeated.")
def _(seen: Seen) -> Verdict:
    return each_answer(seen.looks, lambda look: f" (repeated: {look.repeats})" if look.repeats else "", "requests")


@fact("Answers take a small part of request_timeout and answer_budget_mb.")
def _(seen: Seen) -> Verdict:
    """Leave room for larger countries and slower days."""
    if not seen.answered:
        return UNSEEN
    slowest, largest = max(look.seconds for look in seen.answered), max(look.size for look in seen.answered)
    in_time = slowest <= seen.settings.request_timeout * _SMALL_PART
    is_small = largest <= seen.settings.answer_budget_mb * 1_000_000 * _SMALL_PART
    return Verdict(in_time and is_small, f"The slowest took {slowest:.2f} s, and the largest has {largest:,} bytes.")


@fact("Answers are JSON.", is_needed=True)
def _(seen: Seen) -> Verdict:
    return each_answer(seen.answered, lambda look: "" if look.is_json else f": {look.size:,} bytes of another format")


@fact("An answer has the members result (a list), statusCode, isSuccess and totalRecordsCount.", is_needed=True)
def _(seen: Seen) -> Verdict:
    def problem(look: Look) -> str:
        if missing := sorted(_NEEDED_MEMBERS - set(look.envelope or ())):
            return f": without {listed(missing)}"
        return ": result is not a list" if look.rows is None else ""

    return each_answer([look for look in seen.looks if look.is_json], problem)


@fact("An answer has no other members than these and errorMessages.")
def _(seen: Seen) -> Verdict:
    def problem(look: Look) -> str:
        other = sorted(quoted(name, 50) for name in set(look.envelope or ()) ^ _MEMBERS)
        return f": {listed(other)}" if other else ""

    return each_answer([look for look in seen.looks if look.envelope is not None], problem)


@fact("totalRecordsCount is the number of rows.", is_needed=True)
def _(seen: Seen) -> Verdict:
    def problem(look: Look) -> str:
        total, rows = whole_number(look.member("totalRecordsCount")), len(look.rows or ())
        return "" if total == rows else f": {'no number' if total is None else total}, and {rows} rows"

    return each_answer([look for look in seen.looks if look.rows is not None], problem)


@fact("Lists and levels report success: isSuccess is true, and statusCode is 200, or 204 without rows.", is_needed=True)
def _(seen: Seen) -> Verdict:
    def problem(look: Look) -> str:
        code = whole_number(look.member("statusCode"))
        is_fitting = code == codes.ok or (code == codes.no_content and not look.rows)
        # Below admin 0, a country without areas may be unknown.
        is_right = (look.is_unknown and look.question.level) or (look.member("isSuccess") is True and is_fitting)
        return "" if is_right else f": {envelope_in_words(look)}"

    return each_answer([look for look in seen.whole if look.rows is not None], problem)


def envelope_in_words(look: Look) -> str:
    """Return the members of an envelope that report success or failure, in words."""
    code, success = whole_number(look.member("statusCode")), look.member("isSuccess")
    words = str(success).lower() if isinstance(success, bool) else "neither true nor false"
    message = f', "{look.message.rstrip(".")}"' if look.message else ""
    return f"isSuccess {words}, statusCode {'no number' if code is None else code}{message}"


# The rows: their fields, types, level and country.


@fact("Both lists have rows.", is_needed=True)
def _(seen: Seen) -> Verdict:
    lists = [look for look in seen.whole if look.question.level is None and look.rows is not None]
    verdict = each_answer(lists, lambda look: "" if look.rows else " (none)", "lists")
    return verdict._replace(seen=f"{verdict.seen[:-1]}: {_counts(lists)}.") if verdict.holds else verdict


@fact("A country of the list has rows at admin 0.", is_needed=True)
def _(seen: Seen) -> Verdict:
    looks = [look for number in seen.countries if (look := seen.level(0, number)) and look.rows is not None]
    return Verdict(any(look.rows for look in looks), f"{_counts(looks)}.") if looks else UNSEEN


def _counts(looks: Iterable[Look]) -> str:
    return ", ".join(f"{len(look.rows or ()):,} rows" for look in looks)


def _every_row(looks: Iterable[Look], problems: Callable[[Look, JsonRow], Iterable[str]], words: str) -> Verdict:
    """Return the verdict on a fact that must hold for each row, with the names of the fields that contradict it."""
    total, wrong = 0, 0
    counts: Counter[tuple[str, str]] = Counter()
    for look in looks:
        for row in look.rows or ():
            names = {quoted(name, 50) for name in problems(look, row)}
            counts.update((look.question.stream, name) for name in names)
            total, wrong = total + 1, wrong + bool(names)
    if not total:
        return Verdict(None, "There are no rows.")
    if not wrong:
        return Verdict(holds=True, seen=f"{total:,} rows.")
    lines = (f"{stream}: {name} {words} in {count:,} rows" for (stream, name), count in sorted(counts.items()))
    return Verdict(holds=False, seen=f"{total - wrong:,} of {total:,} rows. {listed(lines, '; ')}.")


@fact("Rows have every field that the tap reads.", is_needed=True)
def _(seen: Seen) -> Verdict:
    def missing(look: Look, row: JsonRow) -> Iterator[str]:
        return (name for name, need in seen.builder(look).unfit(row).items() if not need)

    return _every_row(seen.with_rows, missing, "is missing")


@fact("Every value can be read as the type of its field.", is_needed=True)
def _(seen: Seen) -> Verdict:
    def wrong(look: Look, row: JsonRow) -> Iterator[str]:
        unfit = seen.builder(look).unfit(row).items()
        return (f"{name} ({kind_of(row[name])} for {need})" for name, need in unfit if need)

    return _every_row(seen.with_rows, wrong, "cannot be read")


@fact("Values are written in one form: JSON integers, and days as midnights without a zone.")
def _(seen: Seen) -> Verdict:
    """The tap reads rows in this form at full speed, and other spellings of a value one by one."""

    def odd(look: Look, row: JsonRow) -> Iterator[str]:
        date = row.get("reportingDate")
        if isinstance(date, str) and not date.endswith("T00:00:00"):
            yield "reportingDate"
        try:
            msgspec.convert(row, seen.builder(look).published)
        except msgspec.ValidationError as error:
            _, is_a_value, name = str(error).rpartition("$.")
            if is_a_value:  # fields that are missing or unknown are other facts
                yield name.strip("`")

    levels = (look for look in seen.with_rows if look.question.level is not None)
    return _every_row(levels, odd, "is written in another form")


@fact("Only fields that may be null are null.")
def _(seen: Seen) -> Verdict:
    never_null = {field.api_name for field in seen.fields if field.api_name and not field.nullable}

    def unexpected(_: Look, row: JsonRow) -> Iterator[str]:
        return (name for name, value in row.items() if value is None and name in never_null)

    return _every_row(seen.with_rows, unexpected, "is null")


@fact("Rows have no field that the tap does not know.")
def _(seen: Seen) -> Verdict:
    return _every_row(seen.with_rows, lambda look, row: seen.builder(look).unknown(row)[0], "is unknown")


@fact("Rows are no finer than requested.", is_needed=True)
def _(seen: Seen) -> Verdict:
    return _every_row(seen.with_rows, lambda look, row: seen.builder(look).unknown(row)[1], "belongs to finer rows")


@fact("Rows are of the requested country.", is_needed=True)
def _(seen: Seen) -> Verdict:
    def problem(look: Look) -> str:
        code = look.question.params["Admin0Pcode"]
        is_right = all(str(row.get("admin0Pcode")).strip().upper() == code for row in look.rows or ())
        return "" if is_right else ": rows of other countries"

    return each_answer([look for look in seen.with_rows if "Admin0Pcode" in look.question.params], problem)


def kind_of(value: Any) -> str:  # noqa: ANN401
    """Return the JSON type of a value."""
    if value is None:
        return "null"
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]
