"""What a reader of the page has: a figure at first sight, addresses, pictures, the dark, paper, no need of scripts."""

from __future__ import annotations

import base64
import csv
import json
import struct
import sys
import time
import zlib
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest

from tests.datapackage.pages_browser import DRAWN, Page, assert_axe_finds_nothing, choose, scheme, write
from tests.datapackage.pages_world import contents_of, small_world, tables_of
from tests.extent import mostly

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="drives Chromium over a POSIX pipe"),
    pytest.mark.programs,
]
VISIBLE = "(each) => each.checkVisibility() && each.getBoundingClientRect().width > 0"


@pytest.fixture
def path(world_page: Path) -> Path:
    return world_page


def chosen(page: Page) -> list[str]:
    shown: list[str] = page.evaluate(
        "['country', 'operation', 'snapshot'].map((id) => document.getElementById(id).selectedOptions[0].text)"
    )
    return shown


@pytest.mark.parametrize(("width", "height"), [(1366, 768), (390, 844)])
def test_the_first_figure_is_in_sight_and_nothing_is_cut_off(page: Page, path: Path, width: int, height: int) -> None:
    page.open(path, width, height)

    assert page.evaluate("document.querySelector('#headline-table .big').getBoundingClientRect().bottom") <= height
    links = page.evaluate("[...document.querySelectorAll('nav a')].map((each) => each.getBoundingClientRect().right)")
    assert len(links) == 9
    assert max(links) <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_figures_of_the_countries_can_be_searched_and_sorted(page: Page, path: Path) -> None:
    page.open(path)
    column = "[...document.getElementById('headline-table').tBodies[0].rows].map((row) => row.cells[{}].innerText)"
    press = "document.querySelectorAll('#headline-table .sort')[{}].click()"

    page.evaluate(press.format(1))
    figures = [int(each.replace(",", "")) for each in page.evaluate(column.format(1))]
    assert figures == sorted(figures, reverse=True)
    assert page.evaluate("document.querySelectorAll('#headline-table th')[1].getAttribute('aria-sort')") == "descending"
    page.evaluate(press.format(1))
    assert page.evaluate(column.format(1))[0] == f"{figures[-1]:,}"

    (found,) = page.find("headline-table", "conflict overview north")
    assert "Nowhere" in found
    assert "1 of 6 lines found" in page.evaluate("document.querySelector('[data-count=headline-table]').textContent")


def test_areas_can_be_found_and_sorted_in_all_countries(page: Page, path: Path) -> None:
    page.open(path)

    assert page.evaluate("document.querySelectorAll('#areas-table tbody tr').length") == 12
    found = page.find("areas-table", "XA0302 ñ 3-2")
    assert found == ["Invented District Ñ 3-2 XA0302"]
    row = page.evaluate("[...document.querySelector('#areas-table tbody tr').cells].map((each) => each.innerText)")
    assert row[1:] == ["Invented Province Ö 3, Côte Inventée (the)", "2", *row[3:]]
    page.find("areas-table", "")
    page.evaluate("document.querySelectorAll('#areas-table .sort')[3].click()")
    figures = page.evaluate("[...document.querySelectorAll('#areas-table tbody tr')].map((r) => r.cells[3].innerText)")
    assert figures == sorted(figures, key=lambda each: -int(each.replace(",", "")))
    page.evaluate("document.querySelector('#areas-table tbody a').click()")
    assert chosen(page)[1] == page.evaluate("document.querySelector('#areas-table tbody a').textContent")


def test_what_is_chosen_is_in_the_address(page: Page, path: Path) -> None:
    page.open(path)
    first = chosen(page)
    assert page.evaluate("location.hash") == ""

    choose(page, "country", "XAA")
    choose(page, "operation", "1")
    choose(page, "snapshot", "1")
    address = page.evaluate("location.hash")
    assert {name: value for name, (value,) in parse_qs(address[1:]).items()} == {
        "country": "XAA",
        "operation": "Réponse inventée à la sécheresse & aux inondations",
        "type": "BA",
    }
    wanted = chosen(page)
    assert wanted != first

    page.call("Page.reload")
    page.settle()
    assert chosen(page) == wanted
    # The links to the sections of the page keep it.
    page.evaluate("document.querySelector('nav a[href=\"#quality\"]').click()")
    assert page.evaluate("location.hash").startswith("#quality&country=XAA")
    assert page.evaluate("document.activeElement.id") == "quality"
    page.open(path, fragment=page.evaluate("location.hash"))
    assert chosen(page) == wanted
    assert page.complaints == []


