"""An offline DTM API with invented data, to try the tap and to test it without a key or a network.

with open_sandbox("sandbox://") as sandbox:
    requests.get(f"{sandbox.url}/v3/displacement/country-list", …)
"""

from __future__ import annotations

import atexit
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from tap_dtm.errors import DtmError
from tap_dtm.sandbox.api import Options
from tap_dtm.sandbox.fabric import MAX_COUNTRIES
from tap_dtm.sandbox.faults import Fault, Faults
from tap_dtm.sandbox.invent import COUNTRY, invent, publish, tiny, world_at
from tap_dtm.sandbox.invisible import INVISIBLE
from tap_dtm.sandbox.pcodes import PATH as PCODES_PATH
from tap_dtm.sandbox.server import SANDBOX_KEY, SandboxServer
from tap_dtm.sandbox.visible import VISIBLE
from tap_dtm.sandbox.world import Mutation, World
from tap_dtm.settings import is_sandbox

if TYPE_CHECKING:
    from tap_dtm.settings import Settings

__all__ = [
    "COUNTRY",
    "INVISIBLE",
    "PCODES_PATH",
    "SANDBOX_KEY",
    "VISIBLE",
    "Fault",
    "Faults",
    "Mutation",
    "Options",
    "SandboxServer",
    "World",
    "in_sandbox",
    "invent",
    "open_sandbox",
    "publish",
    "tiny",
    "world_at",
]

_LIMITS = {
    "publication": (1, 10_000),
    "seed": (0, 10**12),
    "countries": (1, MAX_COUNTRIES),
    "rows": (0, 5_000_000),
}


def open_sandbox(url: str = "sandbox://") -> SandboxServer:
    """Start the sandbox that a URL such as `sandbox://?publication=3&seed=2&countries=60&rows=300000` describes.

    Raises:
        DtmError: The URL has another form.
    """
    parts = urlsplit(url)
    if parts.scheme != "sandbox" or parts.netloc or parts.path.strip("/") or parts.fragment:
        raise DtmError(f"'{url}' is not a sandbox URL; write sandbox:// or sandbox://?publication=2.")
    numbers: dict[str, int] = {}
    for name, text in parse_qsl(parts.query, keep_blank_values=True):
        if name not in _LIMITS:
            raise DtmError(f"A sandbox URL has no parameter '{name}'; it has {', '.join(_LIMITS)}.")
        least, most = _LIMITS[name]
        if not (text.isascii() and text.isdecimal() and least <= int(text) <= most):
            raise DtmError(f"'{name}' in a sandbox URL is a whole number from {least} to {most}, not '{text}'.")
        numbers[name] = int(text)
    return SandboxServer(world_at(**numbers))


def in_sandbox(settings: Settings) -> Settings:
    """Return settings for the sandbox that their api_url describes, with its key. A process starts it once.

    Raises:
        DtmError: The URL does not describe a sandbox.
    """
    server = _running(settings.api_url)
    pcodes = server.url + PCODES_PATH if is_sandbox(settings.pcodes) else settings.pcodes
    return replace(
        settings, api_url=server.url, pcodes=pcodes, subscription_key=server.key, secondary_subscription_key=None
    )


@cache
def _running(url: str) -> SandboxServer:
    server = open_sandbox(url)
    atexit.register(server.close)
    return server
