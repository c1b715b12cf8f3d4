"""The pages show what the rows have, the same every time, and under the terms of the data."""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from frictionless_dtm.descriptor.contents import RoundChange
from frictionless_dtm.pages import render

from tap_dtm.metadata import load_catalogue
from tap_dtm.sandbox import invent
from tests.datapackage.pages_world import contents_of, small_world, tables_of, world_contents
from tests.datapackage.pipe import run_target
from tests.datapackage.singer import record, schema
from tests.extent import mostly

if TYPE_CHECKING:
    from pathlib import Path

    from frictionless_dtm.descriptor.contents import Contents

    from tests.datapackage.pages_world import Row

PAGES = {"README.md", "CITATION.cff", "CHANGELOG.md", "quality.json", "index.html"}
VL_CONVERT = "1.9.0"  # whose Vega is in vega.js
PETS: dict[str, list[dict[str, Any]]] = {"pets": [{"id": 1}]}
PERMISSION = "Granted by letter to the Invented Institute & Co on 2024-11-01."


@cache
def world() -> dict[str, str]:
    """Return the pages of the small world."""
    return pages_of(world_contents())


def pages_of(contents: Contents) -> dict[str, str]:
    return {name: content.decode() for name, content in render(contents).items()}


def inlined(page: str, element: str) -> Any:
    """Return the JSON in a script element of the page."""
    (text,) = re.findall(rf"<script {re.escape(element)}>(.*?)</script>", page, re.DOTALL)
    return json.loads(text)


def text_of(page: str) -> str:
    """Return the page's text, without its styles and scripts."""
    return html.unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<(style|script)\b.*?</\1>", " ", page, flags=re.DOTALL)))


def round_of(row: Row) -> tuple[Any, ...]:
    return row["reporting_date"], row["round_number"], row["assessment_type"]


def test_the_same_contents_give_the_same_bytes() -> None:
    assert pages_of(world_contents()) == world()
    assert world().keys() == PAGES


@pytest.mark.parametrize("seed", mostly([1], [1, 2, 3]))
@pytest.mark.parametrize("version", ["v2", "v3"])
def test_the_figures_on_the_page_are_those_of_the_rows(seed: int, version: Any) -> None:
    tables = tables_of(invent(seed, 8, rows=4000), version)
    page = pages_of(contents_of(tables, version=version))["index.html"]
    figures = inlined(page, 'type="application/json" id="figures"')
    operations = {(each["country"], each["name"]): each for each in figures["operations"]}
    rows = [row for level in (0, 1, 2) for row in tables[f"idp_admin{level}"]]
    assert operations.keys() == {(row["admin0_pcode"], row["operation"]) for row in rows}
    for key, operation in operations.items():
        by_level = [
            [row for row in tables[f"idp_admin{level}"] if (row["admin0_pcode"], row["operation"]) == key]
            for level in (0, 1, 2)
        ]
        check_rounds(operation, by_level)
        check_snapshots(operation, by_level)


def check_rounds(operation: dict[str, Any], by_level: list[list[Row]]) -> None:
    """Each round once, with the sums of the coarsest level that has it."""
    expected: dict[tuple[Any, ...], list[Any]] = {}
    for level in (2, 1, 0):
        here: dict[tuple[Any, ...], list[Any]] = {}
        for row in by_level[level]:
            sums = here.setdefault(round_of(row), [0, None, None, level, 0])
            sums[0] += row["num_present_idp_ind"]
            for place, name in ((1, "number_males"), (2, "number_females")):
                if name in row:
                    sums[place] = (sums[place] or 0) + (row[name] or 0)
        expected |= here
    assert {tuple(each[:3]): each[3:] for each in operation["rounds"]} == expected
    assert len(operation["rounds"]) == len(expected)


