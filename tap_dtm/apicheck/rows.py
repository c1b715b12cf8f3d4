"""Whether the rows are the rows that the tap reads: fields, types, and whose they are."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from tap_dtm.apicheck.seen import Verdict, counted, listed
from tap_dtm.redaction import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_dtm.apicheck.look import Look
    from tap_dtm.apicheck.seen import Seen

_NO_ROWS = Verdict(holds=None, seen="There are no rows.")


def of_lists(seen: Seen) -> Verdict:
    """Whether a run has something to begin with."""
    lists = [look for look in seen.whole if look.question.level is None and look.rows is not None]
    verdict = counted(lists, (str(look.question) for look in lists if not look.rows), "lists")
    return verdict._replace(seen=f"{verdict.seen[:-1]}: {_counts(lists)}.") if verdict.holds else verdict


def of_countries(seen: Seen) -> Verdict:
    """Whether there was anything to look at."""
    looks = [look for number in seen.countries if (look := seen.level(0, number)) and look.rows is not None]
    if not looks:
        return Verdict(holds=None, seen="No answer could tell.")
    return Verdict(any(look.rows for look in looks), f"{_counts(looks)}.")


def _counts(looks: Iterable[Look]) -> str:
    return ", ".join(f"{len(look.rows or ()):,} rows" for look in looks)


def fields(seen: Seen) -> Verdict:
    """Whether a new version of the API has dropped fields."""
    return _every_row(
        seen, lambda look, row: (name for name, need in _unfit(seen, look, row) if not need), "is missing"
    )


def values(seen: Seen) -> Verdict:
    """Whether every value has exactly one meaning, within the bounds of the catalogue."""
    return _every_row(
        seen,
        lambda look, row: (f"{name} ({_kind(row[name])} for {need})" for name, need in _unfit(seen, look, row) if need),
        "cannot be read",
    )


def _unfit(seen: Seen, look: Look, row: dict[str, Any]) -> Iterable[tuple[str, str]]:
    return seen.builders[look.question.stream].unfit(row).items()


def forms(seen: Seen) -> Verdict:
    """Whether rows are read at full speed. Other spellings of a value are read as well, one by one."""
    levels = [look for look in seen.with_rows if look.question.level is not None]

    def odd(look: Look, row: dict[str, Any]) -> Iterator[str]:
        date = row.get("reportingDate")
        if isinstance(date, str) and not date.endswith("T00:00:00"):
            yield "reportingDate"
        try:
            msgspec.convert(row, seen.builders[look.question.stream].published)
        except msgspec.ValidationError as error:
            _, is_a_value, name = str(error).rpartition("$.")
            if is_a_value:  # fields that are missing or unknown are other facts
                yield name.strip("`")

    return _every_row(seen, odd, "is written otherwise", levels)


def nulls(seen: Seen) -> Verdict:
    """Whether a field has become nullable."""
    nullable = {str(field.api_name) for field in seen.catalogue.fields.values() if field.nullable}
    known = {str(field.api_name) for field in seen.catalogue.fields.values() if field.api_name}

    def unexpected(_: Look, row: dict[str, Any]) -> Iterator[str]:
        return (name for name, value in row.items() if value is None and name in known - nullable)

    return _every_row(seen, unexpected, "is null")


def no_other_fields(seen: Seen) -> Verdict:
    """Whether a new version of the API has more fields."""
    return _every_row(seen, lambda look, row: map(_name, _other(seen, look, row)[0]), "is unknown")


def grain(seen: Seen) -> Verdict:
    """Whether an endpoint answers with the rows of another one."""
    return _every_row(seen, lambda look, row: map(_name, _other(seen, look, row)[1]), "is of finer rows")


def _other(seen: Seen, look: Look, row: dict[str, Any]) -> tuple[set[str], set[str]]:
    return seen.builders[look.question.stream].unknown(row)


def _name(name: str) -> str:
    return quoted(name, 50)


def country(seen: Seen) -> Verdict:
    """Whether an answer could be stored under the wrong country."""
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
    """Return the verdict on a fact that must hold for each row, and name the fields in which it does not."""
    looks = seen.with_rows if looks is None else looks
    total, wrong = 0, 0
    found: Counter[tuple[str, str]] = Counter()
    for look in looks:
        for row in look.rows or ():
            problem = set(problems(look, row))
            found.update((look.question.stream, each) for each in problem)
            total, wrong = total + 1, wrong + bool(problem)
    if not total:
        return _NO_ROWS
    if not wrong:
        return Verdict(holds=True, seen=f"{total:,} rows.")
    told = (f"{stream}: {name} {words} in {count:,} rows" for (stream, name), count in sorted(found.items()))
    return Verdict(holds=False, seen=f"{total - wrong:,} of {total:,} rows. {listed(told, '; ')}.")


def kinds(looks: Iterable[Look]) -> dict[str, dict[str, set[str]]]:
    """Return the JSON types of each field, by stream, in the order of the fields."""
    found: dict[str, dict[str, set[str]]] = {}
    for look in looks:
        of_stream = found.setdefault(look.question.stream, {})
        for row in look.rows or ():
            for name, value in row.items():
                of_stream.setdefault(_name(name), set()).add(_kind(value))
    return found


def _kind(value: Any) -> str:  # noqa: ANN401
    if value is None:
        return "null"
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]
