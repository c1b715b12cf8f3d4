"""Singer messages for tests: of a tap that is not ours, and of ours on invented data."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.target import MemoryTarget, run_tap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.target import Message

ORDERS = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "item": {"type": ["string", "null"], "title": "Item"},
        "price": {"type": ["number", "null"]},
        "paid": {"type": ["boolean", "null"]},
        "at": {"type": ["string", "null"], "format": "date-time"},
        "day": {"type": ["string", "null"], "format": "date"},
        "tags": {"type": ["array", "null"]},
        "_sdc_deleted_at": {"type": ["string", "null"]},
        "_sdc_batched_at": {"type": ["string", "null"]},
    },
}


def schema(stream: str = "Orders", of: Mapping[str, Any] = ORDERS, key: Sequence[str] = ("id",)) -> Message:
    return {"type": "SCHEMA", "stream": stream, "schema": of, "key_properties": list(key)}


def record(stream: str = "Orders", version: int | None = None, **values: Any) -> Message:
    message = {"type": "RECORD", "stream": stream, "record": values}
    return message if version is None else {**message, "version": version}


def state(value: Any) -> Message:
    return {"type": "STATE", "value": value}


def activate(version: int, stream: str = "Orders") -> Message:
    return {"type": "ACTIVATE_VERSION", "stream": stream, "version": version}


def dtm(url: str = "sandbox://?rows=400&countries=3", **config: Any) -> list[Message]:
    """Return the messages of a first sync of tap-dtm, which runs once for the same settings."""
    settings = {"api_url": url, "scrub_fraction": 0, **config}
    messages: list[Message] = json.loads(_messages(json.dumps(settings)))
    return messages


@cache
def _messages(settings: str) -> str:
    return json.dumps(run_tap(MemoryTarget(), **json.loads(settings), killed_at=0))