def test_the_back_button_returns_to_what_was_chosen_before(page: Page, path: Path) -> None:
    page.open(path)
    seen = [chosen(page)]
    for link in ("#headline-table tr:nth-child(4) a", "#headline-table tr:nth-child(6) a"):
        page.evaluate(f"document.querySelector({link!r}).click()")
        seen.append(chosen(page))
    assert len({str(each) for each in seen}) == 3
    for expected in reversed(seen[:-1]):
        page.evaluate("new Promise((done) => { addEventListener('popstate', done, {once: true}); history.back(); })")
        assert chosen(page) == expected


@pytest.mark.parametrize(
    ("rest", "words", "shown"),
    [
        ("&operation=Gone+%3Cb%3E&type=BA", "XBA, Gone <b>, BA, which", "Invented Conflict (Overview)"),
        ("&operation=Invented+Flood+Response&type=ETT", "Flood Response, ETT, which", "Invented Flood Response"),
        ("&operation=Invented+Flood+Response", "", "Invented Flood Response"),
        ("", "", "Invented Conflict (Overview)"),
    ],
)
def test_an_address_of_what_the_package_lacks_says_so(
    page: Page, path: Path, rest: str, words: str, shown: str
) -> None:
    page.open(path, fragment=f"#charts&country=XBA{rest}")

    assert chosen(page)[0].endswith("(XBA)")
    assert chosen(page)[1].startswith(shown)
    note = page.evaluate("document.getElementById('missing').innerText")
    assert (words in note) if words else not note
    choose(page, "country", "XAA")
    assert page.evaluate("document.getElementById('missing').hidden")


def test_an_address_opens_at_its_section(page: Page, path: Path) -> None:
    page.open(path, fragment="#coverage&country=XBA")

    assert abs(page.evaluate("document.getElementById('coverage').getBoundingClientRect().top")) < 100


def saved(page: Page, folder: Path, figure: str, kind: str) -> Path:
    """Press a button that saves, and return the file."""
    folder.mkdir(exist_ok=True)
    page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    page.evaluate(f"document.querySelector('#fig-{figure} [data-save={kind}]').click()")
    end = time.monotonic() + 30
    while not (found := list(folder.glob(f"*.{kind}"))):
        assert time.monotonic() < end, page.complaints
        time.sleep(0.05)
    return found[0]


