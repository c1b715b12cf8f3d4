"""Writes the ready-made Singer catalogs in ``catalog/``, one folder for each API version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from generate import write
from tap_dtm.metadata.model import API_VERSIONS
from tap_dtm.singer.tap import TapDTM

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER: Final = Path(__file__).parents[1] / "catalog"
STREAMS: Final = {"countries", "operations", "idp_admin0", "idp_admin1", "idp_admin2", "pcodes"}
"""Those that are selected. Without the setting pcodes, the stream of that name is left out all the same."""


def catalogs() -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of every catalog."""
    for version in API_VERSIONS:
        yield FOLDER / version / "everything.json", _text(version)
        yield FOLDER / version / "full_refresh.json", _text(version, is_full=True)


def _text(version: str, *, is_full: bool = False) -> str:
    catalog: dict[str, Any] = TapDTM(config={"api_version": version}).catalog_dict
    for stream in catalog["streams"]:
        (whole,) = (entry["metadata"] for entry in stream["metadata"] if not entry["breadcrumb"])
        whole["selected"] = stream["tap_stream_id"] in STREAMS
        if is_full and whole["selected"]:
            stream["replication_method"] = whole["forced-replication-method"] = "FULL_TABLE"
    return json.dumps(catalog, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    write(dict(catalogs()))
