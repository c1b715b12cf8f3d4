"""The first sheets of a workbook: the terms, how to read the figures, and all columns. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.descriptor.package import terms_in_words
from frictionless_dtm.descriptor.table_schema import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TERMS: Final = "Terms"
DICTIONARY: Final = "Dictionary"
_CELLS: Final = (
    "An empty cell has no value, which is not 0. Codes are text, so that they keep their zeros. Integers of more than "
    "15 digits are text, because Excel would change them. Decimal numbers have at most 16 digits here; CSV has all."
)
_HEADER: Final = ("Table", "Column", "Type", "Title", "Meaning", "Unit", "Measure", "HXL tag", "Missing values")


def terms(descriptor: Mapping[str, Any], sheets: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield labels and paragraphs of the first sheet; the first label is the title. ``sheets`` are by table."""
    words = terms_in_words(descriptor)
    yield descriptor.get("title") or descriptor["name"], ""
    yield from _paragraphs("Terms of use", words)
    yield from _paragraphs("Cite as", descriptor.get(f"{PREFIX}citation", ""))
    yield "Version", f"{descriptor['version']} of {descriptor['created'][:10]}"
    for source in descriptor.get("sources", ()):
        yield "Source", f"{source.get('title', '')} ({source.get('path', '')})"
    yield from _paragraphs("About", descriptor.get("description", "").removesuffix(words))
    tables = _tables(descriptor)
    warnings = {
        warning["code"]: warning["text"] for table in tables for warning in table.get(f"{PREFIX}usageWarnings", ())
    }
    for text in warnings.values():
        yield "Before you add anything up", text
    yield "Cells", _CELLS
    for table in tables:
        about = table.get(f"{PREFIX}grain") or table.get("description") or table.get("title", "")
        yield f"Sheet {sheets[table['name']]}", f"{table['rows']:,} rows. {about}"


def dictionary(descriptor: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    """Yield the header and a line for each column of each table."""
    yield _HEADER
    for table in _tables(descriptor):
        for field in table["schema"]["fields"]:
            yield (
                table["name"],
                field["name"],
                field["type"],
                field.get("title", ""),
                field.get("description", ""),
                field.get(f"{PREFIX}unit", ""),
                field.get(f"{PREFIX}measure", ""),
                field.get(f"{PREFIX}hxl", ""),
                ", ".join(filter(None, field.get("missingValues", ()))),
            )


def _tables(descriptor: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [each for each in descriptor["resources"] if f"{PREFIX}sameDataAs" not in each]


def _paragraphs(label: str, text: str) -> Iterator[tuple[str, str]]:
    for paragraph in filter(None, map(str.strip, text.split("\n\n"))):
        yield label, paragraph
