"""Determines version, time and changes of a package from the previous one, by the rules of the standard."""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
import logging
import os
import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from frictionless_dtm.descriptor.contents import ROUND, ResourceChange, RoundChange
from frictionless_dtm.descriptor.package import tables_of
from frictionless_dtm.descriptor.profile import is_invented
from frictionless_dtm.descriptor.table_schema import PREFIX
from frictionless_dtm.target.manifest import Manifest
from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from frictionless_dtm.descriptor.contents import RoundKey
    from frictionless_dtm.target.journal import Differences
    from frictionless_dtm.target.rows import Values
    from frictionless_dtm.target.store import Store


Rounds: TypeAlias = "Mapping[str, Mapping[RoundKey, str]]"
"""The digests of the rounds of each table."""
_POSITION: Final = "row_number"
_lines: Final = msgspec.json.Encoder(decimal_format="number").encode_lines
CHANGELOG: Final = "CHANGELOG.md"
FIRST: Final = "1.0.0"
_NO_ROWS: Final = ("changed", 0, 0, 0)  # a table whose form has changed, and no row
_OF_THE_RUN: Final = ("version", "created", f"{PREFIX}citation", f"{PREFIX}accessed")
"""Properties that differ in every package, and do not count as changes."""

_LOGGER = logging.getLogger("target-datapackage")


@dataclass(frozen=True)
class Release:
    """The descriptor of a package and its changes, which are None in the first version."""

    descriptor: Mapping[str, Any]
    changes: tuple[RoundChange, ...] | None
    others: tuple[ResourceChange, ...]


@dataclass(frozen=True)
class Before(Release):
    """The present package, with its files, the digests of its rounds by resource, and its fingerprint."""

    manifest: Manifest
    fingerprint: str
    rounds: Rounds

    @classmethod
    def noted_in(cls, store: Store) -> Before | None:
        """Return the package that is recorded in the store; None before the first."""
        manifest = store.get("manifest", Manifest)
        if manifest is None:
            return None
        rounds = store.get("rounds", dict[str, list[tuple[Any, ...]]])
        return cls(
            descriptor=store.get("descriptor"),
            changes=store.get("changes", tuple[RoundChange, ...]),
            others=store.get("others", tuple[ResourceChange, ...]) or (),
            manifest=manifest,
            fingerprint=store.get("fingerprint"),
            rounds={name: {entry[:-1]: entry[-1] for entry in entries} for name, entries in rounds.items()},
        )


def note(  # noqa: PLR0913, PLR0917
    store: Store, release: Release, manifest: Manifest, fingerprint: str, rounds: Rounds, change_log: bytes
) -> None:
    """Record a package in the store, for `Before.noted_in` and `history`."""
    store.note("manifest", manifest)
    store.note("fingerprint", fingerprint)
    store.note("descriptor", release.descriptor)
    store.note("rounds", {name: [(*key, digest) for key, digest in each.items()] for name, each in rounds.items()})
    store.note("changes", release.changes)
    store.note("others", release.others)
    store.note("history", _entries(change_log))


