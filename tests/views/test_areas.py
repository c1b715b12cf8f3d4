"""Which area of OCHA's list a published area is: each rule by a row that it alone decides, and what stays open."""

from __future__ import annotations

import csv
import datetime as dt
import json
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.metadata import load_catalogue
from tests.chance import CHANCE
from tests.extent import sampled
from tests.views.databases import SCHEMA, assert_views_answer, place, rows_of
from tests.views.filled import filled_duckdb
from tests.views.odd_areas import odd_areas
from tests.world import LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.views.odd import Tables
    from tests.world import Version

    Row = dict[str, Any]
    Ask = Callable[[str], list[tuple[Any, ...]]]

SHARED = Path(__file__).parents[2].parent / "shared"
Area = tuple["str | None", "str | None"]
NORTH = ("XA01", "North")
TOWN = ("XA0101", "Town")
UNKNOWN: Area = ("Not available", "Not available")


def figure(first: Area, second: Area = TOWN, origin: Area = UNKNOWN, **more: Any) -> Row:
    """Return a row with these areas."""
    areas = {"admin1": first, "admin2": second, "idp_origin_admin1": origin}
    return {
        "admin0_pcode": "XAA",
        "admin0_name": "Invented Country",
        "operation": "Invented Monitoring",
        "assessment_type": "BA",
        "reporting_date": dt.date(2024, 1, 31),
        "round_number": 1,
        "num_present_idp_ind": 100,
        **{f"{area}_pcode": code for area, (code, _) in areas.items()},
        **{f"{area}_name": name for area, (_, name) in areas.items()},
        **more,
    }


def entry(code: str, name: str, parent: str = "XAA", country: str = "XAA", valid_from: str = "2023-05-01") -> Row:
    """Return an entry of the list of P-codes: of the first level, if the parent is the country."""
    return {
        "admin0_pcode": country,
        "admin_level": 1 if parent == country else 2,
        "pcode": code,
        "name": name,
        "parent_pcode": parent,
        "valid_from": dt.date.fromisoformat(valid_from),
    }


@pytest.fixture
def views() -> Callable[..., Ask]:
    """Load an invented list of P-codes and rows of the level 2, or of others, and return what asks the views."""

    def loaded(listed: list[Row], rows: list[Row], *, levels: tuple[int, ...] = (2,)) -> Ask:
        tables: Tables = {name: [] for name in load_catalogue().resources} | {"pcodes": listed}
        tables |= {f"idp_admin{level}": rows for level in levels}
        db = filled_duckdb(tables, levels=levels, has_pcodes=True)
        return lambda query: db.execute(f"USE {SCHEMA}; {query}").fetchall()

    return loaded


FIRST = "SELECT cod_pcode, match, is_name_confirmed, candidates FROM areas WHERE admin_level = 1 AND is_host"
SECOND = "SELECT cod_pcode, match, is_name_confirmed, candidates FROM areas WHERE admin_level = 2"


@pytest.mark.parametrize(
    ("published", "listed", "expected"),
    [
        # A code in the list is believed, whatever the name says, and whatever else has the name.
        (("XA01", "North"), ("XA01", "North"), ("XA01", "exact", True, 1)),
        (("XA01", "Nord"), ("XA01", "North"), ("XA01", "exact", False, 1)),
        (("XA01", "South"), ("XA01", "North"), ("XA01", "exact", False, 1)),
        (("XA01", None), ("XA01", "North"), ("XA01", "exact", False, 1)),
        # A repaired one where the name agrees.
        (("XAA01", "North"), ("XA01", "North"), ("XA01", "prefix", True, 1)),
        (("XA01", "North"), ("XAA01", "North"), ("XAA01", "prefix", True, 1)),
        (("XAA-01", "North"), ("XA01", "North"), ("XA01", "format", True, 1)),
        (("XA 01", "North"), ("XA01", "North"), ("XA01", "format", True, 1)),
        (("xa01", "North"), ("XA01", "North"), ("XA01", "format", True, 1)),
        (("XA001", "North"), ("XA01", "North"), ("XA01", "padding", True, 1)),
        (("XA1", "North"), ("XA01", "North"), ("XA01", "padding", True, 1)),
        (("XAA-1", "North"), ("XA01", "North"), ("XA01", "padding", True, 1)),
        (("XA-G1", "North"), ("XAG01", "North"), ("XAG01", "padding", True, 1)),
        (("XAA01", "Nord"), ("XA01", "North"), (None, "none", False, 0)),
        (("XAA-01", "Nord"), ("XA01", "North"), (None, "none", False, 0)),
        (("XA001", None), ("XA01", "North"), (None, "none", False, 0)),
        (("XA10", "Nord"), ("XA01", "North"), (None, "none", False, 0)),
        # Otherwise the name decides, or nobody.
        (("XA10", "North"), ("XA01", "North"), ("XA01", "name", True, 1)),
        (("Not available", "North"), ("XA01", "North"), ("XA01", "name", True, 1)),
        (("", "North"), ("XA01", "North"), ("XA01", "name", True, 1)),
        (("Occupied", "Occupied"), ("XA01", "North"), (None, "none", False, 0)),
        (("Not available", "Unknown"), ("XA01", "Unknown"), (None, "none", False, 0)),
    ],
)
def test_one_area_by_each_rule(
    views: Callable[..., Ask], published: Area, listed: tuple[str, str], expected: tuple[Any, ...]
) -> None:
    ask = views([entry(*listed), entry("XA02", "South"), entry("XB01", "North", "XBB", "XBB")], [figure(published)])

    assert ask(FIRST) == [expected]


