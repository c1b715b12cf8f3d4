"""The report: one line for each fact, then the requests and fields. It has no key, and no value of a row."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from tap_dtm.apicheck.agreement import FACTS
from tap_dtm.apicheck.asking import Asking
from tap_dtm.apicheck.facts import Seen, kind_of
from tap_dtm.errors import DtmAccessError, DtmError
from tap_dtm.redaction import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_dtm.apicheck.asking import Look
    from tap_dtm.apicheck.facts import Fact, Verdict
    from tap_dtm.settings import Settings

_WIDTH: Final = len("not checked")


@dataclass(frozen=True)
class Report:
    """The text of a report, how many needed facts do not hold, and the error that ended the check early, if any."""

    text: str
    failed: int = 0
    stopped_by: DtmError | None = None

    def raise_failure(self) -> None:
        """Fail if a needed fact does not hold, or if the check ended early.

        Raises:
            DtmError: A needed fact does not hold, or the key was refused during the check.
        """
        if self.stopped_by is not None:
            raise self.stopped_by
        if self.failed:
            raise DtmError(
                f"The DTM API lacks {self.failed} of the properties that the tap needs: see the lines that begin with "
                "FAILED. Run the check again in an hour. If the lines stay, paste the text into an issue."
            )


def check(settings: Settings, *, is_invented: bool = False) -> Report:
    """Ask the API, and judge it by its answers. The setting ``countries`` chooses countries.

    Raises:
        DtmError: The check is impossible: no network, a refused key, a wrong setting.
    """
    asking = Asking(settings)
    stopped_by = None
    try:
        asking.ask_all(settings.countries or ())
    except DtmAccessError as error:
        if not asking.looks:
            raise
        stopped_by = error
    seen = Seen(asking.looks, settings)
    verdicts = [(fact, fact.judge(seen)) for fact in FACTS]
    failed = sum(fact.is_needed and verdict.holds is False for fact, verdict in verdicts)
    host = "the sandbox (the data are invented)" if is_invented else urlsplit(settings.api_url).netloc
    lines = [
        f"tap-dtm {metadata.version('tap-dtm')} --check-api: API {settings.api_version} of {host}",
        f"{dt.datetime.now(dt.timezone.utc):%Y-%m-%d}; requests: {len(seen.looks)}; countries: {len(seen.countries)}",
        "",
        *(f"{_word(fact, verdict):{_WIDTH}}  {fact.sentence} {verdict.seen}" for fact, verdict in verdicts),
        "",
        *_requests(seen.looks),
        "",
        *_fields(seen),
    ]
    return Report("".join(f"{line}\n" for line in lines), failed, stopped_by)


def _word(fact: Fact, verdict: Verdict) -> str:
    return {True: "ok", None: "not checked", False: "FAILED" if fact.is_needed else "differs"}[verdict.holds]


def _requests(looks: list[Look]) -> Iterator[str]:
    names = [str(look.question) for look in looks]
    width = max(map(len, names))
    yield f"{'Request':{width}}  HTTP    Rows       Bytes  Seconds"
    for name, look in zip(names, looks, strict=True):
        count = "-" if look.rows is None else f"{len(look.rows):,}"
        yield f"{name:{width}}  {look.status or '-':>4}  {count:>6}  {look.size:>10,}  {look.seconds:>7.2f}"


def _fields(seen: Seen) -> Iterator[str]:
    yield "Fields and their JSON types:"
    by_stream: dict[str, dict[str, set[str]]] = {}
    for look in seen.whole:
        of_stream = by_stream.setdefault(look.question.stream, {})
        for row in look.rows or ():
            for name, value in row.items():
                of_stream.setdefault(quoted(name, 50), set()).add(kind_of(value))
    for stream, fields in by_stream.items():
        types = (
            f"{name} {' or '.join(sorted(types, key=lambda kind: (kind == 'null', kind)))}"
            for name, types in fields.items()
        )
        yield f"{stream}: {', '.join(types) or 'no rows'}"