def check_snapshots(operation: dict[str, Any], by_level: list[list[Row]]) -> None:
    """The newest round of each assessment type, by date and then by number, with the parts that the rows have."""
    newest: dict[Any, tuple[str, int]] = {}
    for date, number, assessment, *_ in operation["rounds"]:
        newest[assessment] = max((date, number), newest.get(assessment, ("", 0)))
    rounds = [tuple(each["round"]) for each in operation["snapshots"]]
    assert sorted(rounds) == sorted((*each, assessment) for assessment, each in newest.items())
    assert rounds[0][0] == max(newest.values())[0]
    for snapshot in operation["snapshots"]:
        here = [[row for row in rows if round_of(row) == tuple(snapshot["round"])] for rows in by_level]
        below = here[1] or here[2]
        areas: Counter[Any] = Counter()
        flows: Counter[Any] = Counter()
        reasons: Counter[str] = Counter()
        for row in below:
            areas[row["admin1_pcode"], row["admin1_name"]] += row["num_present_idp_ind"]
        place = [tuple(each[:2]) for each in operation["places"]]
        assert {place[index]: persons for index, persons in snapshot["areas"]} == areas
        if snapshot["flows"] is None:
            assert snapshot["reasons"] is None
            continue
        for row in below or here[0]:
            host = (row["admin1_pcode"], row["admin1_name"]) if below else (row["admin0_pcode"], row["admin0_name"])
            origin = (row["idp_origin_admin1_pcode"], row["idp_origin_admin1_name"])
            flows[origin, host] += row["num_present_idp_ind"]
        assert {(place[origin], place[host]): persons for origin, host, persons in snapshot["flows"]} == flows
        for row in next(rows for rows in here if rows):
            reasons["; ".join(each.strip().capitalize() for each in row["displacement_reason"].split(";"))] += row[
                "num_present_idp_ind"
            ]
        assert dict(snapshot["reasons"]) == reasons


def test_a_round_without_figures_is_not_known_and_one_with_some_says_so() -> None:
    tables = tables_of(small_world())
    rows = [row for level in (0, 1, 2) for row in tables[f"idp_admin{level}"]]
    operation = (rows[0]["admin0_pcode"], rows[0]["operation"])
    newest = max(row["reporting_date"] for row in rows if (row["admin0_pcode"], row["operation"]) == operation)
    here = [
        row for row in rows if (row["admin0_pcode"], row["operation"], row["reporting_date"]) == (*operation, newest)
    ]
    for row in here:
        row["num_present_idp_ind"] = None

    def said() -> tuple[str, Any]:
        pages = pages_of(contents_of(tables))
        (line,) = [
            line
            for line in pages["README.md"].splitlines()
            if f"({operation[0]}) | {html.escape(operation[1], quote=False)} |" in line
        ]
        figures = inlined(pages["index.html"], 'type="application/json" id="figures"')
        (shown,) = [each for each in figures["operations"] if (each["country"], each["name"]) == operation]
        return line, shown

    line, shown = said()
    assert "| not known (" in line
    assert {each[3] for each in shown["rounds"] if each[0] == newest} == {None}
    assert {persons for _, persons in shown["snapshots"][0]["areas"] + shown["snapshots"][0]["reasons"]} == {None}

    here[0]["num_present_idp_ind"] = 7
    line, _ = said()
    assert re.search(r"\| 7 and \d+ rows? not known \(", line)


def test_the_terms_stand_where_a_reader_looks() -> None:
    pages = world()
    package = load_catalogue().package
    for name in ("README.md", "index.html"):
        text = text_of(pages[name]) if name == "index.html" else pages[name]
        assert "Not for redistribution." in text
        assert package.credit_line in text
        assert "Accessed on 2024-11-15" in text
        for sentence in package.license.terms:
            assert sentence in text
    citation = yaml.safe_load(pages["CITATION.cff"])
    assert "Not for redistribution: " in citation["abstract"]
    assert " ".join(package.license.terms) in citation["abstract"]
    assert pages["index.html"].count("Not for redistribution.") == 2  # at the top and in the footer
    assert pages["index.html"].index("Not for redistribution.") < pages["index.html"].index("<main")


