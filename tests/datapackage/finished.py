"""A finished data package in a folder, with invented content: what publishing begins with."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

PERMISSION = "Invented permission of 1 July 2025, by nobody, for tests only"
ROWS = "admin0_pcode,operation,num_present_idp_ind\nXAA,Invented Flood Response,120\nXBA,Invented Flood Response,7\n"


def finished_package(
    folder: Path, *, permission: str | None = PERMISSION, rows: str = ROWS, version: str = "1.0.0", **more: Any
) -> Path:
    """Write a package as target-datapackage does, and return its folder."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    files = {"data/idp_admin1.csv": rows, "data/countries.csv": "admin0_pcode\nXAA\nXBA\n"}
    for path, text in files.items():
        (folder / path).write_bytes(text.encode())
    for path in ("README.md", "CHANGELOG.md", "CITATION.cff", "index.html", "quality.json"):
        (folder / path).write_bytes(f"{path} of version {version}\n".encode())
    (folder / ".state").write_text("not to be published", encoding="utf-8")
    descriptor = {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": "invented-displacement",
        "title": "Invented displacement",
        "description": "Figures that nobody ever counted.",
        "version": version,
        "created": "2025-07-01T00:00:00Z",
        "homepage": "https://example.org/invented",
        "keywords": ["displacement", "HXL", "people (invented)"],
        "sources": [{"title": "Invented API", "path": "https://example.org/api", "dtm:accessed": "2025-07-01"}],
        "contributors": [
            {"title": "Invented Organization", "path": "https://example.org", "roles": ["creator", "rightsHolder"]},
            {"title": "Somebody else", "path": "https://example.org", "roles": ["wrangler"]},
        ],
        "licenses": [{"name": "other", "title": "Invented terms", "path": "https://example.org/terms"}],
        "dtm:terms": ["For tests only."],
        "dtm:creditLine": "Source: nobody",
        "dtm:redistribution": "permitted" if permission else "not permitted",
        **({"dtm:permission": permission} if permission else {}),
        "dtm:temporalCoverage": {"start": "2024-01-31", "end": "2025-06-30"},
        "dtm:spatialCoverage": ["XAA", "XBA"],
        **more,
        "resources": [_resource(path, text) for path, text in files.items()],
    }
    (folder / "datapackage.json").write_text(json.dumps(descriptor, indent=2), encoding="utf-8")
    return folder


def _resource(path: str, text: str) -> dict[str, Any]:
    name = path.removeprefix("data/").removesuffix(".csv")
    header, *lines = text.splitlines()
    is_figures = name == "idp_admin1"
    return {
        "name": name,
        "type": "table",
        "path": path,
        "title": f"Table {name}",
        "description": "Invented rows",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": len(text.encode()),
        "hash": f"sha256:{hashlib.sha256(text.encode()).hexdigest()}",
        "rows": len(lines),
        "dtm:grain": f"One row per {name}.",
        **({"dtm:level": 1} if is_figures else {}),
        "dtm:usageWarnings": [{"code": "stock_not_flow", "text": "Never add up rounds."}],
        "schema": {
            "fields": [
                {"name": column, "type": "integer" if column.startswith("num_") else "string", "dtm:hxl": "#x"}
                for column in header.split(",")
            ]
        },
    }
