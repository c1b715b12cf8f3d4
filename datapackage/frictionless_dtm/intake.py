"""From Singer messages to the store.

Rows are upserted by key, and removed by ``_sdc_deleted_at`` and ACTIVATE_VERSION. Streams without a key are only
appended to. Properties that a stream's schema does not declare are not taken.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from frictionless_dtm.catalogues import resource_of
from frictionless_dtm.records import RecordReader
from frictionless_dtm.shape import shape_of
from frictionless_dtm.undo import delivered, listed_keys
from tap_dtm.errors import DtmError
from tap_dtm.metadata import load_catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from frictionless_dtm.records import Key
    from frictionless_dtm.store import Store, Stream

_BATCH: Final = 10_000


class _Message(msgspec.Struct, gc=False):
    type: str
    stream: str = ""
    record: msgspec.Raw = msgspec.Raw(b"{}")
    version: int | None = None
    schema: dict[str, Any] | None = None
    key_properties: list[str] | None = None
    value: msgspec.Raw = msgspec.Raw(b"null")


_decode: Final = msgspec.json.Decoder(_Message).decode


def _is_half_a_pair(line: str | bytes) -> bool:
    """Whether a line would be JSON but for one of two escapes that stand for a character together."""
    try:
        json.dumps(json.loads(line), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):
        pass
    return False


class _Inlet:
    """Where the records of one stream go; collects them for one write."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.read = RecordReader(stream.shape).read
        self.has_key = bool(stream.shape.key)
        resource = resource_of(stream.shape, load_catalogue())
        self._is_delivered_whole = resource is not None and resource.level is not None
        self.has_taken = False
        # Of a stream that comes anew: the last position of each operation, up to the last STATE and since.
        self.last: dict[Key, int] = {}
        self._last_since: dict[Key, int] = {}
        self.rows: dict[Key, bytes | None] = {}
        self.appended: list[tuple[bytes, int]] = []
        self.versioned: dict[int, list[Key]] = {}

    @property
    def is_open(self) -> bool:
        """Whether a delivery has begun that no STATE message has ended."""
        return self._is_delivered_whole and self.has_taken

    def take(self, record: msgspec.Raw, version: int | None) -> None:
        key, row = self.read(record)
        self.has_taken = True
        if self.has_key:
            self.rows[key] = row
            if self.stream.is_anew and row is not None:
                self._last_since[key[:-1]] = max(int(key[-1]), self._last_since.get(key[:-1], 0))
            # Rows of the active version are told apart by nothing; those of the next one are noted by key.
            if version is not None and version != self.stream.active:
                self.versioned.setdefault(version, []).append(key)
        elif row is not None:
            self.appended.append((row, version or 0))

    def settle(self) -> None:
        """A STATE message, or the end: what was taken belongs to what it stands for."""
        self.has_taken = False
        for group, last in self._last_since.items():
            self.last[group] = max(last, self.last.get(group, 0))
        self._last_since.clear()

    def flush(self, store: Store) -> None:
        if self.rows:
            store.put(self.stream, self.rows)
            self.rows = {}
        if self.appended:
            store.append(self.stream, self.appended)
            self.appended = []
        for version, keys in self.versioned.items():
            store.saw(self.stream, version, keys)
        self.versioned.clear()