def settle(
    before: Before | None,
    describe: Callable[..., dict[str, Any]],
    rounds: Rounds,
    differences: Callable[[str], Differences | None],
    pinned: str | None,
) -> Release:
    """Determine version and time. Both stay the same if the data do.

    ``describe`` returns the descriptor for a version and a time, and ``differences`` how the rows of a resource differ
    from the present package, None if unknown. ``pinned`` is the version in the settings.
    """
    now = _now()
    if before is None:
        return Release(describe(version=pinned or FIRST, created=now), None, ())
    last = before.descriptor["version"]
    draft = describe(version=last, created=now)
    places, new_places = (each.get(f"{PREFIX}spatialCoverage", ()) for each in (before.descriptor, draft))
    if places and is_invented(new_places) and not is_invented(places):
        raise DtmError(
            "The input is invented data of the sandbox, and this data package has real data. It was not changed. Name "
            "another folder, or read the real API (with Meltano, --environment=prod)."
        )
    changes = _compare(before.rounds, rounds)
    others = _others(before, draft, rounds, differences)
    # Another version of this program may write the same rows in another form.
    numbers = [(each.kind, each.added, each.changed, each.removed) for each in others]
    is_same_data = not changes and all(each == _NO_ROWS for each in numbers)
    rows = {resource["name"]: resource["rows"] for resource in before.descriptor["resources"]}
    has_new_rows = (
        any(each.kind == "added" for each in changes)
        or any(each.added for each in others)
        or any(each["rows"] > rows.get(each["name"], each["rows"]) for each in draft["resources"])
    )
    kind = change(before.descriptor, draft, rows_added=has_new_rows)
    if pinned and not is_same_data and _order(pinned) <= _order(last):
        raise DtmError(
            f"The data have changed, and the setting version is {pinned} while the package already is {last}. Set a "
            "higher version, or remove the setting so that the target increases the version."
        )
    version = pinned or increased(last, kind)
    if version == last and kind is Change.NONE:
        return Release(dict(before.descriptor), before.changes, before.others)
    created = dt.datetime.strptime(before.descriptor["created"], "%Y-%m-%dT%H:%M:%S%z")
    return Release(describe(version=version, created=created if is_same_data else now), changes, others)


def _others(
    before: Before, draft: Mapping[str, Any], rounds: Rounds, differences: Callable[[str], Differences | None]
) -> tuple[ResourceChange, ...]:
    """Return the changes of tables that do not show in their rounds."""
    old, new = ({each["name"]: each for each in tables_of(descriptor)} for descriptor in (before.descriptor, draft))
    changes = [ResourceChange(name, "removed") for name in old.keys() - new.keys()]
    for name, resource in new.items():
        if name not in old:
            changes.append(ResourceChange(name, "added", added=resource["rows"]))
        elif old[name]["hash"] != resource["hash"] and rounds.get(name) == before.rounds.get(name):
            changes.append(ResourceChange(name, "changed", *(differences(name) or ())))
    return tuple(sorted(changes, key=lambda each: each.name))


def history(store: Store, before: Before | None, folder: Path, version: str) -> tuple[str, ...]:
    """Return the earlier entries of the change log, newest first, without an entry of this version.

    They are recorded in the store. A store of version 0.1 has none; then they are read from the file in the package,
    unless somebody has changed the file.
    """
    is_ours = before is not None and before.manifest.has(folder, CHANGELOG)
    if before is not None and CHANGELOG in before.manifest.files and not is_ours:
        _LOGGER.warning(
            "The file %s was changed or removed after this target wrote it. It is written again without these changes.",
            folder / CHANGELOG,
        )
    entries = store.get("history")
    if entries is None:
        entries = _entries((folder / CHANGELOG).read_bytes()) if is_ours else ()
    own = re.compile(rf"## \W*{re.escape(version)}(?![\w.])")
    return tuple(entry for entry in entries if not own.match(entry))


def _entries(change_log: bytes) -> list[str]:
    entries = re.split(r"(?m)^(?=## )", change_log.decode())[1:]
    return [entry.rstrip("\n") + "\n" for entry in entries]


def _now() -> dt.datetime:
    """Return the time in UTC. SOURCE_DATE_EPOCH sets the time for reproducible builds."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if not epoch:
        return dt.datetime.now(dt.timezone.utc)
    try:
        return dt.datetime.fromtimestamp(int(epoch), dt.timezone.utc)
    except (ValueError, OverflowError, OSError) as error:
        raise DtmError(f"SOURCE_DATE_EPOCH is {epoch!r}: set it to seconds since 1970, or unset it.") from error


class Change(enum.IntEnum):
    """How much a package differs from the previous one."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3


