"""The page opens with one figure for each country, says why it is that one, and has the same figures by area."""

from __future__ import annotations

import html
import json
import re
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from frictionless_dtm.pages import render
from frictionless_dtm.pages.figures import dissent, reason

from tap_dtm.sandbox import invent
from tests.datapackage.pages_world import contents_of, tables_of

if TYPE_CHECKING:
    from pathlib import Path

    from frictionless_dtm.descriptor.contents import Contents

    from tests.datapackage.pages_world import Row, Version

NONE = "\N{EN DASH}"
HEADLINE = {
    "assessment_type": "BA",
    "chosen_by": "only",
    "alternatives": 0,
    "is_contested": False,
    "freshness": "current",
}


def page_of(contents: Contents) -> str:
    return render(contents)["index.html"].decode()


@cache
def twelve_countries(version: Version) -> tuple[dict[str, list[Row]], str]:
    """Return the rows of a larger world, and their page."""
    tables = tables_of(invent(3, 12), version)
    return tables, page_of(contents_of(tables, version=version))


def lines_of(page: str) -> dict[str, list[str]]:
    """Return the cells of the first table, by the code of the country."""
    table = page[page.index('<table id="headline-table"') :].partition("</table>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", table.partition("<tbody>")[2], re.DOTALL)
    cells = [[text_of(cell) for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row, re.DOTALL)] for row in rows]
    return {row[0].split()[-1]: row for row in cells}


def text_of(cell: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", cell)).split())


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_the_first_table_has_each_country_once_with_the_figure_of_one_round(version: Version) -> None:
    tables, page = twelve_countries(version)
    lines = lines_of(page)
    assert page.index('id="headline"') == min(page.index(f'id="{each}"') for each in ("headline", "charts", "coverage"))
    assert list(lines) == list(dict.fromkeys(lines))
    assert lines.keys() == {row["admin0_pcode"] for row in tables["idp_admin0"]}
    for country, (_, people, date, operation, _) in lines.items():
        rounds: dict[tuple[Any, ...], int] = defaultdict(int)
        for row in tables["idp_admin0"]:
            words = f"{row['operation']} {row['assessment_type']}, round {row['round_number']}"
            rounds[row["admin0_pcode"], row["reporting_date"], words] += row["num_present_idp_ind"]
        assert people in {f"{rounds[country, date[:10], operation]:,}", NONE}
    assert sum(people != NONE for _, people, *_ in lines.values()) > len(lines) / 2


def test_the_areas_of_a_country_are_from_the_round_of_its_figure() -> None:
    tables, page = twelve_countries("v3")
    figures = json.loads(re.findall(r'id="figures">(.*?)</script>', page)[0])
    found = 0
    for headline in figures["headlines"]:
        operation = figures["operations"][headline["operation"]]["name"]
        key = (headline["country"], operation, headline["date"], headline["type"])
        for level in (1, 2):
            expected: dict[Any, int] = defaultdict(int)
            for row in tables[f"idp_admin{level}"]:
                if key == tuple(
                    row[name] for name in ("admin0_pcode", "operation", "reporting_date", "assessment_type")
                ):
                    expected[area_of(row, level)] += row["num_present_idp_ind"]
            areas = {
                (code, name, headline["parents"][parent[0]] if parent else ""): people
                for code, name, people, *parent in headline["areas"]
                if len(parent) == level - 1
            }
            assert areas == expected
            found += len(areas)
    assert found > 30


def area_of(row: Row, level: int) -> tuple[str, str, str]:
    parts = (row[f"admin{level}_pcode"], row[f"admin{level}_name"], row["admin1_name"] if level > 1 else "")
    code, name, parent = ("" if part in {"Not available", "Unknown"} else part for part in parts)
    return code, name, parent


def test_a_country_whose_operations_are_all_closed_says_so_instead() -> None:
    tables = tables_of(invent(1, 6))
    for row in tables["operations"]:
        if row["admin0_pcode"] == "XBA":
            row["operation_status"] = "Inactive"

    line = lines_of(page_of(contents_of(tables)))["XBA"]

    assert line[1:] == [NONE, NONE, NONE, "All operations are closed or without a figure."]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "The only current operation."),
        ({"freshness": "stale"}, "No operation is current. The only stale operation."),
        ({"chosen_by": "newest date"}, "The newest date of the current operations."),
        (
            {"chosen_by": "newest date", "freshness": "stale"},
            "No operation is current. The newest date of the stale operations.",
        ),
        (
            {"chosen_by": "largest figure"},
            "The largest figure of the current operations with the newest date.",
        ),
        (
            {"chosen_by": "name"},
            "The first by name of the current operations with the newest date and the largest figure.",
        ),
        (
            {"chosen_by": "assessment type"},
            "The only current operation; of the types of its newest round, BA comes first.",
        ),
        ({"chosen_by": "preferred"}, "Preferred by the publisher of this package."),
        # A preferred operation may be stale while others are current.
        ({"chosen_by": "preferred", "freshness": "stale"}, "Preferred by the publisher of this package."),
    ],
)
def test_why_an_operation_was_chosen_is_in_words(changes: dict[str, Any], words: str) -> None:
    assert reason(HEADLINE | changes) == words


@pytest.mark.parametrize(
    ("alternatives", "is_contested", "words"),
    [
        (0, False, ""),
        (1, False, "The other current operation is within a tenth of it."),
        (3, False, "The 3 other current operations are within a tenth of it."),
        (1, True, "Contested: the other current operation differs by more than a tenth."),
        (3, True, "Contested: the 3 other current operations differ (at least one) by more than a tenth."),
    ],
)
def test_what_other_operations_say_is_in_words(alternatives: int, is_contested: bool, words: str) -> None:  # noqa: FBT001
    assert dissent(HEADLINE | {"alternatives": alternatives, "is_contested": is_contested}) == words


def test_the_page_shows_stale_and_contested_figures_as_such(world_page: Path) -> None:
    lines = lines_of(world_page.read_text("utf-8"))

    assert "Stale" in lines["XAA"][2]
    assert lines["XAA"][4].startswith("No operation is current.")
    assert "Contested: the other current operation differs by more than a tenth." in lines["XFA"][4]


def test_a_date_in_the_future_has_no_age() -> None:
    tables = tables_of(invent(1, 1))
    for name in ("idp_admin0", "idp_admin1", "idp_admin2"):
        for row in tables[name]:
            row["reporting_date"] = "2031" + row["reporting_date"][4:]

    assert "in the future" in lines_of(page_of(contents_of(tables)))["XAA"][2]


def test_the_terms_are_one_line_before_the_first_figure(world_page: Path) -> None:
    page = world_page.read_text("utf-8")
    before = text_of(re.sub(r"<(style|script)\b.*?</\1>", "", page[: page.index('id="headline"')], flags=re.DOTALL))

    assert "Not for redistribution. Terms of use" in before
    assert len(before) < 500


def test_names_of_a_country_cannot_leave_their_cell() -> None:
    tables = tables_of(invent(1, 2))
    for table in tables.values():
        for row in table:
            row.update({name: '"><script>x</script>' for name in ("admin0_name", "operation") if name in row})

    assert "<script>x" not in page_of(contents_of(tables))
