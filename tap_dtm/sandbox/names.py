"""Invented names, each of which says that it is invented, and the codes that go with them.

The country codes are those that ISO 3166-1 leaves to its users (XAA to XZZ), so none of them is, or
will ever be, a country.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

PcodeStyle = Literal["alpha2", "alpha3", "dashed"]
"""How the codes of areas begin: `XB07`, `XDA026` or `XCA-G01`. The API mixes all three."""

_COUNTRIES = (
    "Côte Inventée (the)",
    "Invented Republic of Nowhere & Elsewhere",
    "Fiktivia, Invented State of",
    "Îles Imaginaires (Invented State of)",
    "Invented People's Land",
    "República Inventada de Ñandú",
)
_SHAPES = (
    "Invented Republic of {}",
    "{} (Invented State of)",
    "{}, Invented Kingdom of",
    "{} inventée (the)",
    "Invented Isles of {} & {}",
)
_SYLLABLES = ("Bré", "Çal", "Dø", "Fan", "Gür", "Hol", "Ity", "Lö", "Mna", "Ñu", "Qua", "Rê", "Šte", "Tov", "Zi")

_CAUSES = (
    "Flood",
    "Drought",
    "Conflict",
    "Cyclone 'Ünwritten'",
    "Storm & Surge",
    "Earthquake",
    "Border, River & Lake",
    "Fire/Heat",
    "Ash Fall",
    "Unrest",
)
_OPERATIONS = (
    "Invented {} Response",
    "Invented {} Monitoring (Monthly)",
    "Réponse inventée : {}",
    "Invented {}: l'après-crise",
    "{} (Invented)",
    "Respuesta inventada: {}",
)
SHARED_OPERATION = "Invented Countrywide Monitoring"
"""The one operation name that several countries use."""

_LETTERS = "AÉÍÖÚÑÇŠØÅ"


@dataclass(frozen=True)
class Area:
    """One place: an area at admin 1 and, where the country has them, an area at admin 2."""

    admin1_name: str
    admin1_pcode: str
    admin2_name: str = ""
    admin2_pcode: str = ""


def country_pcode(index: int) -> str:
    """Return the code of the country at this place: XAA, XBA, … XZA, XAB and so on."""
    return f"X{chr(ord('A') + index % 26)}{chr(ord('A') + index // 26)}"


def country_name(index: int, rng: Random) -> str:
    """Return the name of the country at this place; no two places share one."""
    if index < len(_COUNTRIES):
        return _COUNTRIES[index]
    stem = "".join(rng.sample(_SYLLABLES, 2)).capitalize() + f"ia {index}"
    return _SHAPES[index % len(_SHAPES)].format(stem, "Nirgends")


def operation_name(rng: Random, taken: Iterable[str] = ()) -> str:
    """Return a name for an operation that is not taken."""
    taken = set(taken)
    while True:
        name = rng.choice(_OPERATIONS).format(rng.choice(_CAUSES))
        if rng.random() < 0.3:  # noqa: PLR2004 - some names tell a year
            name = f"{name}, {rng.randrange(2016, 2026)}"
        if name not in taken:
            return name
        taken.discard(name)
        name = f"{name} no. {rng.randrange(2, 1000)}"
        if name not in taken:
            return name


def style_of(index: int) -> PcodeStyle:
    """Return the style of the country at this place; beyond the alphabet only full codes are unique."""
    styles: tuple[PcodeStyle, ...] = ("alpha2", "alpha2", "dashed", "alpha3", "alpha2", "alpha3")
    return styles[index] if index < len(styles) else "alpha3"


def areas(pcode: str, style: PcodeStyle, admin1: int, admin2: int) -> tuple[Area, ...]:
    """Return the areas of a country: so many at admin 1, each with so many (or none) at admin 2."""
    found: list[Area] = []
    for one in range(1, admin1 + 1):
        name = f"Invented Province {_LETTERS[one % len(_LETTERS)]} {one}"
        code = {"alpha2": f"{pcode[:2]}{one:02d}", "alpha3": f"{pcode}{one:03d}", "dashed": f"{pcode}-G{one:02d}"}[
            style
        ]
        below = {"alpha2": "{:02d}", "alpha3": "{:03d}", "dashed": "Q{:02d}"}[style]
        found.extend(
            Area(
                name,
                code,
                f"Invented District {_LETTERS[(one + two) % len(_LETTERS)]} {one}-{two}",
                code + below.format(two),
            )
            for two in range(1, admin2 + 1)
        )
        if not admin2:
            found.append(Area(name, code))
    return tuple(found)
