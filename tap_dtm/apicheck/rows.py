"""Facts about rows: their fields, types, level and country."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from tap_dtm.apicheck.seen import UNSEEN, Verdict, counted, listed
from tap_dtm.redaction import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_dtm.apicheck.look import Look
    from tap_dtm.apicheck.seen import Seen

_NO_ROWS = Verdict(holds=None, seen="There are no rows.")


def of_lists(seen: Seen) -> Verdict:
    """Judge whether a run can begin: both lists have rows."""
    lists = [look for look in seen.whole if look.question.level is None and look.rows is not None]
    verdict = counted(lists, (str(look.question) for look in lists if not look.rows), "lists")
    return verdict._replace(seen=f"{verdict.seen[:-1]}: {_counts(lists)}.") if verdict.holds else verdict


def of_countries(seen: Seen) -> Verdict:
    """Judge whether a country has rows at admin 0."""
    looks = [look for number in seen.countries if (look := seen.level(0, number)) and look.rows is not None]
    if not looks:
        return UNSEEN
    return Verdict(any(look.rows for look in looks), f"{_counts(looks)}.")


def _counts(looks: Iterable[Look]) -> str:
    return ", ".join(f"{len(look.rows or ()):,} rows" for look in looks)


def fields(seen: Seen) -> Verdict:
    """Judge whether all fields are there, or a new version of the API has dropped some."""
    return _every_row(
        seen, lambda look, row: (name for name, need in _unfit(seen, look, row) if not need), "is missing"
    )


def values(seen: Seen) -> Verdict:
    """Judge whether every value has exactly one meaning and is within the bounds of the catalogue."""
    return _every_row(
        seen,
        lambda look, row: (f"{name} ({_kind(row[name])} for {need})" for name, need in _unfit(seen, look, row) if need),
        "cannot be read",
    )


def _unfit(seen: Seen, look: Look, row: dict[str, Any]) -> Iterable[tuple[str, str]]:
    return seen.builders[look.question.stream].unfit(row).items()


def forms(seen: Seen) -> Verdict:
    """Judge whether rows are read at full speed. The tap reads other spellings of a value one by one."""
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

    return _every_row(seen, odd, "is written in another form", levels)


def nulls(seen: Seen) -> Verdict:
    """Judge whether only nullable fields are null."""
    nullable = {str(field.api_name) for field in seen.catalogue.fields.values() if field.nullable}
    known = {str(field.api_name) for field in seen.catalogue.fields.values() if field.api_name}

    def unexpected(_: Look, row: dict[str, Any]) -> Iterator[str]:
        return (name for name, value in row.items() if value is None and name in known - nullable)

    return _every_row(seen, unexpected, "is null")


def no_other_fields(seen: Seen) -> Verdict:
    """Judge whether a new version of the API has more fields."""
    return _every_row(seen, lambda look, row: map(_name, _other(seen, look, row)[0]), "is unknown")


def grain(seen: Seen) -> Verdict:
    """Judge whether an endpoint answers with the rows of a finer one."""
    return _every_row(seen, lambda look, row: map(_name, _other(seen, look, row)[1]), "belongs to finer rows")


def _other(seen: Seen, look: Look, row: dict[str, Any]) -> tuple[set[str], set[str]]:
    return seen.builders[look.question.stream].unknown(row)


def _name(name: str) -> str:
    return quoted(name, 50)


def country(seen: Seen) -> Verdict:
    """Judge whether rows are of the requested country."""
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
