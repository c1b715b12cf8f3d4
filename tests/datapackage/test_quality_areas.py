"""The quality report of a package with OCHA's list of P-codes: areas and people that the list does not confirm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from frictionless_dtm import quality
from frictionless_dtm.quality.database import database_of

from tests.datapackage.pages_world import contents_of, small_world, tables_of
from tests.views.areas import PLACEHOLDERS, areas

if TYPE_CHECKING:
    from tests.datapackage.pages_world import Row


def report(tables: dict[str, list[Row]]) -> dict[str, Any]:
    with database_of(contents_of(tables)) as database:
        return quality.report(database)


@pytest.fixture
def tables() -> dict[str, list[Row]]:
    """A world whose areas are all listed but one province, which is another area now, and one district."""
    tables = tables_of(small_world())
    listed: dict[tuple[str, str], Row] = {}
    for row in tables["idp_admin2"]:
        country, first, second = row["admin0_pcode"], row["admin1_pcode"], row["admin2_pcode"]
        for level, area, parent in ((1, first, country), (2, second, first)):
            if area not in PLACEHOLDERS:
                listed[country, area] = {
                    "admin0_pcode": country,
                    "admin_level": level,
                    "pcode": area,
                    "name": row[f"admin{level}_name"],
                    "parent_pcode": parent,
                    "valid_from": "2024-11-01",
                }
    *others, renamed, dropped = sorted(listed.values(), key=lambda each: (each["admin_level"] == 1, each["pcode"]))
    assert (renamed["admin_level"], dropped["admin_level"]) == (1, 1)
    return tables | {"pcodes": [*others, renamed | {"name": "Reformed Province"}]}


def test_areas_and_people_that_are_not_matched_or_not_confirmed_are_counted(tables: dict[str, list[Row]]) -> None:
    said = report(tables)

    levels = {level: tables[f"idp_admin{level}"] for level in (0, 1, 2)}
    expected = [
        row
        for row in areas(levels, tables["pcodes"]).values()
        if not (row["pcode"] in PLACEHOLDERS and row["name"] in PLACEHOLDERS)
    ]
    section = said["areas"]
    counted = {(each["country"], each["admin_level"]): each for each in section["by_country"]}
    assert section["checked"] == len(expected)
    assert section["found"] == sum(not row["is_name_confirmed"] for row in expected) > 0
    for key, each in counted.items():
        of_country = [row for row in expected if (row["admin0_pcode"], row["admin_level"]) == key]
        assert each["areas"] == len(of_country)
        assert each["not_matched"] == sum(row["match"] == "none" for row in of_country)
        assert each["repaired"] == sum(row["match"] not in {"exact", "none"} for row in of_country)
    (summary,) = [each for each in said["summary"] if each["check"] == "areas"]
    assert (summary["checked"], summary["found"]) == (section["checked"], section["found"])


def test_people_are_those_of_the_newest_round_of_each_operation_and_type(tables: dict[str, list[Row]]) -> None:
    said = report(tables)["areas"]["people"]

    unlisted = {row["admin1_pcode"] for row in tables["idp_admin1"]} - {row["pcode"] for row in tables["pcodes"]}
    for each in (each for each in said if each["admin_level"] == 1):
        rows = [
            row
            for row in tables["idp_admin1"]
            if (row["admin0_pcode"], row["operation"], row["assessment_type"], row["reporting_date"])
            == (each["country"], each["operation"], each["assessment_type"], each["reporting_date"])
        ]
        newest = max(row["round_number"] for row in rows)
        rows = [row for row in rows if row["round_number"] == newest]
        assert each["persons"] == sum(row["num_present_idp_ind"] for row in rows)
        assert each["not_matched"] == sum(row["num_present_idp_ind"] for row in rows if row["admin1_pcode"] in unlisted)
    assert any(each["not_matched"] for each in said)
    assert any(each["not_confirmed"] for each in said)


def test_two_areas_with_one_code_and_parents_that_differ_are_named(tables: dict[str, list[Row]]) -> None:
    first = next(row for row in tables["pcodes"] if row["admin_level"] == 1)
    moved = next(row for row in tables["pcodes"] if row["parent_pcode"] == first["pcode"])
    moved["parent_pcode"] = next(
        row["pcode"]
        for row in tables["pcodes"]
        if row["admin_level"] == 1 and row["admin0_pcode"] == first["admin0_pcode"] and row is not first
    )
    for row in tables["idp_admin1"]:
        if row["admin1_pcode"] == first["pcode"]:
            row["admin1_pcode"] = f"{first['pcode']}-"

    said = report(tables)["areas"]

    assert (moved["pcode"], moved["parent_pcode"]) in {
        (each["cod_pcode"], each["cod_parent_pcode"]) for each in said["parents_differ"]
    }
    assert [first["pcode"], f"{first['pcode']}-"] in [each["pcodes"] for each in said["claimed_twice"]]


def test_a_package_without_the_list_has_no_such_section(tables: dict[str, list[Row]]) -> None:
    del tables["pcodes"]

    said = report(tables)

    assert "areas" not in said
    assert "areas" not in {each["check"] for each in said["summary"]}
