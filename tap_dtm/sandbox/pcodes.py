"""An invented list of P-codes in the form of OCHA's, for the countries of a world.

It differs from the codes that the sandbox publishes as OCHA's list differs from DTM's codes: in another way for each of
the first countries. Every name shows that it is invented. The list is the same for every publication and seed.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final, NamedTuple

from tap_dtm.sandbox.fabric import MAX_COUNTRIES, areas, country_pcode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PATH: Final = "/global_pcodes.csv"
_HEADER: Final = ("Location", "Admin Level", "P-Code", "Name", "Parent P-Code", "Valid from date")
_HXL: Final = ("#country+code", "#geo+admin_level", "#adm+code", "#adm+name", "#adm+code+parent", "#date+start")
_PROVINCES: Final = 18  # more than a large world has
_DISTRICTS: Final = 8


class Place(NamedTuple):
    """An area of the list."""

    country: str
    level: int
    pcode: str
    name: str
    parent: str


def pcode_list(countries: Iterable[str]) -> str:
    """Return the list for these countries, as HDX publishes one: with a byte order mark and a row of HXL tags."""
    text = io.StringIO()
    text.write("\ufeff")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows((_HEADER, _HXL))
    wanted = set(countries)
    for index in range(MAX_COUNTRIES):
        if country_pcode(index) in wanted:
            valid_from = f"{2019 + index % 6}-01-31"
            writer.writerows((*place, valid_from) for place in _places(index))
    return text.getvalue()


def _places(index: int) -> Iterator[Place]:
    """Yield the areas of the country at a place of the world."""
    upper, lower = _FORMS.get(index, _SHORT_PREFIX)
    country = country_pcode(index)
    found: dict[str, Place] = {}
    for one, area in enumerate(areas(index, _PROVINCES, 0), start=1):
        code = upper.format(country, one)
        found[code] = Place(country, 1, code, area.admin1_name, country)
    for number, area in enumerate(areas(index, _PROVINCES, _DISTRICTS)):
        one, two = number // _DISTRICTS + 1, number % _DISTRICTS + 1
        parent = upper.format(country, one)
        code = parent + lower.format(two)
        found[code] = Place(country, 2, code, area.admin2_name, parent)
    places = list(found.values())
    yield from _ODDITIES[index](places) if index in _ODDITIES else places


def _reused(places: list[Place]) -> list[Place]:
    """One name has another word order, and one code was given to another area by a reform."""
    places[1] = places[1]._replace(name="Province Í 2 (invented)")
    reform = "Invented District of a reform"
    return [place._replace(name=reform) if place.pcode.endswith("0102") else place for place in places]


def _renumbered(places: list[Place]) -> list[Place]:
    """The districts of the first two provinces are numbered downwards, and one name occurs twice under its parent."""
    for number, place in enumerate(places):
        if place.level == 2 and int(place.parent[2:]) <= 2:  # noqa: PLR2004 - the first two
            places[number] = place._replace(pcode=f"{place.parent}{_DISTRICTS + 1 - int(place.pcode[5:]):03d}")
    twice = next(place for place in places if place.level == 2)  # noqa: PLR2004 - the level itself
    return [*places, twice._replace(pcode=f"{twice.parent}099")]


def _two_lengths(places: list[Place]) -> list[Place]:
    """The codes of some districts are short, and one is no code at all."""
    shortened = [
        place._replace(pcode=f"{place.parent}{place.pcode[-1]}") if place.parent.endswith("04") else place
        for place in places
    ]
    odd = next(place for place in reversed(places) if place.level == 2)  # noqa: PLR2004 - the level itself
    return [*shortened, odd._replace(pcode="Unspecified", name="Unspecified (invented)")]


_SHORT_PREFIX: Final = ("{:.2}{:03d}", "{:03d}")
_FORMS: Final = {
    0: ("{:.2}{:02d}", "{:02d}"),  # as the sandbox publishes them
    1: ("{}{:02d}", "{:02d}"),  # a longer prefix
    2: ("{:.2}G{:02d}", "Q{:02d}"),  # without the hyphen
}
"""How the first countries form the codes of their areas."""
_ODDITIES: Final[dict[int, Callable[[list[Place]], list[Place]]]] = {0: _reused, 1: _two_lengths, 5: _renumbered}