def test_a_permission_is_printed_instead() -> None:
    pages = pages_of(world_contents(permission=PERMISSION))
    assert text_of(pages["index.html"]).count(PERMISSION) >= 1
    assert html.escape(PERMISSION) in pages["README.md"]
    for page in pages.values():
        assert "Not for redistribution" not in page
    assert PERMISSION in yaml.safe_load(pages["CITATION.cff"])["abstract"]
    for name in ("README.md", "index.html"):
        page = " ".join(text_of(pages[name]).split())
        terms = page[page.rindex("Redistribution is permitted:") :]
        assert terms.index("Beyond this permission, the general terms hold:") < terms.index("are not permitted")


def test_invented_data_say_so() -> None:
    pages = world()
    assert pages["README.md"].count("Invented data.") == 1
    assert pages["index.html"].count("<strong>Invented data.</strong>") == 2


def test_the_page_says_what_must_not_be_added_up() -> None:
    text = text_of(world()["index.html"])
    for words in (
        "So this page adds up no rounds, operations or assessment types",
        "never add points up",
        "Never add lines up",
    ):
        assert words in " ".join(text.split())


def test_coverage_names_every_operation_with_its_newest_round() -> None:
    tables = tables_of(small_world())
    pages = world()
    newest: dict[tuple[str, str], str] = {}
    for row in tables["idp_admin0"]:
        key = (row["admin0_pcode"], row["operation"])
        newest[key] = max(newest.get(key, ""), row["reporting_date"])
    for (country, operation), date in newest.items():
        (line,) = [
            line
            for line in pages["README.md"].splitlines()
            if f"({country})" in line and f"| {html.escape(operation, quote=False)} |" in line
        ]
        assert f" {date} |" in line
    assert len(re.findall(r'data-label="Operation" data-operation="\d+"', pages["index.html"])) == len(newest)


def test_a_newest_round_that_two_types_date_apart_is_covered_by_both() -> None:
    pages = world()

    (line,) = [line for line in pages["README.md"].splitlines() if "Réponse inventée à la sécheresse" in line]
    assert "2022-11-19 | SA round 2<br>BA round 2 of 2022-10-29 |" in line
    assert "2022-11-19 SA, round 2 BA, round 2 of 2022-10-29 " in " ".join(text_of(pages["index.html"]).split())


def test_the_dictionary_has_every_column_of_every_table() -> None:
    contents = world_contents()
    pages = world()
    for resource in contents.descriptor["resources"]:
        for field in resource["schema"]["fields"]:
            assert f"<code>{field['name']}</code>" in pages["index.html"]
            assert f"| `{field['name']}` |" in pages["README.md"]


def test_links_to_the_files_are_relative() -> None:
    page = world()["index.html"]
    page = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    links = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert {f"data/idp_admin{level}.csv" for level in (0, 1, 2)} <= set(links)
    assert {link for link in links if ":" in link} == {"data:,", "https://dtm.iom.int/terms-and-conditions"}


def test_search_engines_find_a_dataset() -> None:
    said = inlined(world()["index.html"], 'type="application/ld+json"')
    assert (said["@context"], said["@type"]) == ("https://schema.org/", "Dataset")
    assert said["license"] == "https://dtm.iom.int/terms-and-conditions"
    assert "Selling, reselling" in said["conditionsOfAccess"]
    assert said["temporalCoverage"] == "2017-03-31/2024-09-30"
    assert len(said["distribution"]) == 5
    assert all(re.fullmatch(r"[0-9a-f]{64}", each["sha256"]) for each in said["distribution"])