@pytest.mark.parametrize(
    ("published", "listed"),
    [
        ("NORTH", "North"),
        ("Été", "ETE"),
        ("E\u0301te\u0301", "Été"),
        ("Port-du-Nord", "Port du Nord"),
        ("N\u2019Orth", "N'Orth"),
        ("N'Orth", "North"),
        ("Bay / North", "North, Bay"),
        ("North  (Bay).", "Bay of North".replace(" of", "")),
        ("Øst", "ost"),
        ("ŁÓDŹ", "lodz"),
        ("Область", "ОБЛАСТЬ"),
        ("\u0623رض", "ارض"),
    ],
)
def test_names_agree_but_for_case_accents_punctuation_and_the_order_of_words(
    views: Callable[..., Ask], published: str, listed: str
) -> None:
    ask = views([entry("XA01", listed)], [figure(("Not available", published))])

    assert ask(FIRST) == [("XA01", "name", True, 1)]


@pytest.mark.parametrize(
    ("published", "listed"), [("Область 1", "Район 1"), ("Baynorth", "Bay North"), ("North", "North North"), ("-", "/")]
)
def test_other_names_do_not_agree(views: Callable[..., Ask], published: str, listed: str) -> None:
    ask = views([entry("XA01", listed)], [figure(("Not available", published))])

    assert ask(FIRST) == [(None, "none", False, 0)]


def test_a_code_in_another_numbering_is_the_area_of_its_name(views: Callable[..., Ask]) -> None:
    """Hosts are numbered as in the list, origins by a scheme of their own."""
    listed = [entry("XAG06", "West"), entry("XAG07", "East"), entry("XAG08", "Capital")]
    ask = views(listed, [figure(("XAA-G07", "East"), origin=("XA-G07", "Capital"))])

    assert ask("SELECT pcode, is_host, is_origin, cod_pcode, match FROM areas WHERE admin_level = 1 ORDER BY 1") == [
        ("XA-G07", False, True, "XAG08", "name"),
        ("XAA-G07", True, False, "XAG07", "format"),
    ]
    assert ask("SELECT cod_pcode, origin_cod_pcode, is_origin_name_confirmed FROM origin_to_host") == [
        ("XAG07", "XAG08", True)
    ]


def test_people_who_stay_in_their_own_area_do_so_under_any_code_of_it(views: Callable[..., Ask]) -> None:
    listed = [entry("XAG06", "West"), entry("XAG07", "East")]
    own = figure(("XAA-G07", "East"), origin=("XA-G06", "East"))
    other = figure(("XAA-G07", "East"), origin=("XA-G07", "West"))
    unlisted = figure(("XAA-G07", "East"), origin=("XA-G09", "Elsewhere"))
    ask = views(listed, [own, other, unlisted])

    assert ask("SELECT idp_origin_admin1_pcode, is_same_area FROM origin_to_host ORDER BY 1") == [
        ("XA-G06", True),
        ("XA-G07", False),
        ("XA-G09", False),
    ]