class Intake:
    """Reads the messages of one run into a store."""

    def __init__(self, store: Store) -> None:  # noqa: D107
        self._store = store
        self._inlets: dict[str, _Inlet] = {}
        self._pending = 0
        self._since_state = 0
        self._held: list[_Message] | None = []  # schemas before anything else came
        self._first_state: Any = None
        self._state: msgspec.Raw | None = None  # states are large, and only the last one counts
        self.has_state = False

    @property
    def state(self) -> Any:  # noqa: ANN401  whatever JSON holds
        """The value of the last STATE message, None before one came."""
        return None if self._state is None else msgspec.json.decode(self._state)

    def read(self, lines: Iterable[str | bytes]) -> Counter[str]:
        """Take in messages, one a line, and return how many there were of each type.

        Raises:
            DtmError: A line is no Singer message, or a record is not what its schema announced.
        """
        counter: Counter[str] = Counter()
        inlets = self._inlets
        records = 0
        for line in lines:
            try:
                message = _decode(line)
            except msgspec.DecodeError as error:
                if not line.strip():
                    continue
                reason = "it has half a surrogate pair, which is no text" if _is_half_a_pair(line) else error
                raise DtmError(f"A line of the input is not a Singer message ({reason}): nothing was taken.") from error
            if message.type == "RECORD":
                if self._held is not None:
                    self._begin(None)
                inlet = inlets.get(message.stream)
                if inlet is None:
                    raise DtmError(f"A record of {message.stream!r} came before its schema: nothing was taken.")
                inlet.take(message.record, message.version)
                records += 1
                self._pending += 1
                if self._pending >= _BATCH:
                    self._flush()
            else:
                counter[message.type] += 1
                self._since_state += records
                counter["RECORD"] += records
                records = 0
                self._other(message)
        self._since_state += records
        counter["RECORD"] += records
        if self._held is not None:
            self._begin(None)
        self._flush()
        return counter

    def finish(self) -> int:
        """End the run, and return how many records were left out.

        The IDP streams of tap-dtm announce each delivery by a STATE message and end it with another. Where records of
        theirs follow the last one, the input was broken off in the middle of an operation, whose old and new figures
        must not stand side by side: what came after the last STATE is left out, and the next run, which goes on from
        it, brings everything again. Other streams promise nothing of the kind, and all that they sent is kept.
        """
        left_out = 0
        if self.has_state and any(inlet.is_open for inlet in self._inlets.values()):
            self._store.back_to_mark()
            left_out = self._since_state
        else:
            for inlet in self._inlets.values():
                inlet.settle()
        state = self.state
        for name, inlet in self._inlets.items():
            if inlet.stream.is_anew and name in self._store.streams:
                self._store.keep_up_to(self._store.streams[name], inlet.last)
            # The state holds the keys of the lists: what else is there came in a run whose state never arrived.
            if (keys := listed_keys(name, state)) is not None and name in self._store.streams:
                self._store.keep_only(self._store.streams[name], keys)
        return left_out

    def _begin(self, first_state: Any) -> None:  # noqa: ANN401
        """Let the store find out what this run goes on from, then take in the schemas that came before."""
        held, self._held = self._held or [], None
        self._first_state = first_state
        self._store.resume(first_state)
        for message in held:
            self._declare(message)

    def _other(self, message: _Message) -> None:
        if self._held is not None:
            if message.type == "SCHEMA":
                self._held.append(message)
                return
            self._begin(msgspec.json.decode(message.value) if message.type == "STATE" else None)
        match message.type:
            case "SCHEMA":
                self._declare(message)
            case "STATE":
                self._flush()
                self._state = message.value
                self.has_state = True
                self._since_state = 0
                for inlet in self._inlets.values():
                    inlet.settle()
                self._store.mark()
            case "ACTIVATE_VERSION":
                self._activate(message)
            case other:
                raise DtmError(f"The tap sent a message of the type {other}, which this target does not take.")

    def _declare(self, message: _Message) -> None:
        self._flush()
        try:
            shape = shape_of(message.stream, message.schema or {}, message.key_properties or ())
        except ValueError as error:
            raise DtmError(f"The schema of {message.stream} is wrong ({error}): nothing was taken.") from error
        inlet = self._inlets.get(message.stream)
        if inlet is None or inlet.stream.shape != shape:
            stream = self._store.declare(shape)
            if inlet is None and delivered(message.stream, self._first_state) and not self._store.count(stream):
                raise DtmError(
                    f"The tap's state says that rows of {message.stream} were delivered before, but this package has "
                    "none: its folder, or the hidden one beside it, is gone. Start the tap without state (with "
                    "Meltano, --full-refresh)."
                )
            self._inlets[message.stream] = _Inlet(stream)

    def _activate(self, message: _Message) -> None:
        self._flush()
        inlet = self._inlets.get(message.stream)
        if inlet is None or message.version is None:
            raise DtmError(f"ACTIVATE_VERSION of {message.stream!r} came before its schema: nothing was taken.")
        self._store.activate(inlet.stream, message.version)

    def _flush(self) -> None:
        if self._pending:
            for inlet in self._inlets.values():
                inlet.flush(self._store)
            self._pending = 0
