"""A first load with dlt, in its own environment: python dlt_load.py API_URL DATABASE_URL FOLDER.

As in a usual setup of dlt, all rows of the three levels replace the tables, because dlt cannot detect what has changed.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import dlt
from dlt.sources.rest_api import rest_api_source


def main() -> None:
    """Load all rows."""
    api_url, database_url, folder = sys.argv[1:]
    os.environ["EXTRACT__WORKERS"] = "5"
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    resources: list[dict[str, Any]] = [
        {"name": name, "endpoint": {"path": f"v3/displacement/{path}", "data_selector": "result"}}
        for name, path in (("countries", "country-list"), ("operations", "operation-list"))
    ]
    for level in ("admin0", "admin1", "admin2"):
        endpoint = {
            "path": f"v3/displacement/{level}",
            "params": {"Admin0Pcode": "{resources.countries.admin0Pcode}"},
            "data_selector": "result",
        }
        resources.append({"name": f"idp_{level}", "endpoint": endpoint, "parallelized": True})
    source = rest_api_source(
        {
            "client": {"base_url": api_url, "paginator": "single_page"},
            "resource_defaults": {"write_disposition": "replace"},
            "resources": resources,
        }
    )
    destination = dlt.destinations.postgres(database_url)
    dlt.pipeline("first_load", pipelines_dir=folder, destination=destination, dataset_name="dlt").run(source)


if __name__ == "__main__":
    main()
