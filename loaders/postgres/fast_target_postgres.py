"""meltanolabs-target-postgres with less work for each record.

The target itself spends most of its time in Python, value by value: it decodes a message into a dictionary, checks it
against its schema, parses its times, and prepares each value for COPY. Here, a typed decoder reads and checks a record,
which becomes a line of CSV at once. A batch is one COPY into a temporary table and one INSERT ... ON CONFLICT.

The target itself makes tables and columns. It also handles the rare cases: streams with objects, arrays or columns of
several types, stream maps, BATCH messages, and settings that this module does not know.
"""

from __future__ import annotations

import datetime as dt
import decimal
import sys
from collections import Counter
from contextlib import suppress
from operator import itemgetter
from typing import IO, TYPE_CHECKING, Any

import msgspec
import psycopg
from psycopg import sql
from singer_sdk.singerlib.encoding import GenericSingerReader
from singer_sdk.singerlib.exceptions import InvalidInputLine
from sqlalchemy.exc import DBAPIError
from target_postgres.sinks import PostgresSink
from target_postgres.target import TargetPostgres
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Cursor

    Row = tuple[Any, ...]

# By type and format in a JSON Schema. The target itself handles streams with other columns.
_TYPES: dict[tuple[str, str | None], type] = {
    ("string", None): str,
    ("string", "date"): dt.date,
    ("string", "date-time"): dt.datetime,
    ("integer", None): int,
    ("number", None): decimal.Decimal,
    ("boolean", None): bool,
}
# Settings that need more work on a record than this module does.
_MORE_WORK = ("stream_maps", "flattening_enabled", "sanitize_null_text_characters", "interpret_content_encoding")
_FROM_MESSAGE = ("_sdc_extracted_at", "_sdc_table_version")
_OF_BATCH = ("_sdc_received_at", "_sdc_batched_at", "_sdc_sequence", "_sdc_sync_started_at")
_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.decode
_decode_exactly = msgspec.json.Decoder(float_hook=decimal.Decimal).decode
_BAD_LINE = (msgspec.MsgspecError, UnicodeDecodeError)


class LoadError(RuntimeError):
    """A stream cannot be loaded. The message is for the operator."""


class Message(msgspec.Struct, gc=False):
    """A Singer message. Its record is not decoded."""

    type: str
    stream: str = ""
    record: msgspec.Raw = msgspec.Raw(b"{}")
    time_extracted: dt.datetime | None = None
    version: int | None = None


class Reader(GenericSingerReader[bytes]):
    """Reads messages as bytes, and leaves records to the sink of their stream."""

    @property
    @override
    def default_input(self) -> IO[bytes]:
        return sys.stdin.buffer  # Singer messages are UTF-8 in every locale

    @override
    def process_lines(self, file_input: IO[Any] | None, callbacks: dict[str, Callable[[Any], None]]) -> Counter[str]:
        """Pass each message to its method: a record as a `Message`, any other as a dictionary."""
        decode = msgspec.json.Decoder(Message).decode
        counts: Counter[str] = Counter()
        for number, line in enumerate(file_input or self.default_input, 1):
            try:
                message = decode(line)
                content = message if message.type == "RECORD" else self.deserialize_json(line)
            except _BAD_LINE as error:
                raise InvalidInputLine(f"Line {number} of the input is not a Singer message: {error}.") from error
            handle: Callable[[Any], None] = callbacks.get(message.type, self._process_unknown_message)
            handle(content)
            counts[message.type] += 1
        return counts

    @override
    def deserialize_json(self, line: bytes) -> dict[str, Any]:
        return _decode(line, type=dict[str, Any])


