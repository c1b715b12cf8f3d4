"""Names and codes of a world, and the places, reasons, origins and figures of a country.

Each name shows that it is invented. The country codes are those that ISO 3166-1 leaves to its users (XAA to XZZ), so
none of them will ever be a country.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

from tap_dtm.sandbox.model import NOT_AVAILABLE, Area, Cell, Round

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from random import Random

Genders = Literal["known", "partly", "none"]
Slot = tuple[date, int, str]
"""The date, number and assessment type of a round."""

MAX_COUNTRIES = 26 * 26
SHARED_OPERATION = "Invented Countrywide Monitoring"
"""The one operation name that several countries use."""

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
_REASONS = (
    "Conflict",
    "Natural disaster",
    "Conflict; Natural disaster",
    "Insecurity",
    "Conflict; Insecurity; Natural disaster",
)
_LETTERS = "AÉÍÖÚÑÇŠØÅ"
_ALPHA2 = ("{:.2}{:02d}", "{:02d}")
_ALPHA3 = ("{}{:03d}", "{:03d}")
_DASHED = ("{}-G{:02d}", "Q{:02d}")
_PCODES = (_ALPHA2, _ALPHA2, _DASHED, _ALPHA3, _ALPHA2)
"""How the first countries form the codes of their areas: `XB07`, `XDA026` or `XCA-G01`. The API mixes all three."""


def country_pcode(index: int) -> str:
    """Return the code of the country at this place: XAA, XBA, … XZA, XAB and so on."""
    return f"X{chr(ord('A') + index % 26)}{chr(ord('A') + index // 26)}"


def country_name(index: int, rng: Random) -> str:
    """Return the name of the country at this place. Each place has another name."""
    if index < len(_COUNTRIES):
        return _COUNTRIES[index]
    stem = "".join(rng.sample(_SYLLABLES, 2)).capitalize() + f"ia {index}"
    return _SHAPES[index % len(_SHAPES)].format(stem, "Nirgends")


def operation_name(rng: Random, taken: Iterable[str] = ()) -> str:
    """Return a name for an operation that is not taken."""
    taken = set(taken)
    while True:
        name = rng.choice(_OPERATIONS).format(rng.choice(_CAUSES))
        if rng.random() < 0.3:  # noqa: PLR2004 - some names have a year
            name = f"{name}, {rng.randrange(2016, 2026)}"
        if name not in taken:
            return name
        name = f"{name} no. {rng.randrange(2, 1000)}"
        if name not in taken:
            return name


def areas(index: int, admin1: int, admin2: int) -> tuple[Area, ...]:
    """Return the areas of the country at this place: their number at admin 1, and in each of them at admin 2."""
    # Beyond the alphabet, only full codes are unique.
    upper, lower = _PCODES[index] if index < len(_PCODES) else _ALPHA3
    found: list[Area] = []
    for one in range(1, admin1 + 1):
        name = f"Invented Province {_LETTERS[one % len(_LETTERS)]} {one}"
        code = upper.format(country_pcode(index), one)
        for two in range(1, admin2 + 1):
            district = f"Invented District {_LETTERS[(one + two) % len(_LETTERS)]} {one}-{two}"
            found.append(Area(name, code, district, code + lower.format(two)))
        if not admin2:
            found.append(Area(name, code))
    return tuple(found)


def _origin_pcode(pcode: str) -> str:
    """Return the code of a province as an origin: where codes have a dash, in another form and another numbering."""
    country, dash, number = pcode.partition("-G")
    return f"{country[:2]}-G{int(number) % 18 + 1:02d}" if dash else pcode


def calendar(start: date, rounds: int, *, step: int = 91, first: int = 1, kind: str = "BA") -> list[Slot]:
    """Return the slots of a number of rounds, ``step`` days apart, with ascending numbers."""
    return [(start + timedelta(days=step * i), first + i, kind) for i in range(rounds)]


def misplaced(round_: Round, places: Iterable[Area]) -> Round:
    """Return a round that counts some people of one of its districts under another province's name and code.

    The district is under its own province, too. A round without districts stays as it is.
    """
    for cell in round_.cells:
        wrong = next((place for place in places if place.admin1_pcode != cell.admin1_pcode), None)
        if cell.admin2_pcode.startswith(cell.admin1_pcode) and wrong:
            idps = 1 + cell.idps // 3
            males = None if cell.males is None else idps // 2
            females = None if males is None else idps - males
            stray = Cell(*wrong[:2], *cell[2:7], idps, males, females)
            return replace(round_, cells=(*round_.cells, stray))
    return round_


class Fabric:
    """The (place, reason, origin) combinations of one country, with a usual figure for each."""

    def __init__(self, places: Sequence[Area], rng: Random, *, genders: Genders = "known", dense: bool = False) -> None:
        """Choose the combinations: the same few causes in every place, or other causes in each if dense."""
        self._rng = rng
        origins = list(dict.fromkeys((place.admin1_name, _origin_pcode(place.admin1_pcode)) for place in places))
        causes = [
            (reason, *origin)
            for reason in _REASONS[: 3 if dense else 5]
            for origin in (*origins[:3], (NOT_AVAILABLE, NOT_AVAILABLE))
        ]
        if not dense:
            causes = rng.sample(causes, 4)
        chosen: dict[str, list[tuple[str, str, str]]] = {}
        self._usual: list[tuple[Area, tuple[str, str, str], int, bool]] = []
        for place in places:
            local = chosen.setdefault(place.admin1_pcode, rng.sample(causes, 4))
            for cause in rng.sample(local, 3) if dense else causes:
                known = genders == "known" or (genders == "partly" and rng.random() < 0.6)  # noqa: PLR2004
                self._usual.append((place, cause, rng.randint(5, 9000), known))

    def rows(self, levels: int) -> int:
        """Return how many rows a round of all combinations has in the first levels, from admin 0 down."""
        return sum(len({(place[: 2 * level], cause) for place, cause, _, _ in self._usual}) for level in range(levels))

    def rounds(self, slots: Iterable[Slot], cells: int | None = None) -> tuple[Round, ...]:
        """Return a round for each slot, all of the same combinations, so that they can be compared."""
        usual = self._usual if cells is None else self._rng.sample(self._usual, min(cells, len(self._usual)))
        random = self._rng.random
        rounds = []
        for day, number, kind in slots:
            swing = 0.5 + random()
            figures = []
            for place, cause, usually, known in usual:
                idps = 1 + int(usually * swing * (0.8 + 0.4 * random()))
                males = int(idps * (0.42 + 0.1 * random())) if known else None
                females = None if males is None else idps - males
                figures.append(Cell(*place, *cause, idps, males, females))
            rounds.append(Round(number, day, kind, tuple(figures)))
        return tuple(rounds)
