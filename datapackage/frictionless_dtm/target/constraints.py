"""Checks the constraints of a table's schema. The descriptor leaves out those that some rows violate."""

from __future__ import annotations

import re
from decimal import Decimal
from operator import ge, itemgetter, le
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from frictionless_dtm.descriptor.profile import fields_of
from tap_dtm.redaction import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from frictionless_dtm.descriptor.profile import Resource
    from frictionless_dtm.descriptor.shape import Shape
    from frictionless_dtm.target.rows import Values

_CHECKED: Final = ("enum", "minimum", "maximum", "pattern")


class _Check(NamedTuple):
    """One constraint of one column. Missing values meet every constraint."""

    column: str
    name: str
    limit: Any
    pick: Callable[[Values], Any]
    is_met: Callable[[Any], bool]
    missing: set[str | None]


class Checks:
    """Checks the constraints of a table on each written row.

    Args:
        shape: The columns, with the constraints of the stream's own schema.
        resource: The stream in the catalogue, if any. The catalogue's constraints replace the stream's.
    """

    def __init__(self, shape: Shape, resource: Resource | None) -> None:  # noqa: D107
        known = fields_of(shape, resource)
        self._stream = shape.stream
        self._open: list[_Check] = []
        self.unmet: dict[str, list[str]] = {}
        """The constraints that a row violates, by column."""
        self.warnings: list[str] = []
        """A sentence for each of them."""
        for number, column in enumerate(shape.columns):
            field = known.get(column.name)
            declared = field.constraints if field else dict(column.constraints)
            missing = {None, "", *(field.missing_values if field else ())}
            for name in filter(declared.__contains__, _CHECKED):
                limit = declared[name]
                self._open.append(_Check(column.name, name, limit, itemgetter(number), _test(name, limit), missing))

    def add(self, rows: Sequence[Values]) -> None:
        """Check rows."""
        for check in list(self._open):
            values = set(map(check.pick, rows)) - check.missing
            unmet = sorted(value for value in values if not check.is_met(value))
            if unmet:
                self._open.remove(check)
                self.unmet.setdefault(check.column, []).append(check.name)
                value = repr(unmet[0]) if isinstance(unmet[0], str) else unmet[0]
                limit = ", ".join(map(str, check.limit)) if isinstance(check.limit, (list, tuple)) else check.limit
                self.warnings.append(
                    f"The schema of {self._stream} declares {check.name} {quoted(limit, 100)} for {check.column}, but "
                    f"a row has {quoted(value, 100)}. The row is kept, and datapackage.json does not declare "
                    f"{check.name}."
                )

    def take_over(self, descriptor: Mapping[str, Any], table: str) -> None:
        """Instead of checking the same rows again, take as violated what their descriptor does not declare."""
        resource = next(each for each in descriptor["resources"] if each["name"] == table)
        declared = {field["name"]: field.get("constraints", {}) for field in resource["schema"]["fields"]}
        for check in self._open:
            if check.name not in declared.get(check.column, ()):
                self.unmet.setdefault(check.column, []).append(check.name)


def _test(name: str, limit: Any) -> Callable[[Any], bool]:  # noqa: ANN401
    if name == "enum":
        return frozenset(limit).__contains__
    if name == "pattern":
        # The Table Schema standard requires that the whole value matches.
        pattern = re.compile(limit)
        return lambda value: pattern.fullmatch(value) is not None
    compare = ge if name == "minimum" else le
    exact = limit if isinstance(limit, int) else Decimal(str(limit))
    return lambda value: compare(value, exact)
