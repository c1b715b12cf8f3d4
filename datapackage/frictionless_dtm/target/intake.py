"""Reads Singer messages into the store.

Rows are upserted by key, and removed by ``_sdc_deleted_at`` and ACTIVATE_VERSION. Streams without a key are only
appended to. Properties that a stream's schema does not declare are ignored.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import msgspec

from frictionless_dtm.descriptor.progress import announces_deliveries, delivered, listed_keys
from frictionless_dtm.descriptor.shape import shape_of
from frictionless_dtm.target.rows import RecordError, RecordReader
from frictionless_dtm.target.store import NOTHING_KEPT
from tap_dtm.errors import DtmError
from tap_dtm.redaction import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from frictionless_dtm.target.rows import Key
    from frictionless_dtm.target.store import Store, Stream

_BATCH_ROWS: Final = 10_000
_BATCH_BYTES: Final = 8 * 1024 * 1024
LONGEST_LINE: Final = 10 * 1024 * 1024
"""The largest message in bytes. In memory, a record with a character above U+FFFF takes up to 30 times as much."""

_STREAM: Final = re.compile(r'"stream"\s*:\s*"([^"\\]*)"')


class _Message(msgspec.Struct, gc=False):
    type: str
    stream: str = ""
    record: msgspec.Raw = msgspec.Raw(b"{}")
    version: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | None = None  # the range of SQLite's integers
    schema: dict[str, Any] | None = None
    key_properties: list[str] | None = None
    value: msgspec.Raw = msgspec.Raw(b"null")


_decode: Final = msgspec.json.Decoder(_Message).decode


def _decoded_state(value: msgspec.Raw) -> Any:  # noqa: ANN401  any JSON value
    """Return the value of a STATE message; None if Python cannot read its numbers, which does not occur in tap-dtm.

    The state itself is passed on unchanged.
    """
    text = bytes(value).decode()
    try:
        return json.loads(text)
    except ValueError:
        return None


def _place(number: int, line: bytes) -> str:
    match = _STREAM.search(line[:10_000].decode(errors="replace"))
    return f"Line {number} of the input" + (f" (stream {quoted(match[1], 100)})" if match and match[1] else "")


def _refuse_line(number: int, line: bytes, error: Exception) -> NoReturn:
    reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
    try:
        json.dumps(json.loads(line), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        reason = "it has half a surrogate pair, which is not text"
    except (ValueError, RecursionError):
        pass
    else:
        if not isinstance(error, msgspec.ValidationError):
            reason = "it has NaN or Infinity, which are not valid in JSON"
    raise DtmError(f"{_place(number, line)} is not a Singer message: {reason}. {NOTHING_KEPT}") from error


def _refuse_length(number: int, line: bytes) -> NoReturn:
    raise DtmError(
        f"{_place(number, line)} is longer than {LONGEST_LINE // 1024**2} MB, the limit of this target. "
        "Deselect the column with the longest text in the tap's catalog, or remove it with a stream map. "
        f"{NOTHING_KEPT}"
    )


def _refuse_record(number: int, message: _Message, inlet: _Inlet, error: Exception) -> NoReturn:
    reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
    key = inlet.reader.named(message.record)
    with_key = f" with the key {key}" if key else ""
    raise DtmError(
        f"Line {number} of the input, a record of {message.stream}{with_key}, does not match its schema: {reason}. "
        f"{NOTHING_KEPT}"
    ) from error


class _Inlet:
    """Collects the records of one stream for one write."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.reader = RecordReader(stream.shape)
        self._read = self.reader.read
        self.has_key = bool(stream.shape.key)
        self.is_delivered_whole = announces_deliveries(stream.shape)
        self.has_pending = False
        # For a stream that is sent from scratch: the last position of each operation, up to the last STATE and since.
        self.last: dict[Key, int] = {}
        self._last_since: dict[Key, int] = {}
        self.rows: dict[Key, bytes | None] = {}
        self.appended: list[tuple[bytes, int]] = []
        self.versioned: dict[int, list[Key]] = {}

    def take(self, record: msgspec.Raw, version: int | None) -> None:
        key, row = self._read(record)
        self.has_pending = True
        if self.has_key:
            self.rows[key] = row
            if self.stream.is_from_scratch and row is not None:
                self._last_since[key[:-1]] = max(int(key[-1]), self._last_since.get(key[:-1], 0))
            # Keys are recorded only for a version that is not active yet: rows do not have a version.
            if version is not None and version != self.stream.active:
                self.versioned.setdefault(version, []).append(key)
        elif row is not None:
            self.appended.append((row, version or 0))

    def settle(self) -> None:
        """Confirm the records before a STATE message or the end of the input."""
        self.has_pending = False
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
        self._pending = self._pending_bytes = 0
        self._since_state = 0
        self._held: list[_Message] | None = []  # schemas at the beginning of the input
        self._state = msgspec.Raw(b"null")  # not decoded: states are large, and only the last one counts
        self.has_state = False

    @property
    def state(self) -> Any:  # noqa: ANN401  any JSON value
        """The value of the last STATE message; None before the first, or if Python cannot read it."""
        return _decoded_state(self._state)

    @property
    def state_as_sent(self) -> str:
        """The value of the last STATE message as ASCII JSON, with the same digits and order."""
        return re.sub(r"[^\x00-\x7f]", lambda match: json.dumps(match[0])[1:-1], bytes(self._state).decode())

    def read(self, lines: Iterable[bytes]) -> Counter[str]:
        """Read messages, one per line, and return how many there were of each type."""
        counter: Counter[str] = Counter()
        inlets = self._inlets
        for number, line in enumerate(lines, 1):
            try:
                message = _decode(line if len(line) <= LONGEST_LINE else _refuse_length(number, line))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                if line.strip():
                    _refuse_line(number, line, error)
                continue
            counter[message.type] += 1
            if message.type != "RECORD":
                self._other(message)
                continue
            if self._held is not None:
                self._begin(None)
            inlet = inlets.get(message.stream)
            if inlet is None:
                name = quoted(repr(message.stream), 100)
                raise DtmError(f"Line {number} of the input is a record of {name} before its schema. {NOTHING_KEPT}")
            try:
                inlet.take(message.record, message.version)
            except (RecordError, RecursionError) as error:
                _refuse_record(number, message, inlet, error)
            self._since_state += 1
            self._pending += 1
            self._pending_bytes += len(line)
            if self._pending >= _BATCH_ROWS or self._pending_bytes >= _BATCH_BYTES:
                self._flush()
        if self._held is not None:
            self._begin(None)
        self._flush()
        return counter

    def finish(self) -> int:
        """End the run, and return how many records were discarded.

        In the IDP streams of tap-dtm, a STATE message precedes and follows each delivery. If records of these streams
        follow the last STATE, the input ended in the middle of an operation. Its old and new figures must not be mixed,
        so all records after the last STATE are discarded. The next run continues from that STATE and sends them again.
        Other streams have no such messages, so all their records are kept.
        """
        discarded = 0
        is_unfinished = any(inlet.is_delivered_whole and inlet.has_pending for inlet in self._inlets.values())
        if self.has_state and is_unfinished:
            self._store.back_to_mark()
            discarded = self._since_state
        else:
            for inlet in self._inlets.values():
                inlet.settle()
        state = self.state
        for name, inlet in self._inlets.items():
            if inlet.stream.is_from_scratch and name in self._store.streams:
                self._store.keep_up_to(self._store.streams[name], inlet.last)
            # The state has the keys of the lists. Other rows are from a run whose state was lost.
            if (keys := listed_keys(inlet.stream.shape, state)) is not None and name in self._store.streams:
                self._store.keep_only(self._store.streams[name], keys)
        return discarded

    def _begin(self, first_state: Any) -> None:  # noqa: ANN401
        """Give the store the first state of the run, then declare the schemas before it."""
        held, self._held = self._held or [], None
        self._store.first_state = first_state
        for message in held:
            self._declare(message)

    def _other(self, message: _Message) -> None:
        if self._held is not None:
            if message.type == "SCHEMA":
                self._held.append(message)
                return
            self._begin(_decoded_state(message.value) if message.type == "STATE" else None)
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
                raise DtmError(f"The tap sent a message of the type {other}, which this target does not support.")

    def _declare(self, message: _Message) -> None:
        self._flush()
        try:
            shape = shape_of(message.stream, message.schema or {}, message.key_properties or ())
        except ValueError as error:
            raise DtmError(f"The schema of {message.stream} is wrong ({error}). {NOTHING_KEPT}") from error
        inlet = self._inlets.get(message.stream)
        if inlet is None or inlet.stream.shape != shape:
            stream = self._store.declare(shape)
            if inlet is None and delivered(shape, self._store.first_state) and not self._store.count(stream):
                raise DtmError(
                    f"According to the tap's state, rows of {message.stream} were delivered before, but this package "
                    "has none: its folder, or the hidden folder next to it, is missing. Start the tap without state "
                    "(with Meltano, --full-refresh)."
                )
            self._inlets[message.stream] = _Inlet(stream)

    def _activate(self, message: _Message) -> None:
        self._flush()
        inlet = self._inlets.get(message.stream)
        if inlet is None or message.version is None:
            raise DtmError(f"ACTIVATE_VERSION of {message.stream!r} came before its schema. {NOTHING_KEPT}")
        self._store.activate(inlet.stream, message.version)

    def _flush(self) -> None:
        if self._pending:
            for inlet in self._inlets.values():
                inlet.flush(self._store)
            self._pending = self._pending_bytes = 0
