"""One pass over the rows of the displacement tables, keeping counts only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.quality.runs import plus, total
from frictionless_dtm.quality.streams import placeholders

if TYPE_CHECKING:
    from frictionless_dtm.quality.runs import RoundKey, Run

EXAMPLES: Final = 20
"""At most so many examples are kept of each finding."""

_CODES: Final = (
    ("admin1_pcode", "admin1_name"),
    ("admin2_pcode", "admin2_name"),
    ("idp_origin_admin1_pcode", "idp_origin_admin1_name"),
)


@dataclass
class Code:
    """A P-code as the data have it: how often, and where it was met first."""

    name: str | None
    operation: str
    rows: int = 0


@dataclass
class Sum:
    """People of one round at one level: what is known of them (None: nothing), and rows without a figure."""

    persons: int | None = None
    unknown_rows: int = 0


@dataclass
class Sexes:
    """How rows of one country's table relate males and females to the total."""

    rows: int = 0
    equal: int = 0
    less: int = 0
    more: int = 0
    one_unknown: int = 0
    both_unknown: int = 0
    total_unknown: int = 0
    persons: int = 0
    persons_known: int = 0


@dataclass
class QualityObserver:
    """Counts what the report needs, one run of rows after the other."""

    sums: dict[RoundKey, dict[int, Sum]] = field(default_factory=dict)
    codes: dict[tuple[str, str], dict[str, Code]] = field(default_factory=dict)
    unplaced: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    duplicates: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    duplicate_examples: list[dict[str, Any]] = field(default_factory=list)
    sexes: dict[tuple[str, str], Sexes] = field(default_factory=dict)
    sex_examples: list[dict[str, Any]] = field(default_factory=list)
    without_figure: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)

    def take(self, run: Run) -> None:
        """Count one run."""
        self.rows[run.table] += len(run.rows)
        at_level = self.sums.setdefault(run.key, {}).setdefault(run.level, Sum())
        at_level.persons = plus(at_level.persons, total(run.persons))
        if missing := run.persons.count(None):
            at_level.unknown_rows += missing
            self.without_figure[run.table] += missing
        self._find_twins(run)
        for column, title in _CODES:
            if run.has(column, title):
                self._count_codes(run, column, title)
        if run.has("number_males", "number_females"):
            self._count_sexes(run)

    def _find_twins(self, run: Run) -> None:
        """Find rows that are equal in every column but their position; they belong to the same round."""
        columns = [name for name in run.rows[0] if name != "row_number" and not name.startswith("_")]
        values = list(map(itemgetter(*columns), run.rows))
        if len(set(values)) == len(values):
            return
        country, operation, *_ = run.key
        self.duplicates[country, operation, run.table] += len(values) - len(set(values))
        for row, times in Counter(values).items():
            if times > 1 and len(self.duplicate_examples) < EXAMPLES:
                example = dict(zip(columns, row, strict=True))
                self.duplicate_examples.append({"resource": run.table, "times": times, "row": example})

    def _count_codes(self, run: Run, column: str, title: str) -> None:
        country, operation, *_ = run.key
        absent = placeholders()
        seen = Counter(map(itemgetter(column, title), run.rows))
        for (code, name), rows in seen.items():
            if code in absent:
                self.unplaced[country, operation, column, code or ""] += rows
            else:
                known = self.codes.setdefault((country, column), {})
                known.setdefault(code, Code(name, operation)).rows += rows

    def _count_sexes(self, run: Run) -> None:
        seen = self.sexes.setdefault((run.key[0], run.table), Sexes())
        seen.rows += len(run.rows)
        seen.persons += total(run.persons) or 0
        rows = zip(run.persons, run.column("number_males"), run.column("number_females"), strict=True)
        for index, (persons, males, females) in enumerate(rows):
            if persons is None:
                seen.total_unknown += 1
                continue
            if males is None or females is None:
                if males is females:
                    seen.both_unknown += 1
                else:
                    seen.one_unknown += 1
                    seen.persons_known += males or females or 0
                continue
            known = males + females
            seen.persons_known += known
            if known == persons:
                seen.equal += 1
            elif known < persons:
                seen.less += 1
            else:
                seen.more += 1
                if len(self.sex_examples) < EXAMPLES:
                    self.sex_examples.append({"resource": run.table, "row": dict(run.rows[index])})
