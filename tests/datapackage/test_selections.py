"""Any part of DTM's streams, under any name and after any stream map, becomes a valid package on IOM's terms."""

from __future__ import annotations

import json
from itertools import combinations, product
from random import Random
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from tap_dtm.errors import DtmError
from tap_dtm.metadata import load_catalogue
from tap_dtm.sandbox import world_at
from tap_dtm.singer import schedule
from tap_dtm.views.package import tables_from_package
from tap_dtm.views.script import script
from tests.chance import CHANCE
from tests.datapackage.pipe import descriptor, problems, read_csv, resource, run_target, without_pages
from tests.datapackage.singer import dtm
from tests.extent import mostly
from tests.target import MemoryTarget, run_tap, selecting
from tests.views.databases import assert_views_are_right, place, rows_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from tests.target import Message

STREAMS = ("countries", "operations", "idp_admin0", "idp_admin1", "idp_admin2")
SELECTIONS = [selection for size in range(1, 6) for selection in combinations(STREAMS, size)]
# Every set of levels, and every set of lists.
SOME_SELECTIONS = [
    STREAMS[:1],
    STREAMS[2:3],
    ("countries", "idp_admin1"),
    ("operations", "idp_admin2"),
    ("countries", "operations", "idp_admin0", "idp_admin1"),
    ("idp_admin0", "idp_admin2"),
    ("countries", "operations", "idp_admin1", "idp_admin2"),
    STREAMS,
]
OTHER_SELECTIONS = Random(CHANCE).sample(sorted({*SELECTIONS} - {*SOME_SELECTIONS}), 4)
LEVEL_SETS = [levels for size in (1, 2, 3) for levels in combinations((0, 1, 2), size)]
COLUMNS = sorted({field.name for field in load_catalogue().resources["idp_admin2"].fields})
SOME_COLUMNS = ["admin1_pcode", "num_present_idp_ind", "row_number"]
OTHER_COLUMNS = Random(CHANCE).sample(sorted({*COLUMNS} - {*SOME_COLUMNS}), 5)
SMALL = "sandbox://?rows=120&countries=2"


def catalog_of(streams: Collection[str], without: Collection[str] = ()) -> dict[str, Any]:
    """Return the discovered catalog with only these streams, and without these columns, selected."""
    catalog = selecting(*streams)
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if entry["breadcrumb"] and entry["breadcrumb"][-1] in without:
                entry["metadata"]["selected"] = False
    return catalog


def only(streams: Sequence[str], messages: list[Message]) -> list[Message]:
    """Return the messages of a run that selects only these streams."""
    return [each for each in messages if each.get("stream", streams[0]) in streams]


def mapped(**maps: Any) -> list[Message]:
    return dtm(SMALL, stream_maps=maps)


def package(folder: Path, messages: list[Message], **config: Any) -> dict[str, Any]:
    """Write a package and return its quality report."""
    run_target(messages, folder, **config)
    report: dict[str, Any] = json.loads((folder / "quality.json").read_text("utf-8"))
    return report


def is_on_ioms_terms(folder: Path) -> bool:
    license_ = load_catalogue().package.license
    said = descriptor(folder)
    readme = (folder / "README.md").read_text("utf-8")
    return (
        said.get("dtm:redistribution") == "not permitted"
        and said.get("dtm:terms") == list(license_.terms)
        and all(term in readme for term in license_.terms)
    )


def with_a_wrong_figure(messages: list[Message], stream: str) -> list[Message]:
    """Return messages in which one figure of a stream is not that of the other levels."""
    figures = [each["record"] for each in messages if each["type"] == "RECORD" and each["stream"] == stream]
    for row in figures[:1]:
        if "num_present_idp_ind" in row:
            row["num_present_idp_ind"] += 1
    return messages


