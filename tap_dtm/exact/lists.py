"""DTM's two lists, of countries and of operations, and lists of others: each read once in a run."""

from __future__ import annotations

import logging
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from tap_dtm.api.records import RecordBuilder
from tap_dtm.errors import DtmAnswerError, DtmError
from tap_dtm.exact.reading import begun
from tap_dtm.exact.round import sortable
from tap_dtm.redaction import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from msgspec import Struct

    from tap_dtm.api.records import Entry, UnknownFields
    from tap_dtm.metadata import Catalogue, Resource

_MOST_REPORTED = 20  # rows of one list
_logger = logging.getLogger("tap-dtm")


class Answer(Protocol):
    """What one endpoint answered."""

    @property
    def rows(self) -> list[Any]:
        """The rows, as the API words them: not even that they are rows is checked, unless they have the form."""

    @property
    def message(self) -> str:
        """The message of the API with an empty answer."""


class Api(Protocol):
    """Something that answers as the DTM API does."""

    def get(self, path: str, params: Mapping[str, str] | None = None, form: type[Struct] | None = None) -> Answer:
        """Ask one endpoint; if all rows have a form, they may come in it.

        Raises:
            DtmError: There was no answer that can be taken.
        """


class Lists:
    """The lists of one run. A row that cannot be read is reported and left out, and the run fails at its end.

    Args:
        client: The API.
        catalogue: What the API serves.
        api_version: The version of the API.
        unknown: The fields that were warned of, shared by all that reads rows in the run.
        others: What reads the lists that are not DTM's, by stream.
    """

    def __init__(  # noqa: D107
        self,
        client: Api,
        catalogue: Catalogue,
        api_version: str,
        unknown: UnknownFields,
        others: Mapping[str, Callable[[], list[Entry]]],
    ) -> None:
        self._client = client
        self._resources = catalogue.resources
        self._api_version = api_version
        self._unknown = unknown
        self._others = others
        self._rows: dict[str, list[Entry]] = {}
        self._failures: dict[str, DtmError] = {}
        self._ahead: dict[str, Future[list[Entry]]] = {}

    def read_ahead(self, stream: str) -> None:
        """Begin to read a list, unless it has been read."""
        if stream not in {*self._rows, *self._failures, *self._ahead}:
            self._ahead[stream] = begun(partial(self._read, stream))

    def rows(self, stream: str) -> list[Entry]:
        """Return the rows of a list.

        Raises:
            DtmError: The list could not be read, or is empty.
        """
        if stream not in self._rows:
            ahead = self._ahead.pop(stream, None)
            if ahead is None and stream in self._failures:
                raise self._failures[stream]
            try:
                self._rows[stream] = ahead.result() if ahead else self._read(stream)
            except DtmError as error:
                self._failures[stream] = error
                raise
        return self._rows[stream]

    def is_whole(self, stream: str) -> bool:
        """Whether every row of a list was read. Only then has an entry that is not in it left the list."""
        self.rows(stream)
        return stream not in self._failures

    def fail(self, stream: str, failure: DtmError) -> None:
        """Let the run fail at its end because of a list."""
        self._failures[stream] = failure

    def raise_failure(self) -> None:
        """Raise what went wrong with the lists, if anything did.

        Raises:
            DtmError: A list could not be read, or some of its rows could not.
        """
        for failure in self._failures.values():
            raise failure

    def _read(self, stream: str) -> list[Entry]:
        if stream in self._others:
            return self._others[stream]()
        resource = self._resources[stream]
        path = resource.endpoints[self._api_version]
        answer = self._client.get(path)
        if not answer.rows:
            raise DtmAnswerError(
                f"{path} answers with an empty list ({answer.message or 'no reason given'}): "
                "nothing was changed. Run again later."
            )
        rows, failures = RecordBuilder(resource, self._api_version, self._unknown).build_each(answer.rows)
        if failures and not rows:
            raise failures[0]
        for failure in failures[:_MOST_REPORTED]:
            _logger.error("A row of the list is left out: %s", failure)
        if failures:
            self._failures[stream] = DtmAnswerError(
                f"{len(failures)} of {len(answer.rows)} rows of {path} could not be read. The others were loaded, and "
                "nothing was taken to have left the list. The lines above say what is wrong."
            )
        return _without_repetitions(rows, resource, path)


def _without_repetitions(rows: list[Entry], resource: Resource, path: str) -> list[Entry]:
    """Return one row for each key: of rows that differ, always the same one, whatever order they came in."""
    by_key: defaultdict[tuple[str, ...], dict[tuple[Any, ...], Entry]] = defaultdict(dict)
    for row in rows:
        by_key[tuple(row[name] for name in resource.key)][tuple(map(sortable, row.values()))] = row
    kept = []
    for key, different in by_key.items():
        same = [different[values] for values in sorted(different)]
        kept.append(same[0])
        if len(same) > 1:
            differing = [name for name in same[0] if any(row[name] != same[0][name] for row in same)]
            _logger.warning(
                "%s has several rows for %s, with different values of %s. It is taken as %s.",
                path,
                quoted(", ".join(key), 100),
                ", ".join(differing),
                quoted(", ".join(str(same[0][name]) for name in differing), 100),
            )
    return kept
