"""An Airbyte destination in memory, and ways to run the source into it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from tap_dtm.airbyte.catalog import CURSOR, DELETED, discover
from tap_dtm.airbyte.output import Output
from tap_dtm.airbyte.read import read
from tap_dtm.metadata import load_catalogue
from tests.forked import forked
from tests.guards.support import config_for
from tests.world import LEVELS, Version, assert_positions_are_whole, count, served

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from random import Random

    from tap_dtm.sandbox import SandboxServer, World

Message = dict[str, Any]

LISTS = ("countries", "operations")
LEVEL_STREAMS = ("idp_admin0", "idp_admin1", "idp_admin2")
STREAMS = (*LISTS, *LEVEL_STREAMS)
HISTORIES = tuple(f"{name}_history" for name in LEVEL_STREAMS)
DEDUP, APPEND = ("incremental", "append_dedup"), ("incremental", "append")
OVERWRITE, SNAPSHOTS = ("full_refresh", "overwrite"), ("full_refresh", "append")

WHOLE = ["STARTED", "RUNNING", "COMPLETE"]
BROKEN = ["STARTED", "RUNNING", "INCOMPLETE"]

# `frozen` makes the SDK look for .env in the current folder: else it would find, and obey, that of a developer.
COMMAND = [sys.executable, "-c", "import sys; sys.frozen = True; from tap_dtm.airbyte.__main__ import main; main()"]


def configured(modes: Mapping[str, tuple[str, str]], version: str = "v3") -> dict[str, Any]:
    """Return a configured catalog, as a new platform sends it, of streams in their modes."""
    streams = {stream["name"]: stream for stream in discover(version)["streams"]}
    return {
        "streams": [
            {
                "stream": streams[name],
                "sync_mode": sync_mode,
                "destination_sync_mode": destination_sync_mode,
                "cursor_field": streams[name]["default_cursor_field"],
                "primary_key": streams[name]["source_defined_primary_key"],
                "generation_id": 7,
                "minimum_generation_id": 7 if destination_sync_mode == "overwrite" else 0,
                "sync_id": 12,
            }
            for name, (sync_mode, destination_sync_mode) in modes.items()
        ]
    }


EVERYTHING = dict.fromkeys(STREAMS, DEDUP)


class Destination:
    """Keeps records and states as Airbyte's destinations do; what a table shows is asked of them."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.states: dict[str, Message] = {}

    @property
    def state(self) -> list[Message]:
        """The content of the next run's state file."""
        return [self.states[name] for name in sorted(self.states)]

    def take(self, messages: list[Message], catalog: dict[str, Any], rng: Random | None = None) -> None:
        """Take in the messages of a run.

        With ``rng``, each stream commits on its own, up to some point before the end.
        """
        for each in catalog["streams"]:
            name = each["stream"]["name"]
            own = [message for message in messages if stream_of(message) == name]
            taken = own if rng is None else own[: rng.randint(0, len(own))]
            rows = [message["record"] for message in taken if message["type"] == "RECORD"]
            rows = [{**row["data"], "_airbyte_extracted_at": row["emitted_at"]} for row in rows]
            if each["destination_sync_mode"] != "overwrite":
                self.rows[name] += rows
            elif status(taken) == "COMPLETE":
                self.rows[name] = rows
            for message in taken:
                if message["type"] == "STATE":
                    self.states[name] = message["state"]

    def deduped(self, stream: str) -> list[dict[str, Any]]:
        """Return the table that keeps one row for each key, and none that is deleted."""
        table: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in sorted(self.rows[stream], key=lambda row: (row[CURSOR], row["_airbyte_extracted_at"])):
            table[key_of(stream, row)] = row
        return [row for row in table.values() if row[DELETED] is None]

    def assert_equals_api(
        self, world: World, version: Version = "v3", streams: Iterable[str] = STREAMS, **filters: Any
    ) -> None:
        """Check that the deduped tables hold what the API serves: no row more, none less."""
        streams = set(streams)
        for level in LEVELS:
            if f"idp_admin{level}" in streams:
                rows = self.deduped(f"idp_admin{level}")
                assert as_served(rows) == served(world, level, version, **filters)
                assert_positions_are_whole(rows)
        assert "countries" not in streams or len(self.deduped("countries")) == len(world.country_list())
        assert "operations" not in streams or len(self.deduped("operations")) == len(world.operation_list())


