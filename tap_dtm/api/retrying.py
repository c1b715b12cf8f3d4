"""Requests that are repeated as long as their fault may pass."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING, Any, TypeVar

import backoff

from tap_dtm.api.answers import PassingFault

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

T = TypeVar("T")
_logger = logging.getLogger("tap-dtm.client")


def retried(tries: int, ask: Callable[..., T], *arguments: object) -> T:
    """Return the result of a request, which is tried several times, with growing pauses.

    Raises:
        DtmError: The last try failed.
    """
    retrying = backoff.on_exception(
        _waits,
        PassingFault,
        max_tries=tries,
        jitter=None,
        on_backoff=lambda details: _logger.warning(
            "%s Trying again in %.1f s (try %d of %d).",
            details["exception"],
            details["wait"],
            details["tries"] + 1,
            tries,
        ),
        logger=None,
    )
    try:
        return retrying(ask)(*arguments)
    except PassingFault as fault:
        raise fault.failure from None


def _waits() -> Generator[float, Any, None]:
    """Yield pauses in seconds: exponential with jitter, and no shorter than what the other side asked for."""
    fault = yield 0.0  # backoff starts a wait generator with an empty send
    longest = 1.0
    while True:
        pause = random.uniform(longest / 2, longest)  # noqa: S311  jitter, not cryptography
        fault = yield max(pause, fault.wait + random.uniform(0, 0.5) if fault.wait else 0.0)  # noqa: S311
        longest = min(longest * 2, 60.0)
