"""The table of a package with histories that says what DTM has changed, and when that was noticed."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.sandbox import COUNTRY, VISIBLE, SandboxServer, tiny
from tests.chance import CHANCE
from tests.datapackage.pipe import PackageTarget, content, descriptor, problems, resource, run_target, typed_rows
from tests.extent import sampled
from tests.pipeline import sandbox_config
from tests.remembered import EVERYTHING, HISTORIES
from tests.target import MemoryTarget, run_tap, selecting
from tests.test_postgres import ALL_CODES
from tests.views.asked import revision_of
from tests.views.revised import by_round, revisions
from tests.world import LEVELS, served

if TYPE_CHECKING:
    from pathlib import Path

    from tests.target import Message
    from tests.views.revised import Key
    from tests.world import Version

pytestmark = pytest.mark.usefixtures("no_pages_in_this_module")
COLUMNS = {
    "admin_level": "integer",
    "event": "string",
    "valid_from": "datetime",
    "not_seen_at": "datetime",
    "previous_reporting_date": "date",
    "previous_idps": "integer",
    "idps": "integer",
    "change": "integer",
    "changed_areas": "array",
}


def two_runs() -> list[Message]:
    """Return the messages of two runs, with a publication between them."""
    target = MemoryTarget()
    with SandboxServer(tiny(Random(1))) as sandbox:
        config = sandbox_config(sandbox, accept_withdrawn_countries=ALL_CODES)
        first = run_tap(target, catalog=selecting(*EVERYTHING), **config)
        sandbox.world.publish(*VISIBLE, rng=Random(1))
        return first + run_tap(target, catalog=selecting(*EVERYTHING), **config)


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    return two_runs()


@pytest.mark.parametrize("version", sampled(["v3", "v2"]))
def test_the_table_has_what_dtm_changed_from_run_to_run(folder: Path, version: Version) -> None:
    rng = Random(CHANCE)
    target = PackageTarget(folder)
    seen = []
    with SandboxServer(tiny(rng, countries=3)) as sandbox:
        config = sandbox_config(sandbox, scrub_fraction=1, accept_withdrawn_countries=ALL_CODES, api_version=version)
        for _ in range(4):
            run_tap(target, catalog=selecting(*EVERYTHING, api_version=version), **config)
            target.finish()
            seen.append([[json.loads(row) for row in served(sandbox.world, x, version).elements()] for x in LEVELS])
            countries = sandbox.world.countries
            sandbox.world.publish(*rng.sample((*VISIBLE, *COUNTRY), 4), rng=rng)
            sandbox.world.countries = sandbox.world.countries or countries  # an empty list is no answer

    times = sorted({row["observed_at"] for row in typed_rows(folder, "runs")})
    found = [row | {"changed_areas": json.loads(row["changed_areas"])} for row in typed_rows(folder, "revisions")]
    for level in LEVELS:
        known: set[Key] = set()
        for at, (before, after) in zip(times[1:], pairwise(served_then[level] for served_then in seen), strict=True):
            known |= by_round(before).keys()
            here = [row for row in found if (row["admin_level"], row["valid_from"]) == (level, at)]
            assert Counter(map(revision_of, here)) == revisions(before, after, known, level)
    assert {row["valid_from"] for row in found} <= set(times[1:])


def test_what_the_user_alone_did_is_no_revision(folder: Path) -> None:
    target = PackageTarget(folder)
    catalog = selecting("idp_admin1", HISTORIES[1], "runs")
    with SandboxServer(tiny(Random(1))) as sandbox:
        settings: list[dict[str, Any]] = [{}, {"start_date": "2022-06-01"}, {"end_date": "2024-06-01"}]
        for filters in settings:
            run_tap(target, catalog=catalog, **sandbox_config(sandbox), **filters)
            target.finish()
        target.state = {}
        run_tap(target, catalog=catalog, **sandbox_config(sandbox))
        target.finish()

    assert len({row["observed_at"] for row in typed_rows(folder, "runs")}) == 4
    assert resource(folder, "revisions")["rows"] == 0
    assert typed_rows(folder, "revisions") == []


@pytest.mark.parametrize(
    "config",
    [{"formats": ["parquet", "csv.gz"]}, {"include_hxl_row": True, "formats": ["csv", "xlsx"]}],
    ids=["parquet", "hxl and xlsx"],
)
def test_it_is_valid_and_described_in_every_format(
    messages: list[Message], folder: Path, config: dict[str, Any]
) -> None:
    run_target(messages, folder, **config)

    names = [each["name"] for each in descriptor(folder)["resources"]]
    assert [name for name in names if "-" not in name][-2:] == ["runs", "revisions"]
    assert problems(folder) == []
    table = resource(folder, "revisions")
    assert table["rows"] > 0
    assert table["title"] == "What DTM has changed"
    assert table["dtm:grain"].startswith("One row per change that DTM made to a round at one administrative level")
    assert "levels_repeat" in {each["code"] for each in table["dtm:usageWarnings"]}
    assert "dtm:level" not in table
    assert "sources" not in table  # it is DTM's alone, as is the package
    assert all(field["description"] for field in table["schema"]["fields"])
    assert {field["name"]: field["type"] for field in table["schema"]["fields"]}.items() >= COLUMNS.items()


def test_the_same_rows_give_the_same_bytes(
    messages: list[Message], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    for name in ("one", "other"):
        run_target(messages, tmp_path / name / "package", formats=["csv", "parquet"])

    assert content(tmp_path / "one" / "package") == content(tmp_path / "other" / "package")


@pytest.mark.parametrize(
    ("left_out", "levels"),
    [
        ((), {0, 1, 2}),
        ((HISTORIES[0],), {1, 2}),
        (tuple(f"idp_admin{level}" for level in LEVELS), {0, 1, 2}),
        (("runs",), None),
        (HISTORIES, None),
    ],
    ids=["nothing", "a level", "the tables", "the runs", "the histories"],
)
def test_it_has_the_levels_of_which_the_package_has_a_history(
    messages: list[Message], folder: Path, left_out: tuple[str, ...], levels: set[int] | None
) -> None:
    run_target([message for message in messages if message.get("stream") not in left_out], folder)

    assert problems(folder) == []
    names = [each["name"] for each in descriptor(folder)["resources"]]
    assert ("revisions" in names) == (levels is not None)
    assert {row["admin_level"] for row in typed_rows(folder, "revisions")} == (levels or set())


def test_a_history_may_lack_columns(messages: list[Message], folder: Path) -> None:
    """The user may deselect all columns but the key and the marks; the views need the figures."""
    lean = json.loads(json.dumps(messages))
    for message in lean:
        if message.get("stream") in HISTORIES:
            for name in ("displacement_reason", "number_males", "admin1_name"):
                message.get("record", {}).pop(name, None)
                message.get("schema", {}).get("properties", {}).pop(name, None)
    run_target(lean, folder)

    assert problems(folder) == []
    assert typed_rows(folder, "revisions")
