"""What rounds are woven from: the places, reasons and origins of one country, and figures for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

from tap_dtm.sandbox.model import NOT_AVAILABLE, Cell, Round

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from random import Random

    from tap_dtm.sandbox.names import Area

Genders = Literal["known", "partly", "none"]
"""Whether males and females are known everywhere, in some cells, or nowhere."""

Slot = tuple[date, int, str]
"""The date, number and assessment type of a round."""

REASONS = (
    "Conflict",
    "Natural disaster",
    "Conflict; Natural disaster",
    "Insecurity",
    "Conflict; Insecurity; Natural disaster",
    "Economic reasons",
    "Other reason",
    "No reason for displacement reported",
)


def calendar(start: date, rounds: int, *, step: int = 91, first: int = 1, kind: str = "BA") -> list[Slot]:
    """Return the slots of so many rounds, numbered upwards, so many days apart."""
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
            stray = Cell(wrong.admin1_name, wrong.admin1_pcode, *cell[2:7], idps, males, females)
            return replace(round_, cells=(*round_.cells, stray))
    return round_


class Fabric:
    """The (place, reason, origin) combinations of one country, with a usual figure for each."""

    def __init__(self, places: Sequence[Area], rng: Random, *, genders: Genders = "known", dense: bool = False) -> None:
        """Choose the combinations: the same few causes in every place, or, when dense, other ones in each."""
        self._rng = rng
        origins = list(dict.fromkeys((place.admin1_name, place.admin1_pcode) for place in places))[:4]
        causes = [
            (reason, *origin)
            for reason in REASONS[: 3 if dense else 5]
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
        """How many rows a round of all combinations has over so many levels, from admin 0 down."""
        seen: list[set[tuple[object, ...]]] = [
            {(cause,) for _, cause, _, _ in self._usual},
            {(place.admin1_pcode, cause) for place, cause, _, _ in self._usual},
            {(place.admin2_pcode, cause) for place, cause, _, _ in self._usual},
        ]
        return sum(len(each) for each in seen[:levels])

    def rounds(self, slots: Iterable[Slot], cells: int | None = None) -> tuple[Round, ...]:
        """Weave a round for each slot, all from the same few combinations, so that they compare."""
        usual = self._usual if cells is None else self._rng.sample(self._usual, min(cells, len(self._usual)))
        random = self._rng.random
        woven = []
        for day, number, kind in slots:
            swing = 0.5 + random()
            figures = []
            for place, cause, usually, known in usual:
                idps = 1 + int(usually * swing * (0.8 + 0.4 * random()))
                males = int(idps * (0.42 + 0.1 * random())) if known else None
                figures.append(
                    Cell(
                        place.admin1_name,
                        place.admin1_pcode,
                        place.admin2_name,
                        place.admin2_pcode,
                        *cause,
                        idps,
                        males,
                        None if males is None else idps - males,
                    )
                )
            woven.append(Round(number, day, kind, tuple(figures)))
        return tuple(woven)
