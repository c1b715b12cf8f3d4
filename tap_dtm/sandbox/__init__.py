"""An offline DTM API with invented data, to try and to test against without a key or a network.

with open_sandbox("sandbox://") as sandbox:
    requests.get(f"{sandbox.url}/v3/displacement/country-list", …)
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from tap_dtm.sandbox.api import Options
from tap_dtm.sandbox.faults import Fault, Faults
from tap_dtm.sandbox.invent import MAX_COUNTRIES, invent, tiny
from tap_dtm.sandbox.publications import COUNTRY, INVISIBLE, VISIBLE, publish, world_at
from tap_dtm.sandbox.server import SANDBOX_KEY, RecordedRequest, SandboxServer
from tap_dtm.sandbox.world import Mutation, World

__all__ = [
    "COUNTRY",
    "INVISIBLE",
    "SANDBOX_KEY",
    "VISIBLE",
    "Fault",
    "Faults",
    "Mutation",
    "Options",
    "RecordedRequest",
    "SandboxServer",
    "World",
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
    """Start the sandbox that a URL describes: `sandbox://?publication=3&seed=2&countries=60&rows=300000`.

    Raises:
        ValueError: The URL is not of that form; the message says what is wrong.
    """
    parts = urlsplit(url)
    if parts.scheme != "sandbox" or parts.netloc or parts.path.strip("/") or parts.fragment:
        raise ValueError(f"'{url}' is not a sandbox URL; write sandbox:// or, say, sandbox://?publication=2.")
    numbers: dict[str, int] = {}
    for name, text in parse_qsl(parts.query, keep_blank_values=True):
        if name not in _LIMITS:
            raise ValueError(f"A sandbox URL has no parameter '{name}'; it has {', '.join(_LIMITS)}.")
        least, most = _LIMITS[name]
        if not (text.isascii() and text.isdecimal() and least <= int(text) <= most):
            raise ValueError(f"'{name}' in a sandbox URL is a whole number from {least} to {most}, not '{text}'.")
        numbers[name] = int(text)
    return SandboxServer(world_at(**numbers))
