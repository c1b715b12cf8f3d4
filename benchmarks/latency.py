"""Compares runs with the limit that the latency of the API sets: `python -m benchmarks.latency`.

A first sync and a sync with nothing new read 53 invented countries from an API that takes 0.3 seconds for each answer.
The ideal is requests times latency, divided by the requests in flight. Each line is one run, so close other programs
first.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.first_load import Bench, program
from tap_dtm.sandbox import SandboxServer, world_at
from tap_dtm.sandbox.faults import Fault
from tap_dtm.settings import Settings

_ROWS, _COUNTRIES = 5_800, 53
_LATENCY = 0.3  # seconds


def main() -> None:
    """Measure and print."""
    in_flight = Settings.from_config({"subscription_key": "invented"}).max_parallel_requests
    with tempfile.TemporaryDirectory() as name, SandboxServer(world_at(rows=_ROWS, countries=_COUNTRIES)) as sandbox:
        folder = Path(name)
        sandbox.faults.add(Fault("slow", seconds=_LATENCY))
        bench = Bench(folder, sandbox.url)
        config = bench.config("tap", api_url=sandbox.url, subscription_key=sandbox.key, scrub_fraction=0)
        (folder / "state.json").write_text("{}", "utf-8")
        command = [program("tap-dtm"), "--config", config, "--state", str(folder / "state.json")]
        start = bench.run("start-up alone", [program("tap-dtm"), "--version"]).clock
        print(
            f"{in_flight} requests in flight, {_LATENCY} s for each answer; starting the program takes {start:.1f} s\n"
        )
        for run in ("first sync", "nothing new"):
            sandbox.requests.clear()
            taken = bench.run(run, command, stdout=folder / "messages")
            requests = len(sandbox.requests)
            share = taken.clock / (requests * _LATENCY / in_flight)
            print(f"{run:12}{requests:5} requests{taken.clock:7.1f} s, {share:.2f} of the ideal")
            (folder / "state.json").write_bytes(_last_state(folder / "messages"))


def _last_state(messages: Path) -> bytes:
    """Return the value of the last STATE message."""
    with messages.open("rb") as lines:
        states = [line for line in lines if line.startswith(b'{"type":"STATE"')]
    return states[-1].removeprefix(b'{"type":"STATE","value":').rstrip()[:-1]


if __name__ == "__main__":
    main()