class FastSink(PostgresSink):  # type: ignore[misc]
    """Keeps a batch as lines of CSV."""

    MAX_SIZE_DEFAULT = 50_000

    def setup(self) -> None:
        """Create or adapt the table, and choose how the stream's records are handled."""
        with self.connector._connect() as connection, connection.begin():  # noqa: SLF001 - as in the target
            # Loaders that run at the same time create a table one after the other, so only one of them does.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('fast-target-postgres'))")
            super().setup()
        self._sent = [name for name in self.schema["properties"] if name not in {*_FROM_MESSAGE, *_OF_BATCH}]
        self.decoder = self._typed_decoder()
        self._has_metadata: bool = self.include_sdc_metadata_properties
        self._columns = [*self._sent, *(_FROM_MESSAGE if self._has_metadata else ())]
        places = [self._columns.index(name) for name in self.key_properties]
        self._key: Callable[[Row], Any] | None = itemgetter(*places) if places else None
        self._limit: int = self.max_size

    def _typed_decoder(self) -> msgspec.json.Decoder[Any] | None:
        """Return the decoder of the stream's records; None if `take` does not support a type or a setting."""
        if not self.config["use_copy"] or self.validate_schema or any(self.config.get(name) for name in _MORE_WORK):
            return None
        fields: list[tuple[str, Any, None]] = []
        for name in self._sent:
            declared = self.schema["properties"][name]
            kinds = declared.get("type", [])
            kind, *others = {*([kinds] if isinstance(kinds, str) else kinds)} - {"null"} or {"unknown"}
            python_type = _TYPES.get((kind, declared.get("format")))
            is_escaped = b"\\" in _encode(name)  # msgspec's structs do not support such a name
            if others or python_type is None or "x-sql-datatype" in declared or is_escaped:
                return None
            fields.append((f"column_{len(fields)}", python_type | None, None))
        names = {field[0]: name for field, name in zip(fields, self._sent, strict=True)}
        return msgspec.json.Decoder(msgspec.defstruct("Record", fields, rename=names, gc=False))

    def take(self, message: Message) -> bool:
        """Add a record to the batch, where it replaces one with the same key. Return whether the batch is full."""
        try:
            row: Row = msgspec.structs.astuple(self.decoder.decode(message.record))  # type: ignore[union-attr]
        except _BAD_LINE as error:
            raise LoadError(self._message(str(error), message)) from error
        if self._has_metadata:
            row = (*row, message.time_extracted, message.version)
        line = _encode(row)[1:-1]
        if b"\\" in line:  # JSON escapes what CSV does not
            line = self._csv(row, message)
        rows = self._get_context({}).setdefault("rows", {})
        rows[self._key(row) if self._key else len(rows)] = line
        self.tally_record_read()
        return bool(self._batch_records_read >= self._limit)

    def _csv(self, row: Row, message: Message) -> bytes:
        fields: list[str] = []
        for name, value in zip(self._columns, row, strict=True):
            if not isinstance(value, str):
                fields.append(_encode(value).decode())
            elif "\0" in value:
                raise LoadError(self._message(f"`{name}` has a NUL character, which Postgres cannot store", message))
            else:
                fields.append('"' + value.replace('"', '""') + '"')
        return ",".join(fields).encode()

    def _message(self, problem: str, message: Message) -> str:
        key: dict[str, Any] = {}
        with suppress(*_BAD_LINE):  # then this is the problem
            record = _decode(message.record, type=dict[str, Any])
            key = {name: record.get(name) for name in self.key_properties}
        return f"Stream '{self.stream_name}', record {_encode(key).decode()}: {problem}."

    def process_batch(self, context: dict[str, Any]) -> None:
        """Load a batch in one transaction."""
        if "rows" not in context:
            super().process_batch(context)
            return
        rows: dict[Any, bytes] = context["rows"]
        try:
            with self.connector._connect() as connection, connection.begin():  # noqa: SLF001 - as in the target
                driver: Any = connection.connection.driver_connection
                with driver.cursor() as cursor:
                    self._load(cursor, rows, context["batch_start_time"])
        except psycopg.Error as error:
            reason = error.diag.message_primary or str(error)
            where = f" ({error.diag.context})" if error.diag.context else ""
            raise LoadError(f"Stream '{self.stream_name}': Postgres refuses a batch: {reason}{where}.") from error
        self.record_counter_metric.increment(self._batch_records_read)

    def _load(self, cursor: Cursor[Any], rows: dict[Any, bytes], started: dt.datetime) -> None:
        table = sql.Identifier(*filter(None, (self.schema_name, self.table_name)))
        columns = [sql.Identifier(name) for name in self._columns]
        # timestamptz, so that Postgres converts a time to UTC instead of ignoring its offset.
        times = {name for name in self._columns if self.schema["properties"][name].get("format") == "date-time"}
        copied = [
            sql.SQL("{}::timestamptz").format(column) if name in times else column
            for name, column in zip(self._columns, columns, strict=True)
        ]
        cursor.execute("SET LOCAL timezone = 'UTC'")
        cursor.execute(
            sql.SQL("CREATE TEMPORARY TABLE _sdc_batch ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
                sql.SQL(", ").join(copied), table
            )
        )
        with cursor.copy("COPY _sdc_batch FROM STDIN (FORMAT csv, NULL 'null', ENCODING 'UTF8')") as copy:
            copy.write(b"\n".join(rows.values()))
        of_batch = (started, started, round(started.timestamp() * 1000), self.sync_started_at)
        constants = dict(zip(_OF_BATCH, of_batch, strict=True)) if self._has_metadata else {}
        cursor.execute(
            sql.SQL("INSERT INTO {} ({}) SELECT {} FROM _sdc_batch {}").format(
                table,
                sql.SQL(", ").join([*columns, *map(sql.Identifier, constants)]),
                sql.SQL(", ").join([*columns, *map(sql.Literal, constants.values())]),
                self._on_conflict([*self._columns, *constants]),
            )
        )

    def _on_conflict(self, columns: list[str]) -> sql.Composable:
        if not self.key_properties:
            return sql.SQL("")
        changed = [name for name in columns if name not in self.key_properties] or columns
        return sql.SQL("ON CONFLICT ({}) DO UPDATE SET {}").format(
            sql.SQL(", ").join(map(sql.Identifier, self.key_properties)),
            sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in changed),
        )


class FastTargetPostgres(TargetPostgres):  # type: ignore[misc]
    """Passes records to their sinks, undecoded if possible."""

    name = "fast-target-postgres"
    default_sink_class = FastSink
    message_reader_class = Reader

    def _process_record_message(self, message: Message) -> None:
        sink = self._sinks_active.get(message.stream)
        if not isinstance(sink, FastSink) or sink.decoder is None:
            super()._process_record_message(_as_dict(message))
            return
        if sink.take(message):
            self.drain_one(sink)

    def _process_schema_message(self, message_dict: dict[str, Any]) -> None:
        super()._process_schema_message(message_dict)
        for sink in self._sinks_to_clear:  # before later records with the same keys
            self.drain_one(sink)

    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        super()._process_state_message(message_dict)
        self._handle_max_record_age()


def _as_dict(message: Message) -> dict[str, Any]:
    time = message.time_extracted
    return {
        "type": message.type,
        "stream": message.stream,
        "record": _decode_exactly(message.record),
        "time_extracted": time and time.isoformat(),
        "version": message.version,
    }


def main() -> None:
    """Run the target. An error ends it with exit code 1 and a sentence."""
    try:
        FastTargetPostgres.cli()
    except (LoadError, InvalidInputLine) as error:
        sys.exit(f"{error}\nThe state of rows that were not loaded is not confirmed.")
    except DBAPIError as error:
        sys.exit(f"Postgres: {error.orig}")


if __name__ == "__main__":
    main()
