"""All that was asked and answered, as the facts look at it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from tap_dtm.api.records import RecordBuilder
from tap_dtm.apicheck.look import Role
from tap_dtm.errors import DtmAnswerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_dtm.api.rows import Row
    from tap_dtm.apicheck.look import Look
    from tap_dtm.metadata import Catalogue
    from tap_dtm.settings import Settings

_MOST_NAMED = 5


class Verdict(NamedTuple):
    """Whether a fact holds (None: nothing was answered that could tell), and what was seen, as a sentence."""

    holds: bool | None
    seen: str


@dataclass(frozen=True)
class Seen:
    """The answers, and what they are judged by."""

    looks: tuple[Look, ...]
    catalogue: Catalogue
    settings: Settings

    @cached_property
    def builders(self) -> dict[str, RecordBuilder]:
        """What reads the rows of each stream."""
        version = self.settings.api_version
        served = {name: each for name, each in self.catalogue.resources.items() if each.endpoints}
        return {name: RecordBuilder(each, version) for name, each in served.items()}

    @property
    def whole(self) -> list[Look]:
        """The answers that runs cannot do without: the lists, and the levels without filters."""
        return [look for look in self.looks if look.question.role in {Role.LIST, Role.LEVEL}]

    @property
    def with_rows(self) -> list[Look]:
        """All answers that have rows."""
        return [look for look in self.looks if look.rows]

    def list_of(self, stream: str) -> Look | None:
        """Return the answer of one of the lists."""
        return next((look for look in self.looks if look.question.stream == stream), None)

    def level(self, number: int, country: int) -> Look | None:
        """Return the answer of a level without filters."""
        found = (each for each in self.looks if each.question.role is Role.LEVEL and each.question.country == country)
        return next((look for look in found if look.question.level == number), None)

    def first(self, role: Role) -> Look | None:
        """Return the answer to the one question of a role."""
        return next((look for look in self.looks if look.question.role is role), None)

    @property
    def countries(self) -> list[int]:
        """The numbers of the countries that were asked for."""
        return sorted({look.question.country for look in self.looks if look.question.role is Role.LEVEL})

    def built(self, look: Look | None) -> list[Row] | None:
        """Return the rows of a level as the tap reads them; None if it cannot."""
        if look is None or look.rows is None:
            return None
        try:
            return self.builders[look.question.stream].build(list(look.rows))
        except DtmAnswerError:
            return None


def counted(looks: Iterable[Look], wrong: Iterable[str], what: str = "answers") -> Verdict:
    """Return the verdict on a fact that must hold for each answer.

    Args:
        looks: The answers that could tell.
        wrong: What is wrong, for each answer in which the fact does not hold.
        what: What is counted.
    """
    total, wrong = len(list(looks)), list(wrong)
    if not total:
        return Verdict(holds=None, seen="No answer could tell.")
    if not wrong:
        return Verdict(holds=True, seen=f"{total} of {total} {what}.")
    return Verdict(holds=False, seen=f"{total - len(wrong)} of {total} {what}. {listed(wrong, '; ')}.")


def listed(names: Iterable[str], separator: str = ", ") -> str:
    """Return names as one text, the first few of them."""
    names = list(names)
    more = f"{separator}and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return separator.join(names[:_MOST_NAMED]) + more
