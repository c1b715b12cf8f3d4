"""Writes a package from the store, and reuses the files of tables that have not changed."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

from frictionless_dtm.descriptor.contents import ROUND, Contents
from frictionless_dtm.descriptor.package import (
    DESCRIPTOR,
    WORKBOOK,
    Content,
    Coverage,
    DataFile,
    describe_package,
    file_names,
    redistribution,
    resource_name,
)
from frictionless_dtm.descriptor.profile import Profile
from frictionless_dtm.descriptor.progress import api_version
from frictionless_dtm.target.constraints import Checks
from frictionless_dtm.target.manifest import Manifest, digest, make_permanent
from frictionless_dtm.target.release import CHANGELOG, FIRST, Before, RoundDigests, history, note, settle
from frictionless_dtm.target.rows import Batch
from frictionless_dtm.target.store import NOTHING_KEPT
from frictionless_dtm.target.table_files import write_files
from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from frictionless_dtm.descriptor.contents import Derived, RoundKey
    from frictionless_dtm.descriptor.profile import Resource
    from frictionless_dtm.descriptor.settings import Settings
    from frictionless_dtm.descriptor.shape import Shape
    from frictionless_dtm.target.folder import Folder
    from frictionless_dtm.target.store import Store, Stream

    Render = Callable[[Contents], Mapping[str, bytes]]
    Derive = Callable[[Contents], Sequence[Derived]]
    Describe = Callable[..., dict[str, Any]]
    Rounds = dict[str, Mapping[RoundKey, str]]

_FORM: Final = 2
"""Increase this number if the same rows and settings give other bytes. Existing packages are then written again."""

_LOGGER = logging.getLogger("target-datapackage")


@dataclass(frozen=True)
class _Table:
    """A table of the new package; ``stream`` is None for one that is computed from the others."""

    content: Content
    batches: Callable[[], Iterator[Batch]]
    stream: Stream | None = None


class Packager:
    """Finishes the work of a killed run, and then writes the package of a store.

    ``render`` returns the pages by their file names in the package, and ``derive`` tables that are computed from the
    written ones.
    """

    def __init__(  # noqa: D107
        self, store: Store, settings: Settings, folder: Folder, render: Render, derive: Derive
    ) -> None:
        self._store = store
        self._settings = settings
        self._folder = folder
        self._render = render
        self._derive = derive
        self._profile = Profile.at(settings.metadata)
        self._new: Manifest | None = None
        folder.recover(store.get("manifest", Manifest), store.get("previous", Manifest))

    def write(self, state: Mapping[str, Any] | None) -> bool:
        """Write the package and commit the store; return False if the package is up to date."""
        before = Before.noted_in(self._store)
        if not self._store.streams:
            return False
        fingerprint = self._fingerprint(state)
        is_same = before is not None and before.fingerprint == fingerprint
        has_changed = any(stream.has_changed for stream in self._store.streams.values())
        if before and is_same and not has_changed and before.manifest.is_whole(self._folder.path):
            self._store.commit(state)
            return False
        if self._settings.has_workbook:
            self._check_size()
        for complaint in self._profile.complaints([stream.shape for stream in self._ordered()]):
            _LOGGER.warning("%s", complaint)
        building = self._folder.start()
        tables, rounds = self._write_data(building, before if is_same else None)
        tables += self._derived(building, tables, self._describer(tables, rounds, state))
        streams = {table.content.name: table.stream for table in tables}
        release = settle(
            before,
            self._describer(tables, rounds, state),
            rounds,
            lambda name: self._store.differences(stream) if (stream := streams[name]) else None,
            self._settings.version,
        )
        past = history(self._store, before, self._folder.path, release.descriptor["version"])
        descriptor = dict(release.descriptor)
        with self._folder.scratch() as scratch:
            if self._settings.has_workbook:
                self._add_workbook(building, descriptor, tables, scratch)
            pages = self._render(Contents(descriptor, building, scratch, release.changes, past, release.others))
        text = json.dumps(descriptor, ensure_ascii=False, indent=2) + "\n"
        for name, content in {DESCRIPTOR: text.encode(), **pages}.items():
            (building / name).write_bytes(content)
            make_permanent(building / name)
        manifest = self._folder.ready()
        previous = before.manifest if before else None
        self._store.note("previous", previous)
        note(self._store, release, manifest, fingerprint, rounds, pages.get(CHANGELOG, b""))
        self._new = manifest
        # From here on, the new package counts. If the run is killed before it is in place, the next start finishes.
        self._store.commit(state)
        self._folder.install(previous)
        return True

    @property
    def outcome(self) -> str:
        """A sentence about the data package, for a run that ends before it delivers its state."""
        if self._new is None:
            return NOTHING_KEPT
        if digest(self._folder.path) == self._new.sha256:
            return f"The data package is new, but its state was not delivered. {self.next_run}"
        return (
            "The run ended while it replaced the data package: the folder has all of the old or all of the new one. "
            f"{self.next_run}"
        )

    @property
    def next_run(self) -> str:
        """A sentence about the next run, for a run without a delivered state."""
        if all(stream.shape.key for stream in self._store.streams.values()):
            return "The next run sends the same rows again, which does no harm."
        return "The next run sends the same rows again, and duplicates the rows of streams without a key."

    def _fingerprint(self, state: Mapping[str, Any] | None) -> str:
        """Return a digest of everything except rows that determines the package."""
        shapes = [stream.shape for _, stream in sorted(self._store.streams.items())]
        of_program = (metadata.version("tap-dtm"), _FORM)
        parts = (*of_program, self._settings, self._profile.catalogue, shapes, self._api_version(state))
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def _api_version(self, state: Mapping[str, Any] | None) -> str | None:
        return api_version(state) or self._profile.api_version(each.shape for each in self._store.streams.values())

    # Data files.

    def _ordered(self) -> list[Stream]:
        return sorted(self._store.streams.values(), key=lambda stream: self._profile.place(stream.shape))

    def _write_data(self, building: Path, before: Before | None) -> tuple[list[_Table], Rounds]:
        """Write the streams. ``before`` is the present package, if nothing but rows has changed since."""
        written: list[_Table] = []
        rounds: Rounds = {}
        names = _unique_names([stream.shape.stream for stream in self._ordered()], self._settings.formats)
        for stream in self._ordered():
            name, shape = names[stream.shape.stream], stream.shape
            resource = self._profile.resource_of(shape)
            checks = Checks(shape, resource)
            if before and (files := self._unchanged_files(name, stream, before)):
                rows, digests = self._store.count(stream), before.rounds.get(name)
                checks.take_over(before.descriptor, name)
            else:
                rows, files, digests = self._write_stream(building / "data" / name, stream, resource, checks)
            for warning in checks.warnings:
                _LOGGER.warning("%s", warning)
            if digests is not None:
                rounds[name] = digests
            date, broken = self._source_date(stream, resource), self._broken_keys(stream, resource)
            content = Content(name, shape, rows, files, resource, broken=broken, unmet=checks.unmet, source_date=date)
            written.append(_Table(content, partial(self._store.batches, stream), stream))
        return written, rounds

    def _unchanged_files(self, name: str, stream: Stream, before: Before) -> tuple[DataFile, ...]:
        """Reuse the files of a stream in the present package, if none has been changed since."""
        paths = {f"data/{name}.{each}": each for each in self._settings.formats}
        if stream.has_changed or not all(before.manifest.has(self._folder.path, path) for path in paths):
            return ()
        hashes = {each["path"]: each["hash"].removeprefix("sha256:") for each in before.descriptor["resources"]}
        for path in paths:
            self._folder.reuse(path)
        return tuple(DataFile(path, each, before.manifest.files[path][0], hashes[path]) for path, each in paths.items())

    def _write_stream(
        self, table: Path, stream: Stream, resource: Resource | None, checks: Checks
    ) -> tuple[int, tuple[DataFile, ...], Mapping[RoundKey, str] | None]:
        # A history has each state of a round, which is no change of the round.
        has_rounds = set(ROUND) <= set(stream.shape.names) and not (resource and resource.history_of)
        digests = RoundDigests(stream.shape.names) if has_rounds else None

        def shown() -> Iterator[Batch]:
            for batch in self._store.batches(stream):
                checks.add(batch.rows)
                if digests:
                    digests.add(batch.rows)
                yield batch

        rows, files = self._write_files(table, stream.shape, resource, shown(), self._store.largest(stream))
        return rows, files, digests.digests if digests else None

    def _write_files(
        self, table: Path, shape: Shape, resource: Resource | None, batches: Iterable[Batch], largest: int
    ) -> tuple[int, tuple[DataFile, ...]]:
        may = redistribution(self._profile.package_of(shape), self._settings)
        return write_files(
            table, shape, resource, batches, settings=self._settings, redistribution=may, largest=largest
        )

    def _source_date(self, stream: Stream, resource: Resource | None) -> str | None:
        """Return the date of a table's own source."""
        names = stream.shape.names
        if resource is None or resource.dated_by not in names:
            return None
        column = names.index(resource.dated_by)
        dates = (row[column] for batch in self._store.batches(stream) for row in batch.rows)
        return max(filter(None, dates), default=None)

    # Tables that are computed from the others.

    def _derived(self, building: Path, tables: Sequence[_Table], describe: Describe) -> Iterator[_Table]:
        dates = {each.content.resource.source: each.content.source_date for each in tables if each.content.resource}
        with self._folder.scratch() as scratch:
            draft = describe(version=FIRST, created=dt.datetime.now(dt.timezone.utc))
            derived = self._derive(Contents(draft, building, scratch))
        streams = [table.content.shape.stream for table in tables] + [each.shape.stream for each in derived]
        names = _unique_names(streams, self._settings.formats)
        for each in derived:
            name = names[each.shape.stream]
            batch = Batch(list(each.rows), 0)
            rows, files = self._write_files(building / "data" / name, each.shape, each.resource, [batch], 0)
            date = dates.get(each.resource.source)
            content = Content(name, each.shape, rows, files, each.resource, is_derived=True, source_date=date)
            yield _Table(content, partial(iter, [batch]))

    def _broken_keys(self, stream: Stream, resource: Resource | None) -> dict[tuple[str, ...], int]:
        """Return the foreign keys that some rows violate, with the number of missing values."""
        lists = {
            known.name: other
            for other in reversed(self._ordered())
            if (known := self._profile.resource_of(other.shape))
        }
        return {
            key.fields: count
            for key in (resource.foreign_keys if resource else ())
            if key.resource in lists
            and (count := self._store.orphans(stream, key.fields, lists[key.resource], key.reference_fields))
        }

    # The workbook. It has the version and time of the package, so it is written after they are known.

    def _check_size(self) -> None:
        from frictionless_dtm.target.workbook import check_size  # noqa: PLC0415  only loaded for workbooks

        for stream in self._ordered():
            check_size(stream.shape, self._store.count(stream))

    def _add_workbook(
        self, building: Path, descriptor: dict[str, Any], tables: Sequence[_Table], scratch: Path
    ) -> None:
        """Write the workbook, and describe it in the descriptor."""
        from frictionless_dtm.target.workbook import described, write_workbook  # noqa: PLC0415  see above

        path = building / f"{resource_name(descriptor['name'])}.xlsx"
        _LOGGER.info("Writing the workbook %s", path.name)
        sheets = {each.content.name: (each.content.shape, each.batches()) for each in tables}
        write_workbook(path, descriptor, sheets, scratch)
        make_permanent(path)
        resources = descriptor.pop("resources")
        descriptor |= {WORKBOOK: described(path), "resources": resources}

    # The descriptor.

    def _describer(self, tables: Sequence[_Table], rounds: Rounds, state: Mapping[str, Any] | None) -> Describe:
        """Return the function that describes the package for a version and a time."""
        contents = [table.content for table in tables]
        keys = [key for each in rounds.values() for key in each]
        package = next(filter(None, (self._profile.package_of(content.shape) for content in contents)), None)
        dates = [key[2] for key in keys]
        coverage = Coverage(min(dates), max(dates), tuple(sorted({key[0] for key in keys}))) if keys else None
        version = self._api_version(state) if package else None
        return partial(describe_package, package, contents, self._settings, api_version=version, coverage=coverage)


def _unique_names(streams: Sequence[str], formats: Sequence[str]) -> dict[str, str]:
    """Return a resource name for each stream."""
    taken: dict[str, str] = {}
    for stream in streams:
        for name in file_names(resource_name(stream), formats):
            if taken.setdefault(name, stream) != stream:
                raise DtmError(
                    f"The streams {taken[name]} and {stream} would both be the resource {name!r}. Rename "
                    "one of them in the tap."
                )
    return {stream: resource_name(stream) for stream in streams}
