"""PyAirbyte with its DuckDB cache, in an environment of its own: `test_pyairbyte.py` starts it there.

Arguments are the command of the source, its settings as JSON, the folder of the cache, and the streams. For each line
that arrives it reads once, and answers with a line of JSON: how many records were read, and what the tables hold.
"""

from __future__ import annotations

import json
import sys

answers = sys.stdout
sys.stdout = sys.stderr  # PyAirbyte talks while it works

import airbyte  # noqa: E402


def main(command: str, config: str, folder: str, *streams: str) -> None:
    """Answer every line of the standard input."""
    source = airbyte.get_source(
        "source-dtm", local_executable=command, config=json.loads(config), streams=list(streams)
    )
    source.check()
    cache = airbyte.new_local_cache("dtm", folder)
    for _ in sys.stdin:
        result = source.read(cache=cache)
        tables = {name: [dict(row) for row in cache[name]] for name in source.get_selected_streams()}
        answers.write(json.dumps({"read": result.processed_records, "tables": tables}, default=str) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
