"""What this room asks of the API: the client of ``api`` has it, and so may anything else that answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msgspec import Struct


class Answer(Protocol):
    """What one endpoint answered."""

    @property
    def rows(self) -> list[Any]:
        """The rows, as the API words them: not even that they are rows is checked, unless they have the form."""

    @property
    def message(self) -> str:
        """What the API said of an empty answer."""


class Api(Protocol):
    """Something that answers as the DTM API does."""

    def get(self, path: str, params: Mapping[str, str] | None = None, form: type[Struct] | None = None) -> Answer:
        """Ask one endpoint; if all rows have a form, they may come in it.

        Raises:
            DtmError: There was no answer that can be taken.
        """
