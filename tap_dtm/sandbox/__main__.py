"""The command `dtm-sandbox`: the sandbox for any program that uses HTTP."""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading

from tap_dtm import console
from tap_dtm.errors import DtmError
from tap_dtm.sandbox.faults import NAMED, parse_fault
from tap_dtm.sandbox.invent import publish, world_at
from tap_dtm.sandbox.server import SandboxServer

_EPILOG = f"""\
NAME is a fault of every request, NAME:TIMES of the first requests. The names are {", ".join(NAMED)}.

All data are invented. The server listens on this machine only."""


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="dtm-sandbox",
        description="Serve the DTM API offline, with invented data.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--port", type=int, default=0, help="the port to listen on (default: a free one)")
    add("--seed", type=int, default=1, help="the seed of the invention (default: 1)")
    add("--publication", type=int, default=1, help="the number of the publication (default: 1)")
    add("--publish-every", type=float, metavar="SECONDS", help="the time until each next publication")
    add("--countries", type=int, default=6, help="how many countries (default: 6, which have every oddity)")
    add("--rows", type=int, help="about how many rows in all three levels (default: a few hundred)")
    add(
        "--fault",
        type=parse_fault,
        action="append",
        default=[],
        metavar="NAME[:TIMES]",
        help="a fault; may be repeated",
    )
    return parser.parse_args(argv)


def main() -> None:
    """Run the command."""
    console.run("dtm-sandbox", serve)


def serve(argv: list[str] | None = None) -> None:
    """Serve until interrupted."""
    given = _arguments(argv)
    if given.publish_every is not None and given.publish_every <= 0:
        raise DtmError("--publish-every is a number of seconds greater than 0.")
    with contextlib.suppress(KeyboardInterrupt), _server(given) as server:
        server.faults.add(*given.fault)
        sys.stdout.write(
            f"Invented DTM data at {server.url} under the key {server.key}. Try: "
            f"TAP_DTM_API_URL={server.url} TAP_DTM_SUBSCRIPTION_KEY={server.key} tap-dtm --config=ENV\n"
        )
        sys.stdout.flush()
        never = threading.Event()
        while not never.wait(given.publish_every):
            publish(server.world)


def _server(given: argparse.Namespace) -> SandboxServer:
    world = world_at(given.publication, seed=given.seed, countries=given.countries, rows=given.rows)
    try:
        return SandboxServer(world, port=given.port)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or "it is not a port number"
        raise DtmError(f"Cannot listen on port {given.port}: {reason}.") from None


if __name__ == "__main__":
    main()