@pytest.mark.parametrize("streams", mostly(SOME_SELECTIONS, [*SOME_SELECTIONS, *OTHER_SELECTIONS]), ids="+".join)
def test_every_selection_of_streams_becomes_a_valid_package(tmp_path: Path, streams: tuple[str, ...]) -> None:
    folder = tmp_path / "package"
    messages = only(streams, dtm("sandbox://"))  # in which some operations lack a level

    report = package(folder, with_a_wrong_figure(messages, streams[-1]))

    assert [each["name"] for each in descriptor(folder)["resources"]] == list(streams)
    assert problems(folder) == []
    assert is_on_ioms_terms(folder)
    levels = [int(name[-1]) for name in streams if name.startswith("idp_")]
    assert report.get("levels", []) == levels
    if levels == [1, 2]:
        assert report["missing_levels"]["found"] > 0
    page = (folder / "index.html").read_text("utf-8")
    for level in (0, 1, 2):
        for words in ("At admin", "Admin"):  # missing levels, and levels that differ
            assert (f">{words} {level}</th>" in page) == (level in levels and len(levels) > 1)


@pytest.mark.parametrize("levels", mostly([(1,), (0, 2)], LEVEL_SETS), ids=str)
def test_the_views_read_every_selection_that_has_both_lists_and_a_level(
    tmp_path: Path, levels: tuple[int, ...]
) -> None:
    folder, url = tmp_path / "package", "sandbox://?publication=2"
    where = place("duckdb", levels=levels)
    streams = [*STREAMS[:2], *(f"idp_admin{level}" for level in levels)]
    with without_pages():
        run_target(only(streams, dtm(url)), folder, formats=["parquet"])

    with duckdb.connect() as db:
        db.execute(script(where, tables_from_package(where, folder)))

        assert_views_are_right(lambda query: rows_of(db, query), world_at(publication=2), where)


@pytest.mark.parametrize("streams", [("countries", "idp_admin1"), ("operations", "idp_admin0", "idp_admin2")])
def test_the_views_name_the_table_that_a_package_lacks(tmp_path: Path, streams: tuple[str, ...]) -> None:
    with without_pages():
        run_target(only(streams, dtm(SMALL)), tmp_path / "package", formats=["parquet"])

    with pytest.raises(DtmError, match=r"has no table (countries|operations): write it with that stream\.$"):
        tables_from_package(place("duckdb", levels=[1]), tmp_path / "package")


@pytest.mark.parametrize("stream", mostly(["countries", "idp_admin1"], STREAMS))
def test_a_stream_under_another_name_keeps_its_description_and_its_terms(tmp_path: Path, stream: str) -> None:
    catalog, folder = catalog_of([stream]), tmp_path / "package"
    plain = package(tmp_path / "plain", dtm(SMALL, catalog=catalog))

    report = package(folder, dtm(SMALL, catalog=catalog, stream_maps={stream: {"__alias__": "renamed"}}))

    assert is_on_ioms_terms(folder)
    expected = resource(tmp_path / "plain", stream)
    assert resource(folder, "renamed") == {**expected, "name": "renamed", "path": "data/renamed.csv"}
    assert report.get("summary") == plain.get("summary")
    assert problems(folder) == []


@pytest.mark.parametrize("stream", mostly(["operations", "idp_admin0"], STREAMS[1:]))
def test_a_map_may_remove_a_stream(tmp_path: Path, stream: str) -> None:
    report = package(tmp_path / "package", mapped(**{stream: None}))

    left = [each for each in STREAMS if each != stream]
    assert [each["name"] for each in descriptor(tmp_path / "package")["resources"]] == left
    assert report["levels"] == [int(each[-1]) for each in left if each.startswith("idp_")]
    assert problems(tmp_path / "package") == []


def test_a_delivery_that_breaks_off_is_left_out_under_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "_BYTES_PER_ROW", 10**6)  # a STATE for each country
    maps = {"idp_admin1": {"__alias__": "renamed"}}
    messages = run_tap(MemoryTarget(), api_url=SMALL, stream_maps=maps)
    last = max(n for n, each in enumerate(messages) if each["type"] == "RECORD" and each["stream"] == "renamed")
    states = [n for n, each in enumerate(messages[:last]) if each["type"] == "STATE"]
    at_last_state = sum(1 for each in messages[: states[-1]] if each.get("stream") == "renamed" and "record" in each)

    run_target(messages[:last], tmp_path / "package")

    assert len(read_csv(tmp_path / "package", "renamed")) == at_last_state < last


