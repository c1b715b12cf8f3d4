"""A Singer target in memory, and a way to run the tap into it inside the tests' process."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stdout
from functools import cache
from typing import Any

from tap_dtm.singer.tap import TapDTM

Message = dict[str, Any]

# The tap's command. `frozen` makes the SDK look for .env in the current folder: else it would find, and obey, the one
# that a developer may have in this project.
COMMAND = [sys.executable, "-c", "import sys; sys.frozen = True; from tap_dtm.singer.command import main; main()"]


class MemoryTarget:
    """Upserts records by key, in the order of the messages, and remembers the last STATE."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}
        self.keys: dict[str, list[str]] = {}
        self.versions: dict[str, dict[tuple[Any, ...], int | None]] = {}
        self.state: dict[str, Any] = {}

    def handle(self, message: Message) -> None:
        """Take in one Singer message."""
        match message["type"]:
            case "SCHEMA":
                self.keys[message["stream"]] = message["key_properties"]
                self.tables.setdefault(message["stream"], {})
            case "RECORD":
                stream = message["stream"]
                key = tuple(message["record"][name] for name in self.keys[stream])
                self.tables[stream][key] = message["record"]
                self.versions.setdefault(stream, {})[key] = message.get("version")
            case "ACTIVATE_VERSION":
                versions = self.versions.get(message["stream"], {})
                for key in [key for key, version in versions.items() if version != message["version"]]:
                    del versions[key], self.tables[message["stream"]][key]
            case "STATE":
                self.state = message["value"]
            case other:
                raise AssertionError(f"unknown message type {other}")

    def live(self, stream: str) -> list[dict[str, Any]]:
        """Return the rows of a stream that are not deleted."""
        return [row for row in self.tables.get(stream, {}).values() if row["_sdc_deleted_at"] is None]


def selecting(*streams: str, full_table: bool = False, api_version: str = "v3") -> dict[str, Any]:
    """Return the discovered catalog with only these streams selected; the tables of figures may be FULL_TABLE."""
    catalog: dict[str, Any] = json.loads(_discovered(api_version))
    for stream in catalog["streams"]:
        if full_table and stream["tap_stream_id"] in {"idp_admin0", "idp_admin1", "idp_admin2"}:
            stream["replication_method"] = "FULL_TABLE"
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] in streams
    return catalog


@cache
def _discovered(api_version: str) -> str:
    return json.dumps(TapDTM(config={"api_url": "sandbox://", "api_version": api_version}).catalog_dict)


def run_tap(
    target: MemoryTarget,
    *,
    catalog: dict[str, Any] | None = None,
    error: type[Exception] | None = None,
    may_fail: bool = False,
    killed_at: float = 1,
    **config: Any,
) -> list[Message]:
    """Sync once from the target's last state into the target, and return the messages.

    Args:
        target: Takes in the messages even when the run fails, as a target in a pipe would.
        catalog: The Singer catalog, if not everything.
        error: The exception that the run is expected to end with.
        may_fail: Whether it may as well end without it.
        killed_at: The share of the messages, 0 to 1, that the target takes in before the pipe breaks.
        config: The tap's settings.
    """
    written = io.BytesIO()
    output = io.TextIOWrapper(written, encoding="utf-8")
    failure: Exception | None = None
    with redirect_stdout(output):
        tap = TapDTM(config=config, state=json.loads(json.dumps(target.state)), catalog=catalog)
        try:
            tap.sync_all()
        except Exception as raised:
            if error is None or not isinstance(raised, error):
                raise
            failure = raised
    assert may_fail or (failure is None) == (error is None), f"expected {error}"
    output.flush()
    messages = [json.loads(line) for line in written.getvalue().splitlines()]
    for message in messages[: round(len(messages) * killed_at)]:
        target.handle(message)
    return messages
