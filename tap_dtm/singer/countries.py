"""The country list as the parent of the IDP streams: which countries are read, and in what order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_dtm.errors import DtmError, DtmWithdrawnError
from tap_dtm.exact.country import Job
from tap_dtm.exact.scrub import due
from tap_dtm.exact.state import FORM
from tap_dtm.singer.base import IdpStream, ListStream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from singer_sdk.helpers.types import Context, Record


class CountryListStream(ListStream):
    """The list of countries; for each of them the selected IDP streams deliver before the next one's turn.

    In addition to the keys, its state holds the API version, and the number of the state's form.
    """

    _scheduled: frozenset[str] = frozenset()

    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Yield the list, while the countries of it are read ahead."""
        self._check_version()
        self._hand_over_read_whole()
        jobs = self._jobs(self.run)
        self._scheduled = frozenset(job.code for job in jobs)
        self.sync_run.start(jobs, self.run)
        self.stream_state.update(form=FORM, api_version=self.api_version)
        yield from super().get_records(context)

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

    def _hand_over_read_whole(self) -> None:
        """Move what 0.1.0 remembered here for all levels at once to the levels, which remember it one by one."""
        read_whole = self.stream_state.pop("read_whole", {})
        for stream in self._idp_streams:
            for partition in stream.stream_state.get("partitions", ()):
                code = partition["context"]["admin0_pcode"]
                if code in read_whole:
                    partition.setdefault("read_whole", read_whole[code])

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
        settings = self.sync_run.settings
        self.sync_run.check_names(code for (code,) in self.known_keys)
        names = {row["admin0_pcode"]: row["admin0_name"] for row in self.sync_run.lists.rows(self.name)}
        wanted = [code for code in names if settings.countries is None or code in settings.countries]
        streams = [stream for stream in self._idp_streams if stream.selected]
        due_at = {stream: due(wanted, stream.read_whole, run, settings.scrub_fraction) for stream in streams}
        jobs = [self._job(code, names[code], due_at) for code in wanted] if streams else []
        long_gone = {code for (code,) in self.stream_state.get("gone", ()) if self._resends and streams} - names.keys()
        for (code,) in self.known_keys if self.sync_run.lists.is_whole(self.name) else ():
            long_gone.discard(code)
            if code in names or (settings.countries and code not in settings.countries):
                continue
            if not self.may_remove((code,)):
                self.sync_run.fail(code, _left_the_list(code))
            elif streams:
                jobs.append(self._job(code, code, dict.fromkeys(streams, frozenset[str]()), is_gone=True))
        # The rows of those that left long ago may have come back with a backup.
        again = ((code, dict.fromkeys(streams, frozenset({code}))) for code in sorted(long_gone))
        return [*jobs, *(self._job(code, code, due_at, is_gone=True) for code, due_at in again)]

    def _job(self, code: str, name: str, due_at: Mapping[IdpStream, frozenset[str]], *, is_gone: bool = False) -> Job:
        scrubbed = {stream for stream, codes in due_at.items() if code in codes}
        full = {stream for stream in due_at if stream.needs_everything(code)}
        resent = full | scrubbed if self.sync_run.settings.scrub_resends else full
        levels = {stream.level: stream.delivered(code, emit_all=stream in resent) for stream in due_at}
        listed = self.sync_run.listed_operations.get(code, frozenset()) if due_at else frozenset()
        return Job(code, name, levels, listed, frozenset(stream.level for stream in full | scrubbed), is_gone=is_gone)


def _left_the_list(code: str) -> DtmWithdrawnError:
    return DtmWithdrawnError(
        f"{code} has left DTM's country list, although rows of it were delivered before: they are kept. "
        f"If DTM has withdrawn the country for good, add {code} to accept_withdrawn_countries."
    )
