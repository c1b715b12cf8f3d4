"""The ready-made catalogs are what the code makes of them today, and the tap takes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from generate.catalogs import FOLDER, STREAMS, catalogs
from tap_dtm.errors import DtmError
from tap_dtm.singer.tap import TapDTM
from tests.target import MemoryTarget, run_tap

if TYPE_CHECKING:
    from pathlib import Path

GENERATED = dict(catalogs())


def test_their_folders_hold_nothing_else() -> None:
    assert set(FOLDER.glob("v*/*")) == set(GENERATED)


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_catalog_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == GENERATED[path], "run: python3 make.py generate"


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: f"{path.parent.name}-{path.stem}")
@pytest.mark.parametrize("pcodes", [None, "sandbox://"])
def test_a_catalog_selects_everything_that_the_settings_make_possible(path: Path, pcodes: str | None) -> None:
    target = MemoryTarget()
    catalog = json.loads(GENERATED[path])

    run_tap(target, catalog=catalog, api_url="sandbox://", api_version=path.parent.name, pcodes=pcodes)

    expected = STREAMS if pcodes else STREAMS - {"pcodes"}
    assert {stream for stream in target.tables if target.live(stream)} == expected
    assert set(target.tables) == expected


def test_a_catalog_of_another_version_is_refused() -> None:
    catalog = json.loads(GENERATED[FOLDER / "v3" / "everything.json"])

    with pytest.raises(DtmError, match="make a catalog for this api_version"):
        TapDTM(config={"api_version": "v2", "api_url": "sandbox://"}, catalog=catalog).sync_all()