@pytest.mark.parametrize(
    ("second", "listed", "expected"),
    [
        (("XAA0101", "Town"), [("XA0101", "Town")], ("XA0101", "prefix", True, 1)),
        (("XA0010001", "Town"), [("XA0101", "Town")], ("XA0101", "padding", True, 1)),  # both parts are padded
        (("XA0010001", "Town"), [("XA0101", "Town"), ("XA0102", "Town")], ("XA0101", "padding", True, 1)),
        (("XA00101", "Town"), [("XA01001", "Town")], ("XA01001", "padding", True, 1)),
        (("XA001001", "Town"), [("XA0101", "Town"), ("XA010001", "Town")], (None, "none", False, 2)),  # of two lengths
        (("XA99", "Town"), [("XA0101", "Town")], ("XA0101", "name", True, 1)),
        (("XA99", "Town"), [("XA0101", "Town"), ("XA0102", "town")], (None, "none", False, 2)),
        (("XA0102", "Town"), [("XA0101", "Town"), ("XA0102", "town")], ("XA0102", "exact", True, 1)),
        (("XAA0102", "Town"), [("XA0101", "Town"), ("XA0102", "town")], ("XA0102", "prefix", True, 1)),
    ],
)
def test_a_district(
    views: Callable[..., Ask], second: Area, listed: list[tuple[str, str]], expected: tuple[Any, ...]
) -> None:
    entries = [entry(*NORTH), *(entry(*each, "XA01") for each in listed)]
    ask = views(entries, [figure(("XA001", "North"), second)])

    assert ask(SECOND) == [expected]


def test_a_district_is_looked_for_by_name_in_its_own_province_alone(views: Callable[..., Ask]) -> None:
    listed = [entry(*NORTH), entry("XA02", "South"), entry("XA0101", "Town", "XA01"), entry("XA0201", "Town", "XA02")]
    provinces: list[Area] = [("XA2", "South"), ("Not available", "South"), ("XA77", "Nowhere")]
    rows = [figure(province, ("?", "Town")) for province in provinces]
    ask = views(listed, rows)

    assert ask("SELECT parent_pcode, parent_name, cod_pcode, match FROM areas WHERE admin_level = 2 ORDER BY 1") == [
        ("Not available", "South", "XA0201", "name"),
        ("XA2", "South", "XA0201", "name"),
        ("XA77", "Nowhere", None, "none"),
    ]


def test_codes_that_do_not_begin_with_those_of_their_parents(views: Callable[..., Ask]) -> None:
    listed = [entry("XA8", "North"), entry("XA21", "Town", "XA8")]
    ask = views(listed, [figure(("XA8", "North"), second) for second in (("XA21", "Town"), ("XAA-21", "Town"))])

    assert ask("SELECT pcode, cod_pcode, match FROM areas WHERE admin_level = 2 ORDER BY 1") == [
        ("XA21", "XA21", "exact"),
        ("XAA-21", "XA21", "format"),
    ]


def test_a_parent_that_contradicts_is_shown(views: Callable[..., Ask]) -> None:
    listed = [entry(*NORTH), entry("XA02", "South"), entry(*TOWN, "XA01")]
    ask = views(listed, [figure(NORTH), figure(("XA02", "South"))])

    assert ask("SELECT parent_pcode, cod_pcode, cod_parent_pcode FROM areas WHERE admin_level = 2 ORDER BY 1") == [
        ("XA01", "XA0101", "XA01"),
        ("XA02", "XA0101", "XA01"),
    ]


def test_two_areas_that_claim_one_code_both_have_it(views: Callable[..., Ask]) -> None:
    ask = views([entry(*NORTH)], [figure(NORTH), figure(("XAA01", "North"))])

    claimed = "SELECT cod_pcode, COUNT(*) FROM areas WHERE admin_level = 1 GROUP BY 1 HAVING COUNT(cod_pcode) > 1"
    assert ask(claimed) == [("XA01", 2)]


def test_a_list_of_another_year_is_known_by_its_date_and_a_code_that_was_reused_by_its_name(
    views: Callable[..., Ask],
) -> None:
    ask = views([entry("XA01", "Reformed", valid_from="2025-07-01")], [figure(NORTH)])

    query = "SELECT cod_name, CAST(cod_valid_from AS TEXT), match, is_name_confirmed FROM areas WHERE admin_level = 1"
    assert ask(query + " AND is_host") == [("Reformed", "2025-07-01", "exact", False)]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("North", "NORTH"), ("XA01", "prefix", True, 1)),
        (("North", "Nord"), ("XA01", "prefix", False, 1)),  # a spelling that nothing has
        (("North", None), ("XA01", "prefix", True, 1)),
        (("North", "South"), (None, "none", False, 2)),  # one code for two areas
    ],
)
def test_an_area_with_several_names(
    views: Callable[..., Ask], names: tuple[str | None, ...], expected: tuple[Any, ...]
) -> None:
    ask = views([entry("XA01", "North"), entry("XA02", "South")], [figure(("XAA01", name)) for name in names])

    assert ask(FIRST) == [expected]


