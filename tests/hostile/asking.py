"""A program that asks one API for several answers at once, and prints what came of it and how much memory it took.

``python -m tests.hostile.asking URL BUDGET_MB PATH...`` prints a JSON object: ``outcomes`` has the number of rows of
each answer, or the message of its error; ``before`` and ``peak`` are the process's memory, in megabytes.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tap_dtm.api.client import DtmClient
from tap_dtm.errors import DtmError
from tap_dtm.settings import Settings


def main(url: str, budget: str, *paths: str) -> None:
    config = {"api_url": url, "subscription_key": "invented-key", "answer_budget_mb": int(budget), "max_retries": 0}
    client = DtmClient(Settings.from_config(config))

    def ask(path: str) -> int | str:
        try:
            return len(client.get(path).rows)
        except DtmError as error:
            return str(error)

    before = peak()
    with ThreadPoolExecutor(len(paths)) as threads:
        outcomes = list(threads.map(ask, paths))
    json.dump({"outcomes": outcomes, "before": before, "peak": peak(), "made": client.requests_made}, sys.stdout)


def peak() -> float:
    """Return the largest memory that this process ever had, in megabytes. What rusage says includes its parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1_000_000


if __name__ == "__main__":
    main(*sys.argv[1:])