def test_a_chart_can_be_saved_as_csv(page: Page, tmp_path: Path, path: Path) -> None:
    page.open(path)
    file = saved(page, tmp_path / "saved", "areas", "csv")

    assert file.name == "XAA_Invented-Countrywide-Monitoring_BA_2023-01-28_areas.csv"
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    with file.open(encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert list(rows[0]) == ["Country", "Operation", "Date", "Round", "Type", "Area", "Code", "People", "Share"]
    figure = page.evaluate("document.querySelector('.count').textContent")
    assert sum(int(row["People"]) for row in rows) == int(figure.replace(",", ""))
    assert rows[0]["Area"] == "Invented Province Ö 3"
    assert page.complaints == []
    assert not [each for each in page.requests if not each.startswith(("file:", "blob:", "data:"))]


def test_a_chart_can_be_saved_as_a_picture_on_white_whatever_the_colours_of_the_page(
    page: Page, tmp_path: Path, path: Path
) -> None:
    scheme(page, "dark")
    page.open(path)
    for figure in ("stock", "areas", "reasons", "sex", "flows"):
        picture = saved(page, tmp_path / figure, figure, "png").read_bytes()
        assert picture.startswith(b"\x89PNG")
        width, height = struct.unpack(">II", picture[16:24])
        assert width >= 1800
        assert height >= 500  # texts, and the chart below them
        # The first pixel follows the byte that names the filter of its line.
        start = picture.index(b"IDAT") + 4
        assert zlib.decompressobj().decompress(picture[start:], 5)[1:] == b"\xff\xff\xff\xff"
    assert page.complaints == []
    assert not [each for each in page.requests if not each.startswith(("file:", "blob:", "data:"))]


def test_a_picture_says_what_it_shows_and_whose_it_is(page: Page, path: Path) -> None:
    page.open(path)
    page.evaluate(
        "window.titles = []; const whole = charts.titled;"
        "charts.titled = (spec, ...texts) => { titles.push(texts.flat()); return whole(spec, ...texts); }; 0"
    )
    page.evaluate("document.querySelector('#fig-areas [data-save=png]').click()")
    (texts,) = page.evaluate("titles")

    assert texts[0] == "Where they are"
    assert texts[1] == "Côte Inventée (the): Invented Countrywide Monitoring"
    assert texts[2] == "Round 3 of 2023-01-28, BA: people by area"
    assert any("Invented data." in each for each in texts)
    assert any("International Organization for Migration" in each for each in texts)


def test_the_page_is_dark_where_the_reader_prefers_it(page: Page, path: Path) -> None:
    colours = (
        "(() => { const text = document.querySelector('#fig-stock svg .role-axis-label text');"
        " return [getComputedStyle(document.body).backgroundColor, getComputedStyle(text).fill]; })()"
    )
    found: dict[str, list[float]] = {}
    for each in ("light", "dark"):
        scheme(page, each)
        if not found:
            page.open(path)
        page.wait_for(DRAWN)
        found[each] = [sum(map(int, value[4:-1].split(","))) / 3 for value in page.evaluate(colours)]
    (light_paper, dark_ink), (dark_paper, light_ink) = found["light"], found["dark"]
    assert light_paper - dark_ink > 120
    assert light_ink - dark_paper > 120


def test_without_scripts_no_control_stays_that_does_nothing(page: Page, path: Path) -> None:
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    page.call("Page.navigate", url=path.as_uri())
    page.wait_for("document.readyState === 'complete'")

    controls = f"[...document.querySelectorAll('button, input, select, figure')].filter({VISIBLE}).length"
    assert page.evaluate(controls) == 0
    assert page.evaluate("document.querySelectorAll('#headline-table tbody tr').length") == 6
    links = page.evaluate(
        f"[...document.querySelectorAll('a[href^=\"#\"]')].filter({VISIBLE}).map((each) => each.hash.slice(1))"
    )
    assert "charts" not in links
    assert all(page.evaluate(f"Boolean(document.getElementById({each!r})?.checkVisibility())") for each in links)
    assert "need JavaScript" in page.evaluate("document.body.innerText")


def test_paper_has_every_country_in_a_table_and_dark_ink(page: Page, path: Path) -> None:
    scheme(page, "dark")
    page.open(path, 390)
    page.wait_for(DRAWN)
    pdf = base64.b64decode(page.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)["data"])
    assert pdf.startswith(b"%PDF")
    page.call("Emulation.setEmulatedMedia", media="print")

    style = "getComputedStyle(document.querySelector({!r})).{}"
    assert page.evaluate(style.format("nav", "display")) == "none"
    assert page.evaluate(style.format("#headline-table td", "display")) == "table-cell"
    assert page.evaluate(style.format("body", "color")) == "rgb(23, 33, 43)"
    assert page.evaluate(style.format("#fig-stock svg .role-axis-label text", "fill")) == "rgb(74, 88, 102)"
    controls = f"[...document.querySelectorAll('select, input, [data-save]')].filter({VISIBLE}).length"
    assert page.evaluate(controls) == 0


def test_axe_finds_nothing_that_shuts_a_reader_out(page: Page, path: Path) -> None:
    assert_axe_finds_nothing(page, path)


def test_axe_finds_nothing_on_the_page_of_another_tap(page: Page, tmp_path: Path) -> None:
    path = write(contents_of({"pets": [{"id": 1, "name": "Ñandú"}]}), tmp_path)

    assert_axe_finds_nothing(page, path)


