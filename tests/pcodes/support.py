"""Invented lists, and runs that read them."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, Any

from tap_dtm.singer.tap import TapDTM
from tests.target import MemoryTarget, Message, run_tap

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tap_dtm.sandbox import SandboxServer

HEADER = "Location,Admin Level,P-Code,Name,Parent P-Code,Valid from date"
HXL = "#country+code,#geo+admin_level,#adm+code,#adm+name,#adm+code+parent,#date+start"
ROWS = (
    "XAA,1,XA01,Invented Province,XAA,2020-01-31",
    "XAA,2,XA0101,Invented District,XA01,2020-01-31",
    "XAA,2,XA0102,Côte d'Inventée,XA01,2020-01-31",
    "XBA,1,XBA01,Invented Coast,XBA,2024-05-31",
    "XZZ,1,XZ01,Invented Land that DTM lacks,XZZ,2019-01-31",
)
READ = [row.split(",") for row in ROWS[:4]]
"""The entries of countries that the sandbox has."""


def text_of(*rows: str, header: str = HEADER) -> str:
    return "".join(f"{line}\r\n" for line in (header, HXL, *(rows or ROWS)))


@cache
def selecting_pcodes(api_version: str = "v3") -> dict[str, Any]:
    """Return a catalog of the streams that are selected by default, and of the P-codes."""
    catalog: dict[str, Any] = TapDTM(config={"api_version": api_version, "pcodes": "sandbox://"}).catalog_dict
    (pcodes,) = (stream for stream in catalog["streams"] if stream["tap_stream_id"] == "pcodes")
    for entry in pcodes["metadata"]:
        if not entry["breadcrumb"]:
            entry["metadata"]["selected"] = True
    return catalog


def load(
    target: MemoryTarget,
    sandbox: SandboxServer,
    pcodes: str | Path,
    error: type[Exception] | None = None,
    **config: Any,
) -> list[Message]:
    """Load everything, and the P-codes."""
    return run_tap(
        target,
        catalog=deepcopy(selecting_pcodes(config.get("api_version", "v3"))),
        error=error,
        api_url=sandbox.url,
        subscription_key=sandbox.key,
        scrub_fraction=0,
        pcodes=str(pcodes),
        **config,
    )


def cells_of(rows: Iterable[dict[str, Any]]) -> list[list[str]]:
    """Return rows of the table as cells of the list."""
    names = ("admin0_pcode", "admin_level", "pcode", "name", "parent_pcode", "valid_from")
    return sorted([str(row[name]) for name in names] for row in rows)