def test_an_area_is_a_host_an_origin_or_both(views: Callable[..., Ask]) -> None:
    south: Area = ("XA02", "South")
    ask = views([], [figure(NORTH, origin=NORTH), figure(NORTH, origin=south)], levels=(0, 1, 2))

    query = "SELECT admin_level, pcode, parent_pcode, parent_name, is_host, is_origin FROM areas ORDER BY 1, 2"
    assert ask(query) == [
        (1, "XA01", "XAA", "Invented Country", True, True),
        (1, "XA02", "XAA", "Invented Country", False, True),
        (2, "XA0101", "XA01", "North", True, False),
    ]


def test_entries_that_the_list_no_longer_has_match_nothing(views: Callable[..., Ask]) -> None:
    ask = views([entry(*NORTH) | {"_sdc_deleted_at": "2026-01-01 00:00:00+00"}], [figure(NORTH)])

    assert ask(FIRST) == [(None, "none", False, 0)]


def test_figures_have_the_codes_of_their_areas_and_keep_those_that_were_published(views: Callable[..., Ask]) -> None:
    listed = [entry(*NORTH), entry(*TOWN, "XA01")]
    rows = [figure(("XAA-01", "Nord"), second) for second in (("XA0101", "Town"), (None, None), UNKNOWN)]
    ask = views(listed, rows, levels=LEVELS)

    for view in ("latest_stock_admin2", "stock_over_time_admin2"):
        query = f"SELECT admin2_pcode, idps, cod_pcode, is_name_confirmed FROM {view} ORDER BY ALL"  # noqa: S608
        assert ask(query) == [
            ("Not available", 100, None, False),
            ("XA0101", 100, "XA0101", True),
            (None, 100, None, False),
        ]
    assert ask("SELECT admin1_pcode, cod_pcode FROM latest_stock_admin1") == [("XAA-01", None)]


@pytest.mark.parametrize(
    ("version", "levels"), sampled([("v3", (0, 1, 2)), ("v3", (0, 2)), ("v3", (1,)), ("v2", (1, 2))])
)
@pytest.mark.parametrize("seed", sampled([0, CHANCE]))
def test_with_codes_and_names_at_random(seed: int, version: Version, levels: tuple[int, ...]) -> None:
    tables = odd_areas(Random(seed), version)

    db = filled_duckdb(tables, version, levels, has_pcodes=True)

    where = place("duckdb", version=version, levels=levels, has_pcodes=True)
    assert_views_answer(lambda query: rows_of(db, query), tables, where)


@pytest.mark.skipif(not SHARED.is_dir(), reason="recorded answers and OCHA's list are not part of this repository")
def test_every_recorded_area_of_two_countries_is_found(views: Callable[..., Ask]) -> None:
    with (SHARED / "pcodes" / "global_pcodes.csv").open(encoding="utf-8-sig") as file:
        names = ("admin0_pcode", "admin_level", "pcode", "name", "parent_pcode", "valid_from")
        listed = [dict(zip(names, row, strict=True)) for row in list(csv.reader(file))[2:]]
    fields = {field.api_name: field.name for field in load_catalogue().fields.values() if field.api_name}
    rows = [
        {fields[name]: value for name, value in row.items()}
        for path in (SHARED / "recorded").glob("displacement-admin2-*.json")
        for row in json.loads(path.read_text("utf-8"))["result"]
    ]
    ask = views([each for each in listed if each["admin0_pcode"] in {"HTI", "TCD"}], rows)

    found = ask("""
        SELECT admin0_pcode, match, LIST(count ORDER BY admin_level)
        FROM (SELECT admin0_pcode, admin_level, match, COUNT(*) AS count FROM areas WHERE is_host GROUP BY ALL)
        GROUP BY ALL
        ORDER BY ALL""")
    assert found == [("HTI", "exact", [10, 139]), ("TCD", "prefix", [1, 3])]
    wrong = "SELECT * FROM areas WHERE cod_pcode IS NOT NULL AND RIGHT(cod_pcode, LENGTH(pcode) - 2) <> pcode[3:]"
    assert ask(wrong) == []
    assert ask("SELECT COUNT(*) FROM areas WHERE is_host AND NOT is_name_confirmed") == [(16,)]
