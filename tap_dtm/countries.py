"""The country list as the parent of the IDP streams: which countries are read, and in what order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_dtm.base import IdpStream, ListStream
from tap_dtm.country import Job
from tap_dtm.errors import DtmError, DtmWithdrawnError
from tap_dtm.scrub import due

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_sdk.helpers.types import Context, Record


class CountryListStream(ListStream):
    """The list of countries; for each of them the selected IDP streams deliver before the next one's turn.

    Beside the keys, its state holds the API version, counts the runs, and remembers in which one each country was
    last read whole.
    """

    _scheduled: frozenset[str] = frozenset()

    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Yield the list, while the countries of it are read ahead."""
        self._check_version()
        run = self.stream_state.get("runs", 0) + 1
        jobs = self._jobs(run)
        self._scheduled = frozenset(job.code for job in jobs)
        self.sync_run.start(jobs)
        whole = {job.code for job in jobs if job.whole.issuperset(job.bookmarks)}
        read_whole = {code: number for code, number in self._read_whole.items() if (code,) in self.known_keys}
        self.stream_state.update(api_version=self.api_version, runs=run, read_whole=read_whole)
        for record in super().get_records(context):
            yield record
            code = record["admin0_pcode"]
            if code in whole and code not in self.sync_run.failures:
                read_whole[code] = run

    def generate_child_contexts(self, record: Record, context: Context | None) -> Iterator[Context]:  # noqa: ARG002
        """Yield the context of a country that is read in this run."""
        if record["admin0_pcode"] in self._scheduled:
            yield {"admin0_pcode": record["admin0_pcode"]}

    @property
    def known_keys(self) -> list[tuple[str, ...]]:
        """The countries that were listed, and those that have rows all the same."""
        with_rows = ((code,) for stream in self._idp_streams for code in stream.codes_with_rows)
        return sorted({*super().known_keys, *with_rows})

    def may_remove(self, key: tuple[str, ...]) -> bool:
        """Whether a country that has left the list is tombstoned: when nothing hangs on it, or once accepted."""
        (code,) = key
        return code in self.sync_run.settings.accept_withdrawn_countries or not self._has_rows(code)

    @property
    def _idp_streams(self) -> list[IdpStream]:
        return [stream for stream in self.child_streams if isinstance(stream, IdpStream)]

    @property
    def _read_whole(self) -> dict[str, int]:
        return dict(self.stream_state.get("read_whole", {}))

    def _check_version(self) -> None:
        """Refuse to go back from v3 to v2: targets would keep reason, sex and origin beside other rows' figures."""
        if self.stream_state.get("api_version") == "v3" and self.api_version == "v2":
            raise DtmError(
                "The state is that of tables loaded with api_version v3, and v2 has other rows and fewer columns. "
                "Load v2 into tables of its own with a state of its own, or empty the tables and start without state."
            )

    def _has_rows(self, code: str) -> bool:
        return any(code in stream.codes_with_rows for stream in self._idp_streams)

    def _jobs(self, run: int) -> list[Job]:
        """Decide what to read, and report the countries that left the list without leave."""
        streams = [stream for stream in self._idp_streams if stream.selected]
        settings = self.sync_run.settings
        self.sync_run.check_names(code for (code,) in self.known_keys)
        if not streams:
            return []
        names = {row["admin0_pcode"]: row["admin0_name"] for row in self.sync_run.list_rows(self.name)}
        wanted = [code for code in names if settings.countries is None or code in settings.countries]
        scrubbed = due(wanted, self._read_whole, run, settings.scrub_fraction)
        jobs = [self._job(code, names[code], streams, scrub=code in scrubbed) for code in wanted]
        for (code,) in self.known_keys:
            if code in names or (settings.countries and code not in settings.countries):
                continue
            if self.may_remove((code,)):
                jobs.append(self._job(code, code, streams, is_gone=True))
            else:
                self.sync_run.fail(code, _left_the_list(code))
        return jobs

    def _job(
        self, code: str, name: str, streams: list[IdpStream], *, scrub: bool = False, is_gone: bool = False
    ) -> Job:
        full = frozenset(stream.level for stream in streams if stream.needs_everything(code))
        bookmarks = {stream.level: stream.bookmarks(code) for stream in streams}
        listed = self.sync_run.listed_operations.get(code, frozenset())
        whole = frozenset(bookmarks) if scrub else full
        return Job(code, name, bookmarks, listed, whole=whole, full=full, is_gone=is_gone)


def _left_the_list(code: str) -> DtmWithdrawnError:
    return DtmWithdrawnError(
        f"{code} has left DTM's country list, although rows of it were delivered before: they are kept. "
        f"If DTM has withdrawn the country for good, add {code} to accept_withdrawn_countries."
    )
