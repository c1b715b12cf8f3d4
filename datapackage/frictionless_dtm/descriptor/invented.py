"""Data of the sandbox: recognises them, and describes a package of them without naming IOM."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import structs

if TYPE_CHECKING:
    from collections.abc import Collection

    from tap_dtm.metadata import Package

# ISO 3166-1 reserves XAA to XZZ for users, such as the sandbox. XKX is in use for Kosovo.
_INVENTED: Final = re.compile(r"X(?!KX)[A-Z]{2}\Z")
_CREDIT: Final = "Invented data, made by the sandbox of tap-dtm; not data of IOM"


def is_invented(countries: Collection[str]) -> bool:
    """Return whether a country code is one of the sandbox."""
    return any(_INVENTED.match(code) for code in countries)


def as_invented(package: Package) -> Package:
    """Return the description of a package with invented data: without IOM as source, and without a contact."""
    makers = tuple(each for each in package.contributors if "rightsHolder" not in each.roles)
    home = makers[-1].url if makers else package.homepage
    return structs.replace(
        package,
        name=f"{package.name}-sandbox",
        title=f"Invented data: {package.title}",
        description=f"Invented by the sandbox of tap-dtm; nobody lives here. {package.description}",
        homepage=home,
        source=structs.replace(package.source, title="Sandbox of tap-dtm (invented data)", url=home),
        credit_line=_CREDIT,
        citation=f"{_CREDIT}. Made on {{access_date}}.",
        contact=None,
        contributors=makers,
    )
