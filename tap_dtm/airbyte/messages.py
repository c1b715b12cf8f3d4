"""The messages of the Airbyte protocol that this source writes."""

from __future__ import annotations

import time
from typing import Any, Literal, TypeAlias

from tap_dtm.console import sentence, where
from tap_dtm.errors import (
    DtmAnswerError,
    DtmError,
    DtmPartialSyncError,
    DtmQuotaError,
    DtmRefusedError,
    DtmRequestError,
)

Message: TypeAlias = "dict[str, Any]"
Status: TypeAlias = Literal["STARTED", "RUNNING", "COMPLETE", "INCOMPLETE"]

CONFIG, TRANSIENT, SYSTEM = "config_error", "transient_error", "system_error"
_MOST_REASONS = 3  # of failed countries in one message; the log has all of them


def now() -> int:
    """Return the time as the protocol writes it: milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def record(stream: str, data: dict[str, Any]) -> Message:
    """One row."""
    return {"type": "RECORD", "record": {"stream": stream, "data": data, "emitted_at": now()}}


def state(stream: str, stream_state: dict[str, Any], record_count: int) -> Message:
    """Where the next sync of a stream continues, and the number of its records since its last STATE."""
    return {
        "type": "STATE",
        "state": {
            "type": "STREAM",
            "stream": {"stream_descriptor": {"name": stream}, "stream_state": stream_state},
            "sourceStats": {"recordCount": float(record_count)},
        },
    }


def stream_status(stream: str, status: Status) -> Message:
    """The progress of a stream."""
    return _trace("STREAM_STATUS", "stream_status", {"stream_descriptor": {"name": stream}, "status": status})


def failure(error: BaseException) -> Message:
    """Why the command failed, and whether the cause is in the settings, a passing fault or a program."""
    content = {"message": sentence(error), "failure_type": _failure_type(error)}
    if not isinstance(error, DtmError):
        content["stack_trace"] = where(error)
    elif isinstance(error, DtmPartialSyncError):
        reasons = [f"{code}: {reason}" for code, reason in sorted(error.failures.items())]
        content["message"] = " ".join([str(error), *reasons[:_MOST_REASONS]])
    return _trace("ERROR", "error", content)


def _failure_type(error: BaseException) -> str:
    if isinstance(error, DtmPartialSyncError):
        # Airbyte tries again unless people must act. It should, as long as one country may succeed.
        kinds = {_failure_type(failed) for failed in error.failures.values()}
        return next(kind for kind in (TRANSIENT, SYSTEM, CONFIG) if kind in kinds)
    if isinstance(error, (DtmRequestError, DtmQuotaError)) and not isinstance(error, DtmRefusedError):
        return TRANSIENT
    if isinstance(error, DtmError) and not isinstance(error, DtmAnswerError):
        return CONFIG
    return SYSTEM


def _trace(kind: str, name: str, content: dict[str, Any]) -> Message:
    return {"type": "TRACE", "trace": {"type": kind, "emitted_at": float(now()), name: content}}