@pytest.mark.parametrize("levels", mostly([(0,), (2,)], [(0,), (1,), (2,), (0, 2)]), ids=str)
def test_a_package_that_lacks_levels_opens_with_what_it_has(
    page: Page, tmp_path: Path, levels: tuple[int, ...]
) -> None:
    tables = {name: rows for name, rows in tables_of(small_world()).items() if name[-1] in map(str, levels)}
    page.open(write(contents_of(tables), tmp_path))
    page.wait_for(DRAWN)

    countries = {row["admin0_pcode"] for rows in tables.values() for row in rows}
    assert page.evaluate("document.querySelectorAll('#headline-table tbody tr').length") == len(countries)
    shown = page.evaluate(
        "[...document.querySelectorAll('#areas-table tbody tr')].map((row) => row.cells[2].innerText)"
    )
    assert set(shown) == {str(each) for each in levels if each}
    assert page.evaluate("document.getElementById('areas').hidden") == (levels == (0,))
    assert page.complaints == []


@pytest.mark.parametrize("width", mostly([390], [1366, 390]))
def test_names_of_any_script_and_length_fit(page: Page, tmp_path: Path, width: int) -> None:
    names = {
        "admin0_name": "بلد مخترع",
        "admin1_name": "محافظة مخترعة 12",
        "admin1_pcode": "0112",
        "operation": "W" * 90,
    }
    tables = tables_of(small_world())
    for table in tables.values():
        for row in table:
            row.update({name: value for name, value in names.items() if name in row})
    page.open(write(contents_of(tables), tmp_path), width)
    page.wait_for(DRAWN)

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert "بلد مخترع" in page.evaluate("document.getElementById('headline-table').innerText")
    assert page.complaints == []


def test_a_short_name_leaves_its_number_whole(page: Page, tmp_path: Path) -> None:
    tables = tables_of(small_world())
    for row in tables["idp_admin1"]:
        row.update(dict.fromkeys(("admin1_name", "idp_origin_admin1_name"), "A"), num_present_idp_ind=123_456_789)
    page.open(write(contents_of({"idp_admin1": tables["idp_admin1"]}), tmp_path))
    page.wait_for(DRAWN)

    labels = page.evaluate("[...document.querySelectorAll('#fig-flows svg .mark-text text')].map((e) => e.textContent)")
    assert "A" in labels
    assert any("," in each for each in labels)
    assert not any("\N{HORIZONTAL ELLIPSIS}" in each for each in labels)


def test_a_description_with_a_long_address_fits_a_phone(page: Page, tmp_path: Path) -> None:
    # Where the countries are not invented, the package names OCHA and the terms of its list.
    tables = json.loads(json.dumps(tables_of(small_world())).replace('"X', '"Q'))
    code = {"admin_level": 1, "pcode": "QA01", "name": "Invented", "parent_pcode": "QAA", "valid_from": "2020-01-31"}
    tables["pcodes"] = [{"admin0_pcode": "QAA", **code, "_sdc_deleted_at": None}]
    page.open(write(contents_of(tables), tmp_path), 390)

    assert "https://creativecommons.org/licenses/" in page.evaluate("document.getElementById('about').innerText")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_thousands_of_areas_are_found_without_being_drawn(page: Page, tmp_path: Path) -> None:
    tables = tables_of(small_world())
    newest = max(tables["idp_admin2"], key=lambda row: (row["admin0_pcode"] == "XBA", row["reporting_date"]))
    tables["idp_admin2"] += [
        newest | {"admin2_pcode": f"XB9{number:05}", "admin2_name": f"Invented {number}", "row_number": 9999 + number}
        for number in range(10_000)
    ]
    path = write(contents_of(tables), tmp_path)
    assert path.stat().st_size < 1_700_000
    page.open(path)

    assert page.evaluate("document.querySelectorAll('#areas-table tbody tr').length") == 12
    assert page.find("areas-table", "invented 7777 XB907777") == ["Invented 7777 XB907777"]
