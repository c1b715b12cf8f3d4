"""Facts about rows: their fields, types, level and country."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tap_dtm.apicheck.seen import UNSEEN, Facts, Verdict, counted, listed
from tap_dtm.redaction import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_dtm.apicheck.look import Look
    from tap_dtm.apicheck.seen import Seen

facts: Final = Facts()
_NO_ROWS = Verdict(holds=None, seen="There are no rows.")


@facts("Both lists have rows.", is_needed=True)
def _of_lists(seen: Seen) -> Verdict:
    lists = [look for look in seen.whole if look.question.level is None and look.rows is not None]
    verdict = counted(lists, (str(look.question) for look in lists if not look.rows), "lists")
    return verdict._replace(seen=f"{verdict.seen[:-1]}: {_counts(lists)}.") if verdict.holds else verdict


@facts("A country of the list has rows at admin 0.", is_needed=True)
def _of_countries(seen: Seen) -> Verdict:
    looks = [look for number in seen.countries if (look := seen.level(0, number)) and look.rows is not None]
    if not looks:
        return UNSEEN
    return Verdict(any(look.rows for look in looks), f"{_counts(looks)}.")


def _counts(looks: Iterable[Look]) -> str:
    return ", ".join(f"{len(look.rows or ()):,} rows" for look in looks)


@facts("Rows have every field that the tap reads.", is_needed=True)
def _fields(seen: Seen) -> Verdict:
    return _every_row(
        seen, lambda look, row: (name for name, need in _unfit(seen, look, row) if not need), "is missing"
    )


@facts("Every value can be read as the type of its field.", is_needed=True)
def _values(seen: Seen) -> Verdict:
    return _every_row(
        seen,
        lambda look, row: (f"{name} ({_kind(row[name])} for {need})" for name, need in _unfit(seen, look, row) if need),
        "cannot be read",
    )


def _unfit(seen: Seen, look: Look, row: dict[str, Any]) -> Iterable[tuple[str, str]]:
    return seen.builder(look).unfit(row).items()


@facts("Values are written in one form: JSON integers, and days as midnights without a zone.")
def _forms(seen: Seen) -> Verdict:
    """The tap reads rows in this form at full speed, and other spellings of a value one by one."""
    levels = [look for look in seen.with_rows if look.question.level is not None]

    def odd(look: Look, row: dict[str, Any]) -> Iterator[str]:
        date = row.get("reportingDate")
        if isinstance(date, str) and not date.endswith("T00:00:00"):
            yield "reportingDate"
        try:
            msgspec.convert(row, seen.builder(look).published)
        except msgspec.ValidationError as error:
            _, is_a_value, name = str(error).rpartition("$.")
            if is_a_value:  # fields that are missing or unknown are other facts
                yield name.strip("`")

    return _every_row(seen, odd, "is written in another form", levels)


@facts("Only fields that may be null are null.")
def _nulls(seen: Seen) -> Verdict:
    nullable = {str(field.api_name) for field in seen.catalogue.fields.values() if field.nullable}
    known = {str(field.api_name) for field in seen.catalogue.fields.values() if field.api_name}

    def unexpected(_: Look, row: dict[str, Any]) -> Iterator[str]:
        return (name for name, value in row.items() if value is None and name in known - nullable)

    return _every_row(seen, unexpected, "is null")


@facts("Rows have no field that the tap does not know.")
def _no_other_fields(seen: Seen) -> Verdict:
    return _every_row(seen, lambda look, row: map(_name, seen.builder(look).unknown(row)[0]), "is unknown")


@facts("Rows are no finer than requested.", is_needed=True)
def _grain(seen: Seen) -> Verdict:
    return _every_row(seen, lambda look, row: map(_name, seen.builder(look).unknown(row)[1]), "belongs to finer rows")


def _name(name: str) -> str:
    return quoted(name, 50)


@facts("Rows are of the requested country.", is_needed=True)
def _country(seen: Seen) -> Verdict:
    looks = [look for look in seen.with_rows if "Admin0Pcode" in look.question.params]
    wrong = [
        look for look in looks if any(not _is_of(row, look.question.params["Admin0Pcode"]) for row in look.rows or ())
    ]
    return counted(looks, (f"{look.question}: rows of other countries" for look in wrong))


def _is_of(row: dict[str, Any], code: str) -> bool:
    return str(row.get("admin0Pcode")).strip().upper() == code


def _every_row(
    seen: Seen,
    problems: Callable[[Look, dict[str, Any]], Iterable[str]],
    words: str,
    looks: list[Look] | None = None,
) -> Verdict:
    """Return the verdict on a fact that must hold for each row, with the names of the fields that contradict it."""
    looks = seen.with_rows if looks is None else looks
    total, wrong = 0, 0
    counts: Counter[tuple[str, str]] = Counter()
    for look in looks:
        for row in look.rows or ():
            names = set(problems(look, row))
            counts.update((look.question.stream, name) for name in names)
            total, wrong = total + 1, wrong + bool(names)
    if not total:
        return _NO_ROWS
    if not wrong:
        return Verdict(holds=True, seen=f"{total:,} rows.")
    lines = (f"{stream}: {name} {words} in {count:,} rows" for (stream, name), count in sorted(counts.items()))
    return Verdict(holds=False, seen=f"{total - wrong:,} of {total:,} rows. {listed(lines, '; ')}.")


def kinds(looks: Iterable[Look]) -> dict[str, dict[str, set[str]]]:
    """Return the JSON types of each field, by stream, in the order of the fields."""
    by_stream: dict[str, dict[str, set[str]]] = {}
    for look in looks:
        of_stream = by_stream.setdefault(look.question.stream, {})
        for row in look.rows or ():
            for name, value in row.items():
                of_stream.setdefault(_name(name), set()).add(_kind(value))
    return by_stream


def _kind(value: Any) -> str:  # noqa: ANN401
    if value is None:
        return "null"
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]