def test_the_citation_is_valid() -> None:
    said = yaml.safe_load(world()["CITATION.cff"])
    assert {"cff-version", "message", "title", "authors"} <= said.keys()
    assert said["cff-version"] == "1.2.0"
    assert said["type"] == "dataset"
    assert said["version"] == "1.2.0"
    assert said["date-released"] == "2024-11-15"
    assert [each["name"] for each in said["authors"]] == [load_catalogue().package.contributors[0].title]
    assert "license" not in said  # CFF allows open licences of a list only
    assert said["license-url"] == "https://dtm.iom.int/terms-and-conditions"


def test_the_change_log_tells_what_changed_newest_first() -> None:
    changes = (
        RoundChange("XAA", "A & B *", "2024-01-01", None, None, "added"),
        RoundChange("XAA", "A & B *", "2024-02-01", 2, "BA", "added"),
        RoundChange("XBA", "C", "2023-01-01", 1, "SA", "withdrawn"),
    )
    earlier = ("## 1.1.0 (2024-10-01)\n\nFirst version.\n",)
    log = pages_of(contents_of(PETS, changes=changes, history=earlier))["CHANGELOG.md"]
    assert log.split("\n\n", 2)[2] == (
        "## 1.2.0 (2024-11-15)\n\n"
        "### Added\n\n"
        "* XAA, A &amp; B \\*: round of 2024-01-01; round 2 of 2024-02-01 (BA)\n\n"
        "### Withdrawn\n\n"
        "* XBA, C: round 1 of 2023-01-01 (SA)\n\n"
        "## 1.1.0 (2024-10-01)\n\nFirst version.\n"
    )


@pytest.mark.parametrize(("changes", "words"), [(None, "First version."), ((), "The data are the same")])
def test_the_change_log_without_changes(changes: tuple[RoundChange, ...] | None, words: str) -> None:
    assert words in pages_of(contents_of(PETS, changes=changes))["CHANGELOG.md"]


def test_a_package_of_another_tap_has_pages_without_figures() -> None:
    pages = pages_of(contents_of({"pets": [{"id": 1, "name": "Ñ|<b>"}]}))
    assert pages.keys() == PAGES
    assert "data/pets.csv" in pages["README.md"]
    assert "IOM" not in "".join(pages.values())
    assert "DTM" not in pages["README.md"] + text_of(pages["index.html"])
    assert 'id="figures"' not in pages["index.html"]
    assert "Not for redistribution" in text_of(pages["index.html"])
    assert len(pages["index.html"]) < 50_000


def test_a_stream_of_another_tap_that_has_one_of_our_names_is_not_put_down_to_iom(tmp_path: Path) -> None:
    properties = {name: {"type": "string"} for name in ("code", "name")}
    messages = [
        schema("countries", {"properties": properties}, ["code"]),
        record("countries", code="XX", name="X"),
        schema("operations", {"properties": properties}, ["code"]),
        record("operations", code="1", name="Hip replacement"),
    ]
    run_target(messages, tmp_path / "package")
    for name in PAGES:
        text = (tmp_path / "package" / name).read_text("utf-8")
        for word in ("IOM", "International Organization", "Displacement", "dtm.iom.int"):
            assert word not in text, name


def test_names_of_columns_leave_the_dictionary_a_table() -> None:
    readme = pages_of(contents_of({"pets": [{"a|b": 1, "c`d": 2}]}))["README.md"]
    assert "| `a\\|b` | integer |" in readme
    assert "| ``c`d`` | integer |" in readme


def test_the_page_stays_small() -> None:
    contents = contents_of(tables_of(invent(2, 12, rows=12_000)))
    assert len(render(contents)["index.html"]) < 1_500_000


def test_vega_is_as_its_makers_bundle_it() -> None:
    vl_convert = pytest.importorskip("vl_convert", reason="vl-convert-python is not installed")
    if vl_convert.__version__ != VL_CONVERT:
        pytest.skip(f"vega.js is from vl-convert-python {VL_CONVERT}, here is {vl_convert.__version__}")
    assert (files("frictionless_dtm.pages") / "static" / "vega.js").read_text("utf-8") == vl_convert.javascript_bundle()