def as_served(rows: Iterable[dict[str, Any]]) -> Any:
    """Count rows by what the API says in them."""
    added = {CURSOR, DELETED, "_airbyte_extracted_at"}
    return count({name: value for name, value in row.items() if name not in added} for row in rows)


def key_of(stream: str, row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what identifies a row of a stream."""
    return tuple(row[name] for name in load_catalogue().resources[stream].key)


def stream_of(message: Message) -> str | None:
    """Return the stream that a message is about."""
    match message:
        case {"record": {"stream": name}}:
            return str(name)
        case {"state": {"stream": {"stream_descriptor": {"name": name}}}}:
            return str(name)
        case {"trace": {"stream_status": {"stream_descriptor": {"name": name}}}}:
            return str(name)
    return None


def status(messages: Iterable[Message], stream: str | None = None) -> str | None:
    """Return the last status of a stream, or of the only one that there is."""
    all_of_them = statuses(messages)
    names = [stream] if stream else list(all_of_them)
    return all_of_them[names[0]][-1] if names else None


def statuses(messages: Iterable[Message]) -> dict[str, list[str]]:
    """Return the statuses of each stream, in order."""
    found: dict[str, list[str]] = {}
    for message in messages:
        if message["type"] == "TRACE" and message["trace"]["type"] == "STREAM_STATUS":
            found.setdefault(str(stream_of(message)), []).append(message["trace"]["stream_status"]["status"])
    return found


def records(messages: Iterable[Message], stream: str) -> list[dict[str, Any]]:
    """Return the records of a stream."""
    found = [message["record"] for message in messages if message["type"] == "RECORD"]
    return [record["data"] for record in found if record["stream"] == stream]


def run_read(
    catalog: dict[str, Any], state: Any = (), *, error: type[BaseException] | None = None, **config: Any
) -> list[Message]:
    """Read in the tests' process, and return the messages.

    Args:
        catalog: The configured catalog.
        state: The content of the state file.
        error: The exception that the read is expected to end with.
        config: The settings.
    """
    written = io.BytesIO()
    failure: BaseException | None = None
    try:
        read(Output(written), config, catalog, json.loads(json.dumps(list(state))))
    except BaseException as raised:
        if error is None or not isinstance(raised, error):
            raise
        failure = raised
    assert (failure is None) == (error is None), f"expected {error}"
    return [json.loads(line) for line in written.getvalue().splitlines()]


class Source:
    """The command `source-dtm` in a folder of its own, without a key in its environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        hidden = ("DTMAPI_", "TAP_DTM_", "PYTHONWARNINGS")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}

    def arguments(self, verb: str, **files: Any) -> list[str]:
        """Write the content of the files, and return the command's arguments; text is taken for a file's own."""
        arguments = [verb]
        for name, content in files.items():
            path = self.folder / f"{name}.json"
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
            arguments += [f"--{name}", str(path)]
        return arguments

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start the command."""
        return subprocess.Popen(
            [*forked("source-dtm"), *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, verb: str, **files: Any) -> tuple[int, list[Message]]:
        """Run it to its end. All that it prints must be messages, and it says nothing elsewhere."""
        return self.run_with(*self.arguments(verb, **files))

    def run_with(self, *arguments: str) -> tuple[int, list[Message]]:
        """Run it with arguments as they are."""
        process = self.start(*arguments)
        output, log = process.communicate(timeout=60)
        assert log == b""
        return process.returncode, [json.loads(line) for line in output.splitlines()]


def errors(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Return the errors of a run."""
    traces = [message["trace"] for message in messages if message["type"] == "TRACE"]
    return [trace["error"] for trace in traces if trace["type"] == "ERROR"]


def sync(sandbox: SandboxServer, destination: Destination, modes: Any = None, **options: Any) -> list[Message]:
    """Run one sync into the destination."""
    catalog = configured(modes or EVERYTHING)
    sandbox.requests.clear()
    messages = run_read(catalog, destination.state, **{**config_for(sandbox), **options})
    destination.take(messages, catalog)
    return messages


def states(messages: list[Message], stream: str) -> list[dict[str, Any]]:
    return [message["state"] for message in messages if message["type"] == "STATE" and stream_of(message) == stream]
