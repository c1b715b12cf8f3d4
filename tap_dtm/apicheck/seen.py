"""All questions and answers, for the facts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from tap_dtm.api.records import RecordBuilder
from tap_dtm.apicheck.look import Role
from tap_dtm.errors import DtmAnswerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_dtm.api.rows import Row
    from tap_dtm.apicheck.look import Look
    from tap_dtm.metadata import Catalogue
    from tap_dtm.settings import Settings

    Judge: TypeAlias = "Callable[[Seen], Verdict]"

_MOST_NAMED = 5


class Verdict(NamedTuple):
    """Whether a fact holds (None if no answer shows it), and a sentence about the evidence."""

    holds: bool | None
    seen: str


@dataclass(frozen=True)
class Fact:
    """A sentence about the API, and the pure function that judges by the answers whether it holds.

    A fact is *needed* if, without it, the rows cannot be read, or the rows in a target differ from the API's. The tap
    works around others that do not hold.
    """

    sentence: str
    judge: Judge
    is_needed: bool = False


class Facts(list[Fact]):
    """The facts of a module: ``@facts("A sentence.")`` adds one."""

    def __call__(self, sentence: str, *, is_needed: bool = False) -> Callable[[Judge], Judge]:
        """Return a decorator of the function that judges the fact."""

        def add(judge: Judge) -> Judge:
            self.append(Fact(sentence, judge, is_needed))
            return judge

        return add


UNSEEN: Final = Verdict(holds=None, seen="No answer shows it.")


@dataclass(frozen=True)
class Seen:
    """The answers, with the catalogue and the settings."""

    looks: tuple[Look, ...]
    catalogue: Catalogue
    settings: Settings

    def builder(self, look: Look) -> RecordBuilder:
        """Return the reader of an answer's rows."""
        return self._builders[look.question.stream]

    @cached_property
    def _builders(self) -> dict[str, RecordBuilder]:
        served = {name: each for name, each in self.catalogue.resources.items() if each.endpoints}
        return {name: RecordBuilder(each, self.settings.api_version) for name, each in served.items()}

    @property
    def whole(self) -> list[Look]:
        """The answers that every run needs: the lists, and the levels without filters."""
        return [look for look in self.looks if look.question.role in {Role.LIST, Role.LEVEL}]

    @property
    def with_rows(self) -> list[Look]:
        """All answers that have rows."""
        return [look for look in self.looks if look.rows]

    def level(self, number: int, country: int) -> Look | None:
        """Return the answer of a level without filters."""
        looks = (look for look in self.whole if look.question.country == country)
        return next((look for look in looks if look.question.level == number), None)

    def first(self, role: Role) -> Look | None:
        """Return the answer to the one question of a role."""
        return next((look for look in self.looks if look.question.role is role), None)

    @property
    def countries(self) -> list[int]:
        """The numbers of the requested countries."""
        return sorted({look.question.country for look in self.looks if look.question.role is Role.LEVEL})

    def built(self, look: Look | None) -> list[Row] | None:
        """Return the rows of a level as the tap reads them; None if it cannot."""
        if look is None or look.rows is None:
            return None
        try:
            return self.builder(look).build(list(look.rows))
        except DtmAnswerError:
            return None


def counted(looks: Iterable[Look], wrong: Iterable[str], what: str = "answers") -> Verdict:
    """Return the verdict on a fact that must hold for each answer. ``wrong`` describes those that contradict it."""
    total, wrong = len(list(looks)), list(wrong)
    if not total:
        return UNSEEN
    if not wrong:
        return Verdict(holds=True, seen=f"{total} of {total} {what}.")
    return Verdict(holds=False, seen=f"{total - len(wrong)} of {total} {what}. {listed(wrong, '; ')}.")


def listed(names: Iterable[str], separator: str = ", ") -> str:
    """Return the first few names as one text."""
    names = list(names)
    more = f"{separator}and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return separator.join(names[:_MOST_NAMED]) + more
