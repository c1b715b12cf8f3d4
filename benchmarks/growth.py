"""The cost of a first load for growing data: `python -m benchmarks.growth`.

The data are 60 countries with more and more rows, then one large country, then many small ones. The answers come from
files on this machine. Each line is one run, so close other programs first.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.answers import serving, write_answers
from benchmarks.first_load import Bench, program

_SHAPES = ((30_000, 60), (100_000, 60), (300_000, 60), (1_000_000, 60), (300_000, 1), (60_000, 600))
"""Rows and countries."""


def main() -> None:
    """Measure and print."""
    print("     rows  countries  largest answer  processor  for 1,000   memory     STATE")
    for rows, countries in _SHAPES:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_answers(folder / "answers", rows, countries)
            largest = max(path.stat().st_size for path in (folder / "answers").iterdir())
            with serving(folder / "answers") as url:
                bench = Bench(folder, url)
                config = bench.config("tap", api_url=url, subscription_key="invented", scrub_fraction=0)
                taken = bench.run("tap", [program("tap-dtm"), "--config", config], stdout=folder / "messages")
            sent, states = _sent(folder / "messages")
        seconds = sum(taken.processor.values())
        print(
            f"{sent:9,}{countries:11}{largest / 1e6:13.1f} MB{seconds:9.1f} s{seconds / sent * 1e6:8.1f} ms"
            f"{taken.memory:6.0f} MB{states / 1e6:7.2f} MB"
        )


def _sent(messages: Path) -> tuple[int, int]:
    """Return the number of RECORD messages, and the bytes of all STATE messages."""
    records = states = 0
    with messages.open("rb") as lines:
        for line in lines:
            records += line.startswith(b'{"type":"RECORD"')
            states += len(line) if line.startswith(b'{"type":"STATE"') else 0
    return records, states


if __name__ == "__main__":
    main()
