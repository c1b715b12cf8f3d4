"""A package with OCHA's P-codes: whose they are, the table of areas that follows from them, and when either changes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.sandbox import PCODES_PATH, SandboxServer, invent
from tests.datapackage.pipe import PackageTarget, content, descriptor, problems, read_csv, resource, run_target
from tests.pcodes.support import load, text_of
from tests.target import MemoryTarget, Message, run_tap

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("no_pages_in_this_module")
OCHA = "https://data.humdata.org/dataset/global-pcodes"
_AT_AN_HOUR = "1767225600"


def messages_of(version: str = "v3") -> list[Message]:
    """Return a first sync of the sandbox with its P-codes."""
    with SandboxServer(invent()) as sandbox:
        return load(MemoryTarget(), sandbox, sandbox.url + PCODES_PATH, api_version=version)


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    return messages_of()


@pytest.fixture(scope="module")
def package(messages: list[Message], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of these messages. Tests only read it."""
    folder = tmp_path_factory.mktemp("pcodes") / "package"
    run_target(messages, folder)
    return folder


def real(messages: list[Message]) -> list[Message]:
    """Return the same rows of countries whose codes do not say that they are invented."""
    rows = [message for message in messages if message["type"] != "STATE"]  # which has the keys packed
    return json.loads(json.dumps(rows).replace('"X', '"Q'))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "config",
    [{"formats": ["parquet", "csv.gz"]}, {"include_hxl_row": True, "formats": ["csv", "xlsx"]}],
    ids=["parquet", "hxl and xlsx"],
)
def test_it_is_valid_with_the_codes_and_the_areas(
    messages: list[Message], folder: Path, config: dict[str, Any]
) -> None:
    run_target(messages, folder, **config)

    names = [each["name"] for each in descriptor(folder)["resources"]]
    assert [name for name in names if "-" not in name][-2:] == ["pcodes", "areas"]
    assert problems(folder) == []


def test_every_published_area_is_there_with_its_code(package: Path) -> None:
    areas = read_csv(package, "areas")
    published = {(row["admin0_pcode"], row["admin2_pcode"]) for row in read_csv(package, "idp_admin2")}
    assert {(row["admin0_pcode"], row["pcode"]) for row in areas if row["admin_level"] == "2"} == published
    codes = {(row["admin0_pcode"], row["pcode"]) for row in read_csv(package, "pcodes")}
    assert {(row["admin0_pcode"], row["cod_pcode"]) for row in areas if row["cod_pcode"]} <= codes
    assert {row["match"] for row in areas} == {"exact", "prefix", "format", "padding", "name", "none"}
    baghdads = [row for row in areas if row["is_host"] == "false" and row["match"] == "name"]
    assert baghdads  # origins in another numbering are found by their names
    assert all(row["name"] == row["cod_name"] for row in baghdads)


def test_version_2_of_the_api_knows_hosts_only(folder: Path) -> None:
    run_target(messages_of("v2"), folder)

    columns = [field["name"] for field in resource(folder, "areas")["schema"]["fields"]]
    assert "is_host" in columns
    assert "is_origin" not in columns
    assert problems(folder) == []


def test_the_table_is_described(package: Path) -> None:
    areas = resource(package, "areas")
    assert areas["title"] == "Areas and their P-codes"
    assert areas["dtm:grain"].startswith("One row per country, administrative level below the country, and area")
    assert all(field["description"] for field in areas["schema"]["fields"])
    assert {field["name"]: field["type"] for field in areas["schema"]["fields"]}.items() >= {
        "admin_level": "integer",
        "is_host": "boolean",
        "cod_valid_from": "date",
        "candidates": "integer",
    }.items()


def test_it_says_whose_the_codes_are_of_which_date_and_under_which_terms(messages: list[Message], folder: Path) -> None:
    run_target(real(messages), folder)

    package = descriptor(folder)
    ocha = {"title": "OCHA, global P-code list", "path": OCHA, "version": "2024-01-31"}
    pcodes, areas = (resource(folder, name) for name in ("pcodes", "areas"))
    assert package["sources"][1] == pcodes["sources"][0] == areas["sources"][1] == ocha
    assert package["sources"][0]["title"] == areas["sources"][0]["title"] == "Displacement Tracking Matrix (DTM) API"
    assert [each["name"] for each in pcodes["licenses"]] == ["CC-BY-3.0-IGO"]
    assert [each["name"] for each in areas["licenses"]] == ["other", "CC-BY-3.0-IGO"]
    assert [each["name"] for each in package["licenses"]] == ["other"]
    assert (
        f"Tables with entries of OCHA, global P-code list ({OCHA}), the newest valid from 2024-01-31: pcodes, areas."
        in (package["description"])
    )
    assert "CC BY-IGO" in package["description"]
    assert not any("sources" in resource(folder, name) for name in ("countries", "idp_admin1"))


def test_a_package_of_invented_data_does_not_name_ocha(package: Path) -> None:
    said = descriptor(package)
    assert OCHA not in str(said["sources"])
    assert len(said["sources"]) == 1, "all invented data have the same source"
    assert "OCHA" not in said["description"]
    assert "licenses" not in resource(package, "pcodes")
    assert "invented" in resource(package, "pcodes")["sources"][0]["title"]


def test_the_same_rows_give_the_same_bytes(
    messages: list[Message], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", _AT_AN_HOUR)
    for name in ("one", "other"):
        run_target(messages, tmp_path / name / "package", formats=["csv", "parquet"])

    assert content(tmp_path / "one" / "package") == content(tmp_path / "other" / "package")


def test_without_codes_there_are_no_areas_and_no_word_of_them(folder: Path) -> None:
    run_target(run_tap(MemoryTarget(), api_url="sandbox://"), folder)

    package = descriptor(folder)
    assert [each["name"] for each in package["resources"]] == [
        "countries",
        "operations",
        "idp_admin0",
        "idp_admin1",
        "idp_admin2",
    ]
    assert len(package["sources"]) == 1
    assert "P-code" not in package["description"]


def test_run_after_run_it_follows_the_list(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    rows = [f"XAA,1,XA{number:02d},Invented Province {number},XAA,2020-01-31" for number in (1, 2, 3)]
    path.write_text(text_of(*rows), encoding="utf-8")
    target = PackageTarget(tmp_path / "package")
    versions = []
    with SandboxServer(invent(countries=1)) as sandbox:
        for these in (rows, rows, [rows[0], rows[2]], [rows[0].replace("2020", "2025"), rows[2]]):
            path.write_text(text_of(*these), encoding="utf-8")
            load(target, sandbox, path)
            target.finish()
            versions.append(descriptor(target.folder)["version"])
            codes = [row.split(",")[2] for row in these]
            assert [row["pcode"] for row in read_csv(target.folder, "pcodes")] == codes
            found = {row["cod_pcode"] for row in read_csv(target.folder, "areas")} - {""}
            assert found == set(codes)

    assert problems(target.folder) == []
    assert versions == ["1.0.0", "1.0.0", "1.0.1", "1.0.2"]
    assert resource(target.folder, "pcodes")["sources"][0]["version"] == "2025-01-31"


def test_codes_under_another_name_are_recognised(messages: list[Message], folder: Path) -> None:
    renamed = [{**message, "stream": "ocha"} if message.get("stream") == "pcodes" else message for message in messages]

    run_target(renamed, folder)

    assert resource(folder, "ocha")["title"] == "OCHA's P-codes"
    assert read_csv(folder, "areas")
