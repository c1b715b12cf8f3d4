"""What to say of a country or an operation that DTM does not list: which names are near. Pure functions."""

from __future__ import annotations

import difflib
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_MOST: Final = 5
_FORMS: Final = ("NFC", "NFD", "NFKC", "NFKD")


def unknown_country(code: str, known: Mapping[str, str]) -> str:
    """Return a message about a code that is not one of the known ones, which have names."""
    by_name = {str(name).casefold(): valid for valid, name in known.items()}
    near = [by_name[name] for name in difflib.get_close_matches(code.casefold(), by_name)]

    def distance(valid: str) -> tuple[float, int, str]:
        likeness = difflib.SequenceMatcher(None, code, valid).ratio()
        same = sum(one == other for one, other in zip(code, valid, strict=False))
        return -likeness, -same, valid

    near += [valid for valid in sorted(known, key=distance)[:_MOST] if set(valid) & set(code)]
    hints = ", ".join(f"{valid} ({known[valid]})" for valid in dict.fromkeys(near))
    nearest = f"The nearest: {hints}." if hints else "Write ISO 3166-1 alpha-3 codes."
    return f"The setting countries names {code}, which DTM does not list. {nearest}"


def unknown_operation(name: str, known: Collection[str]) -> str:
    """Return a message about an operation that is not one of the known ones."""
    for other in known:
        if unicodedata.normalize("NFC", other) == unicodedata.normalize("NFC", name):
            return (
                f'The setting operations names "{name}" in another Unicode form ({_form(name)}) than DTM, which '
                f"writes it in {_form(other)}. It looks the same: copy it from the stream operations."
            )
    hints = ", ".join(f'"{each}"' for each in difflib.get_close_matches(name, known, n=3, cutoff=0.4))
    nearest = f"The nearest: {hints}." if hints else "The stream operations lists them."
    return f'The setting operations names "{name}", which DTM does not list (any more): its rows are kept. {nearest}'


def _form(text: str) -> str:
    return next((form for form in _FORMS if unicodedata.is_normalized(form, text)), "a mixture of forms")
