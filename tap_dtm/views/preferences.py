"""The preferred operations of the operator: the file that lists them, and the statements that load it."""

from __future__ import annotations

import csv
import re
import unicodedata
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from tap_dtm.errors import DtmError
from tap_dtm.redaction import quoted
from tap_dtm.views.placeholders import fill, placeholders

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from tap_dtm.views.warehouse import Warehouse

_COUNTRY: Final = re.compile("[A-Z]{3}")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_UNKNOWN: Final = (
    'The preferred operation "{}" of {} is not one of its operations. These are: {}. Correct the file of preferred '
    "operations."
)
_UNKNOWN_IN_SQL: Final = """\
WITH known AS (
  SELECT admin0_pcode, $composed(operation) AS operation FROM $schema.operations WHERE _sdc_deleted_at IS NULL
  UNION DISTINCT
  SELECT admin0_pcode, $composed(operation) AS operation FROM $schema.operation_rounds
)
SELECT CONCAT({message}) AS message
FROM {wanted} AS wanted
JOIN known ON wanted.admin0_pcode = known.admin0_pcode
GROUP BY wanted.admin0_pcode, wanted.operation
HAVING COUNT(CASE WHEN known.operation = $composed(wanted.operation) THEN 1 END) = 0
ORDER BY wanted.admin0_pcode
LIMIT 1"""
_LISTED_IN_SQL: Final = "STRING_AGG(known.operation, '; ' ORDER BY known.operation$bytewise)"


@dataclass(frozen=True)
class Preference:
    """A row of the table ``preferred_operations``; without an assessment type, the views choose one."""

    admin0_pcode: str
    operation: str
    assessment_type: str | None = None

    @override
    def __str__(self) -> str:
        """Return it as a package prints it."""
        return f"{self.admin0_pcode}: {self.operation}" + (f" ({self.assessment_type})" if self.assessment_type else "")


COLUMNS: Final = tuple(field.name for field in fields(Preference))


def read_preferences(path: Path) -> tuple[Preference, ...]:
    """Read a CSV file with these columns.

    Raises:
        DtmError: The file cannot be read, or a line is wrong.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(cells)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or ("it is not UTF-8" if isinstance(error, ValueError) else error)
        raise DtmError(f"The file of preferred operations {path} cannot be read: {reason}.") from error
    if not lines or tuple(lines[0][1]) != COLUMNS:
        raise DtmError(f"{path}, line 1: write the names of the columns, {','.join(COLUMNS)}.")
    found: dict[str, Preference] = {}
    for number, cells in lines[1:]:
        preference = _preference(cells, f"{path}, line {number}")
        if preference.admin0_pcode in found:
            raise DtmError(f"{path}, line {number}: {preference.admin0_pcode} is there twice: prefer one operation.")
        found[preference.admin0_pcode] = preference
    return tuple(found.values())


def _preference(cells: Sequence[str], where: str) -> Preference:
    if len(cells) != len(COLUMNS):
        raise DtmError(f"{where}: write {len(COLUMNS)} values, {','.join(COLUMNS)}; the last one may be empty.")
    country, operation, assessment_type = (unicodedata.normalize("NFC", cell) for cell in cells)
    if not _COUNTRY.fullmatch(country):
        raise DtmError(f'{where}: "{quoted(country, 100)}" is not an ISO 3166-1 alpha-3 code, such as HTI.')
    if not operation or _UNPRINTABLE.search(operation + assessment_type):
        raise DtmError(f"{where}: write the name of an operation in one line, as the stream operations has it.")
    return Preference(country, operation, assessment_type or None)


def check_known(preferences: Iterable[Preference], known: Collection[tuple[str, str]]) -> None:
    """Check that the operations are known, if any of their country are.

    Args:
        preferences: The operations that are preferred.
        known: Countries and operations.

    Raises:
        DtmError: One is not; the message lists the operations of its country.
    """
    for each in preferences:
        names = sorted({unicodedata.normalize("NFC", name) for country, name in known if country == each.admin0_pcode})
        if names and unicodedata.normalize("NFC", each.operation) not in names:
            raise DtmError(_UNKNOWN.format(each.operation, each.admin0_pcode, "; ".join(names)))


def load_preferences(warehouse: Warehouse, preferences: Sequence[Preference]) -> str:
    """Return the statements that replace the rows of the table, after a check that fails if an operation is unknown.

    They need the tables and the views.
    """
    dialect = warehouse.dialect
    if not preferences:
        return dialect.replace_rows("preferred_operations", COLUMNS, None)
    rows = dialect.values(COLUMNS, [astuple(each) for each in preferences])
    parts = ("wanted.operation", "wanted.admin0_pcode", _LISTED_IN_SQL)
    message = "'" + _UNKNOWN.format(*(f"', {part}, '" for part in parts)) + "'"
    query = fill(_UNKNOWN_IN_SQL.replace("{message}", message), placeholders(warehouse, None))
    check = dialect.fail(query.replace("{wanted}", f"(\n{rows}\n)"))
    return check + dialect.replace_rows("preferred_operations", COLUMNS, rows)
