"""PyAirbyte with its DuckDB cache, in an environment of its own: `test_pyairbyte.py` starts it there.

The argument is the command of the source. Each line that arrives is an order in JSON: the settings of the source, its
streams, and the folder of the cache. It reads once, and answers with a line of JSON: how many records were read, and
what the tables hold.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from typing import Any

answers = sys.stdout
sys.stdout = sys.stderr  # PyAirbyte talks while it works

import airbyte  # noqa: E402


@cache
def opened(command: str, config: str, folder: str, *streams: str) -> tuple[Any, Any]:
    """Return the source and the cache of an order."""
    source = airbyte.get_source(
        "source-dtm", local_executable=command, config=json.loads(config), streams=list(streams)
    )
    source.check()
    return source, airbyte.new_local_cache("dtm", folder)


def main(command: str) -> None:
    """Answer every line of the standard input."""
    for line in sys.stdin:
        source, tables = opened(command, *json.loads(line))
        result = source.read(cache=tables)
        rows = {name: [dict(row) for row in tables[name]] for name in source.get_selected_streams()}
        answers.write(json.dumps({"read": result.processed_records, "tables": rows}, default=str) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
