"""What a state says of the rows in a package: whatever the streams are called, and whichever version wrote it."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from frictionless_dtm.descriptor.progress import bookmarks, delivered, positions
from frictionless_dtm.descriptor.shape import shape_of

from tap_dtm.errors import DtmError, DtmPartialSyncError
from tap_dtm.exact.state import check_state
from tap_dtm.sandbox import Fault, SandboxServer, tiny
from tests.datapackage.pipe import PackageTarget, content, read_csv
from tests.target import run_tap
from tests.world import LEVELS, count, served

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("no_pages")

STREAMS = ["countries", "operations", *(f"idp_admin{level}" for level in LEVELS)]
NAMES = pytest.mark.parametrize("prefix", ["", "dtm_"])
STATE_OF_0_1_0 = Path(__file__).parents[1] / "fixtures" / "state-0.1.0.json"


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(tiny(Random(4))) as sandbox:
        yield sandbox


def load(sandbox: SandboxServer, target: PackageTarget, prefix: str = "", **config: Any) -> None:
    maps = {stream: {"__alias__": f"{prefix}{stream}"} for stream in STREAMS} if prefix else {}
    settings: dict[str, Any] = {"api_url": sandbox.url, "subscription_key": sandbox.key, "stream_maps": maps}
    run_tap(target, **settings, scrub_fraction=0, max_retries=0, **config)
    target.finish()


def assert_exact(sandbox: SandboxServer, target: PackageTarget, prefix: str = "", **filters: Any) -> None:
    for level in LEVELS:
        assert count(target.live(f"{prefix}idp_admin{level}")) == served(sandbox.world, level, **filters)


def test_a_first_run_in_which_every_country_failed_is_followed_by_another(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    target = PackageTarget(tmp_path / "package")
    sandbox.faults.add(Fault("status", path="admin0"))
    load(sandbox, target, error=DtmPartialSyncError)
    sandbox.faults.clear()

    load(sandbox, target)

    assert_exact(sandbox, target)


@pytest.mark.parametrize("level", LEVELS)
def test_what_an_update_adds_to_a_state_takes_no_rows_out_of_step(level: int) -> None:
    old = json.loads(STATE_OF_0_1_0.read_text("utf-8"))
    new = copy.deepcopy(old)
    check_state(new)
    columns = {name: {"type": ["string", "null"]} for name in ("admin0_pcode", "operation", "admin0_name")}
    shape = shape_of(
        f"idp_admin{level}",
        {"properties": columns | {"row_number": {"type": "integer"}}},
        ("admin0_pcode", "operation", "row_number"),
    )

    assert bookmarks(shape, old) != bookmarks(shape, new)
    assert positions(bookmarks(shape, new)) == positions(bookmarks(shape, old))
    assert delivered(shape, new) == delivered(shape, old) > 0


@NAMES
def test_a_state_of_another_run_than_the_last_is_refused(sandbox: SandboxServer, tmp_path: Path, prefix: str) -> None:
    operations = [str(each["operation"]) for each in sandbox.world.operation_list()]
    target = PackageTarget(tmp_path / "package")
    load(sandbox, target, prefix, operations=operations[:1])
    backup = target.state
    for wanted in (operations[:2], operations):
        load(sandbox, target, prefix, operations=wanted)
    target.state = backup
    before = content(target.folder)

    with pytest.raises(DtmError, match=r"not the state of the last run.* --full-refresh"):
        load(sandbox, target, prefix, operations=operations[:1])

    assert content(target.folder) == before


@NAMES
def test_rows_of_a_folder_that_is_gone_are_not_taken_to_be_there(
    sandbox: SandboxServer, tmp_path: Path, prefix: str
) -> None:
    target = PackageTarget(tmp_path / "here" / "package")
    load(sandbox, target, prefix)
    shutil.rmtree(tmp_path / "here")

    with pytest.raises(DtmError, match=r"were delivered before, but this package has none"):
        load(sandbox, target, prefix)


@NAMES
def test_a_list_keeps_no_key_of_a_run_whose_state_never_arrived(
    sandbox: SandboxServer, tmp_path: Path, prefix: str
) -> None:
    target = PackageTarget(tmp_path / "package")
    both = sandbox.world.countries
    sandbox.world.countries = both[:1]
    load(sandbox, target, prefix)
    before = target.state
    sandbox.world.countries = both
    load(sandbox, target, prefix)
    sandbox.world.countries = both[:1]
    target.state = before

    load(sandbox, target, prefix)

    assert [row["admin0_pcode"] for row in read_csv(target.folder, f"{prefix}countries")] == [both[0].pcode]
