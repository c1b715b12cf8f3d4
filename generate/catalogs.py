"""Writes the ready-made Singer catalogs in ``catalog/``, one folder for each API version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_dtm.metadata.model import API_VERSIONS
from tap_dtm.singer.tap import TapDTM

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

FOLDER = Path(__file__).parents[1] / "catalog"
LISTS = ("countries", "operations")
SELECTIONS: dict[str, tuple[str, ...]] = {
    "everything": (*LISTS, "idp_admin0", "idp_admin1", "idp_admin2"),
    "country_level": (*LISTS, "idp_admin0"),
    "sub_national": (*LISTS, "idp_admin1", "idp_admin2"),
}
FULL_REFRESH = "full_refresh"


def catalogs() -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of every catalog."""
    for version in API_VERSIONS:
        for name, streams in SELECTIONS.items():
            yield FOLDER / version / f"{name}.json", _text(version, streams)
        yield FOLDER / version / f"{FULL_REFRESH}.json", _text(version, SELECTIONS["everything"], is_full=True)


def _text(version: str, streams: Collection[str], *, is_full: bool = False) -> str:
    catalog: dict[str, Any] = TapDTM(config={"api_version": version}).catalog_dict
    for stream in catalog["streams"]:
        if is_full:
            stream["replication_method"] = "FULL_TABLE"
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] in streams
                if is_full:
                    entry["metadata"]["forced-replication-method"] = "FULL_TABLE"
    return json.dumps(catalog, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write them."""
    for path, text in catalogs():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