def change(before: Mapping[str, Any], after: Mapping[str, Any], *, rows_added: bool) -> Change:
    """Compare two descriptors.

    Major: a resource is removed, or its fields or key change (added, removed, renamed, reordered, of another type).
    Minor: a resource is new, or the data have new rows. Patch: data are corrected or withdrawn, or the descriptor
    changes.
    """
    old = {resource["name"]: resource for resource in before["resources"]}
    new = {resource["name"]: resource for resource in after["resources"]}
    if any(name not in new or _structure(old[name]) != _structure(new[name]) for name in old):
        return Change.MAJOR
    if new.keys() - old.keys():
        return Change.MINOR
    if any(resource["hash"] != old[name]["hash"] for name, resource in new.items()):
        return Change.MINOR if rows_added else Change.PATCH
    return Change.PATCH if _without_times(before) != _without_times(after) else Change.NONE


def increased(version: str, by: Change) -> str:
    """Return the next version. A version has three numbers and an optional suffix."""
    if by is Change.NONE:
        return version
    numbers = [int(part) for part in re.split("[-+]", version)[0].split(".")]
    place = Change.MAJOR - by
    return ".".join(map(str, [*numbers[:place], numbers[place] + 1, 0, 0][:3]))


def _order(version: str) -> tuple[Any, ...]:
    """Return the sort key of Semantic Versioning: 1.0.0-rc.1 comes before 1.0.0, and +build is ignored."""
    numbers, _, before = version.partition("+")[0].partition("-")
    parts = tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in before.split("."))
    return (*(int(part) for part in numbers.split(".")), not before, parts)


def _without_times(descriptor: Mapping[str, Any]) -> dict[str, Any]:
    """Return a descriptor without the properties that differ in every package."""
    rest = {name: value for name, value in descriptor.items() if name not in _OF_THE_RUN}
    if sources := descriptor.get("sources"):
        rest["sources"] = [_without_times(source) for source in sources]
    return rest


def _structure(resource: Mapping[str, Any]) -> Any:  # noqa: ANN401
    schema = resource["schema"]
    return [(field["name"], field["type"]) for field in schema["fields"]], schema.get("primaryKey")


class RoundDigests:
    """Computes a digest of each round of a stream from its rows in the order of the key.

    The position of a row is not part of the digest, because it shifts when an earlier round grows.
    """

    def __init__(self, names: Sequence[str]) -> None:  # noqa: D107
        self._round = itemgetter(*(names.index(name) for name in ROUND))
        self._rest = itemgetter(*(number for number, name in enumerate(names) if name != _POSITION))
        self._digests: dict[RoundKey, Any] = defaultdict(hashlib.sha256)

    def add(self, rows: Iterable[Values]) -> None:
        """Add the next rows."""
        for key, group in groupby(rows, key=self._round):
            self._digests[key].update(_lines(list(map(self._rest, group))))

    @property
    def digests(self) -> dict[RoundKey, str]:
        """The digest of each round so far."""
        return {key: digest.hexdigest()[:16] for key, digest in self._digests.items()}


def _compare(before: Rounds, after: Rounds) -> tuple[RoundChange, ...]:
    """Return the rounds whose digests differ at any level, sorted by country, operation, date, round and type."""
    old = {key for rounds in before.values() for key in rounds}
    new = {key for rounds in after.values() for key in rounds}
    changes = []
    for key in sorted(old | new, key=_round_order):
        if key not in old:
            kind = "added"
        elif key not in new:
            kind = "withdrawn"
        elif any(before.get(level, {}).get(key) != after.get(level, {}).get(key) for level in {*before, *after}):
            kind = "revised"
        else:
            continue
        changes.append(RoundChange(*key, kind=kind))
    return tuple(changes)


def _round_order(key: RoundKey) -> list[tuple[bool, str]]:
    return [(part is not None, f"{part:09d}" if isinstance(part, int) else part or "") for part in key]