def test_renamed_streams_still_refer_to_each_other(tmp_path: Path) -> None:
    names = {stream: {"__alias__": f"dtm_{stream}"} for stream in STREAMS}
    folder = tmp_path / "package"

    report = package(folder, mapped(**names))

    assert [each["name"] for each in descriptor(folder)["resources"]] == [f"dtm_{stream}" for stream in STREAMS]
    keys = resource(folder, "dtm_operations")["schema"]["foreignKeys"]
    assert [key["reference"]["resource"] for key in keys] == ["dtm_countries"]
    assert report["levels"] == [0, 1, 2]
    assert problems(folder) == []


def test_columns_tell_the_level_of_a_stream_that_bears_the_name_of_another(tmp_path: Path) -> None:
    catalog = catalog_of(["idp_admin1"])

    report = package(
        tmp_path / "package", dtm(SMALL, catalog=catalog, stream_maps={"idp_admin1": {"__alias__": "idp_admin0"}})
    )

    assert resource(tmp_path / "package", "idp_admin0")["dtm:level"] == 1
    assert report["levels"] == [1]


def test_a_copy_of_a_stream_is_not_counted_twice(tmp_path: Path) -> None:
    without = package(tmp_path / "plain", dtm(SMALL))

    report = package(tmp_path / "package", mapped(a_copy={"__source__": "idp_admin0"}))

    assert resource(tmp_path / "package", "a_copy")["dtm:level"] == 0
    assert report == without


def between(messages: list[Message], stream: str, **changes: Any) -> list[Message]:
    """Return messages as a mapper between tap and target sends them: a schema with changes, other columns left out."""
    found = []
    for each in messages:
        if each.get("stream") == stream and each["type"] == "SCHEMA":
            found.append({**each, **changes})
        elif each.get("stream") == stream and each["type"] == "RECORD" and "schema" in changes:
            kept = {name: each["record"].get(name, "DTM") for name in changes["schema"]["properties"]}
            found.append({**each, "record": kept})
        else:
            found.append(each)
    return found


@pytest.mark.parametrize(
    "stream_and_key",
    mostly([("operations", ()), ("idp_admin2", ("admin0_pcode",))], product(STREAMS[1:], [(), ("admin0_pcode",)])),
    ids=str,
)
def test_a_stream_with_another_key_keeps_the_terms(tmp_path: Path, stream_and_key: tuple[str, tuple[str, ...]]) -> None:
    stream, key = stream_and_key
    maps = {stream: {"__alias__": "renamed"}}
    messages = dtm(SMALL, catalog=catalog_of([stream]), stream_maps=maps)

    package(tmp_path / "package", between(messages, "renamed", key_properties=list(key)))

    assert is_on_ioms_terms(tmp_path / "package")


def test_streams_with_few_of_their_columns_and_others_added_become_a_package(tmp_path: Path) -> None:
    few = {name: {"type": ["string", "null"]} for name in ("admin0_pcode", "operation", "source", "_sdc_deleted_at")}
    few["row_number"] = {"type": ["integer"]}
    messages = mapped(
        idp_admin1={
            "source": "'DTM'",
            "people": "str(num_present_idp_ind) if num_present_idp_ind is not None else None",
        }
    )
    for stream in ("idp_admin0", "idp_admin2"):
        messages = between(messages, stream, schema={"properties": few})
    folder = tmp_path / "package"

    report = package(folder, messages)

    assert is_on_ioms_terms(folder)
    assert report["levels"] == [1]
    for stream in ("idp_admin0", "idp_admin1", "idp_admin2"):
        assert {row["source"] for row in read_csv(folder, stream)} == {"DTM"}
    assert problems(folder) == []


@pytest.mark.parametrize("column", mostly(SOME_COLUMNS, [*SOME_COLUMNS, *OTHER_COLUMNS]))
def test_any_column_may_be_left_out(tmp_path: Path, column: str) -> None:
    folder = tmp_path / "package"

    package(folder, dtm(SMALL, catalog=catalog_of(STREAMS, without=[column])), formats=["parquet"])

    assert is_on_ioms_terms(folder)
    assert problems(folder) == []
