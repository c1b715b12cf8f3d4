"""The page in a real browser: nothing complains, nothing is asked of the network, and what is chosen is shown."""

from __future__ import annotations

import json
import sys
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import pytest

from tap_dtm.sandbox import invent
from tests.chance import CHANCE
from tests.datapackage.pages_browser import DRAWN, Page, choose, write
from tests.datapackage.pages_world import contents_of, small_world, tables_of, world_contents
from tests.extent import mostly

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="drives Chromium over a POSIX pipe"),
    pytest.mark.programs,
]

HOSTILE = '</script><img src="https://example.invalid/x.png" onerror="document.title=1"> & "Ñ" \u2028'


@pytest.mark.parametrize("width", [Random(CHANCE).choice([1280, 390])])
def test_every_operation_and_assessment_can_be_shown(page: Page, world_page: Path, width: int) -> None:
    page.open(world_page, width)
    figures = json.loads(page.evaluate("document.getElementById('figures').textContent"))
    for index, operation in enumerate(figures["operations"]):
        choose(page, "country", operation["country"])
        choose(page, "operation", str(index))
        for number, snapshot in enumerate(operation["snapshots"]):
            choose(page, "snapshot", str(number))
            page.wait_for(DRAWN)
            (persons,) = [each[3] for each in operation["rounds"] if each[:3] == snapshot["round"]]
            assert page.evaluate("document.querySelector('.count').textContent") == f"{persons:,}"
            rows = page.evaluate("document.querySelectorAll('#fig-areas tbody tr').length")
            assert rows == len(snapshot["areas"])
            # The bands on either side add up to the round, though small areas are drawn as one.
            for side, place in (("from", 0), ("to", 1)):
                sums: Counter[int] = Counter()
                for flow in snapshot["flows"]:
                    sums[flow[place]] += flow[2]
                assert sum(sums.values()) == persons, side
                for number_of_people in sums.values():
                    if len(sums) <= 12:
                        assert f"{number_of_people:,}" in page.evaluate(
                            "document.querySelector('#fig-flows [data-chart]').textContent"
                        )
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.complaints == []
    assert page.requests == [world_page.as_uri()]


def test_a_drawing_that_is_late_does_not_show_another_operations_figures(page: Page, tmp_path: Path) -> None:
    tables = tables_of(small_world())
    name = tables["idp_admin0"][0]["operation"]
    for table in tables.values():
        for row in table:
            if row.get("operation") == name and "number_males" in row:
                row["number_males"] = row["number_females"] = None
    page.open(write(contents_of(tables), tmp_path))
    figures = json.loads(page.evaluate("document.getElementById('figures').textContent"))
    operations = figures["operations"]
    without = next(i for i, each in enumerate(operations) if not any(r[4] or r[5] for r in each["rounds"]))
    with_sex = next(i for i, each in enumerate(operations) if any(r[4] for r in each["rounds"]))
    page.evaluate(
        "(async () => { for (const i of " + json.dumps([with_sex, without]) + ")"
        " document.querySelectorAll('#coverage [data-operation] a')[i].click();"
        " await new Promise((done) => setTimeout(done, 1500)); })()"
    )
    assert page.evaluate("document.querySelectorAll('#fig-sex [data-chart] svg').length") == 0
    assert "known" in page.evaluate("document.querySelector('#fig-sex [data-chart] p').textContent")


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_names_are_text_and_never_markup(page: Page, tmp_path: Path, version: str) -> None:
    tables = tables_of(small_world(), "v2" if version == "v2" else "v3")
    for table in tables.values():
        for row in table:
            for name in ("operation", "admin0_name", "admin1_name", "displacement_reason", "idp_origin_admin1_name"):
                if name in row:
                    row[name] = f"{HOSTILE} {row[name]}"
    path = write(contents_of(tables, version="v2" if version == "v2" else "v3"), tmp_path)
    page.open(path)
    page.wait_for(DRAWN)
    assert HOSTILE.split(">", maxsplit=1)[0] in page.evaluate(
        "document.getElementById('operation').selectedOptions[0].text"
    )
    assert page.evaluate("document.querySelectorAll('img').length") == 0
    assert page.complaints == []
    assert page.requests == [path.as_uri()]


def test_the_dictionary_and_the_coverage_can_be_searched(page: Page, world_page: Path) -> None:
    page.open(world_page)
    assert len(page.find("coverage-table", "")) == 12
    assert len(page.find("coverage-table", "cote secheresse")) == 1
    assert len(page.find("dictionary-table", "number_males")) == 1


def test_a_long_table_is_shown_in_part_until_more_is_asked_for(page: Page, tmp_path: Path) -> None:
    page.open(write(world_contents(invent(1, 40)), tmp_path))
    shown = "document.getElementById('coverage-table').tBodies[0].rows.length"
    everything = page.evaluate("JSON.parse(document.getElementById('figures').textContent).operations.length")
    assert everything > 50
    assert page.evaluate(shown) == 40
    assert f"40 of {everything} lines" in page.evaluate("document.body.textContent")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(shown) == everything
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(shown) == 40
    page.evaluate("document.querySelector('#coverage button:not(.sort)').click()")
    assert page.evaluate(shown) == everything
    assert page.evaluate("document.querySelector('#coverage button:not(.sort)').hidden")


def test_everything_can_be_reached_with_the_keyboard(page: Page, world_page: Path) -> None:
    page.open(world_page)
    reached = set()
    for _ in range(300):
        page.press("Tab", 9)
        where = page.evaluate(
            "(() => { const e = document.activeElement; const s = getComputedStyle(e);"
            " return [e.id || e.dataset.filters || e.className || e.tagName, s.outlineStyle]; })()"
        )
        if where[0] == "BODY":
            break
        assert where[1] != "none", f"{where[0]} does not show that it has the focus"
        reached.add(where[0])
    tables = {f"{name}-table" for name in ("headline", "areas", "coverage", "dictionary")}
    assert {"skip", "country", "operation", "snapshot", "sort", "BUTTON", "SUMMARY"} | tables <= reached


def test_headings_labels_and_captions_are_there_for_those_who_listen(page: Page, world_page: Path) -> None:
    page.open(world_page)
    page.wait_for(DRAWN)
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.evaluate("['header', 'nav', 'main', 'footer'].every((e) => document.querySelector(e))")
    assert page.evaluate("[...document.querySelectorAll('table')].every((t) => t.caption.textContent)")
    assert page.evaluate("[...document.querySelectorAll('select, input')].every((e) => e.labels.length)")
    assert page.evaluate(
        "[...document.querySelectorAll('figure')].every((f) => f.querySelector('table, [data-chart] p'))"
    )
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))


def test_on_a_desktop_no_table_is_wider_than_the_page_and_names_are_whole(page: Page, world_page: Path) -> None:
    page.open(world_page, 1366)

    wide = page.evaluate(
        "[...document.querySelectorAll('.scroll')].filter((each) => each.scrollWidth > each.clientWidth)"
        ".map((each) => each.getAttribute('aria-label'))"
    )
    lines = page.evaluate(
        "[...document.querySelectorAll('#dictionary-table th code, #dictionary-table .hxl code')]"
        ".filter((each) => each.getClientRects().length > 1).map((each) => each.textContent)"
    )

    assert (wide, lines) == ([], [])
    assert "`" not in page.evaluate("document.getElementById('dictionary').textContent")


def test_paper_shows_what_is_folded_on_the_screen(page: Page, world_page: Path) -> None:
    page.open(world_page)
    closed = "document.querySelectorAll('details:not([open])').length"
    before = page.evaluate(closed)
    assert before
    page.evaluate("window.addEventListener('afterprint', () => {}), window.dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(closed) == 0
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(closed) == before


def test_a_package_of_another_tap_opens_without_a_complaint(page: Page, tmp_path: Path) -> None:
    path = write(contents_of({"pets": [{"id": 1, "name": "Ñandú & <b>Co</b>"}]}), tmp_path)
    page.open(path, 390)
    assert page.complaints == []
    assert page.requests == [path.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_browser_notices_what_the_page_must_not_do(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "index.html"
    path.write_text(
        "<script>console.error('no'); new Image().src = 'http://127.0.0.1:9/x.png'; undefined_name;</script>"
    )
    page.open(path)
    page.wait_for("true")
    assert len(page.complaints) >= 2
    assert "http://127.0.0.1:9/x.png" in page.requests


def test_figures_that_are_not_known_are_shown_as_such(page: Page, tmp_path: Path) -> None:
    tables = tables_of(small_world())
    for level in (0, 1, 2):
        for row in tables[f"idp_admin{level}"]:
            row["num_present_idp_ind"] = None
    page.open(write(contents_of(tables), tmp_path))
    page.wait_for(DRAWN)
    assert page.evaluate("document.querySelector('.count').textContent") == "Not known"
    for figure in ("stock", "areas", "reasons", "flows"):
        assert "is not known" in page.evaluate(f"document.querySelector('#fig-{figure} [data-chart]').textContent")
        cells = page.evaluate(f"document.querySelector('#fig-{figure} [data-table]').textContent")
        assert "not known" in cells
    assert page.complaints == []


def test_a_script_or_style_that_is_not_the_pages_own_does_not_run(page: Page, tmp_path: Path, world_page: Path) -> None:
    path = tmp_path / "index.html"
    text = world_page.read_text("utf-8")
    assert "unsafe-inline" not in text.partition("</head>")[0]
    injected = (
        "<script>document.title = 'ran'</script><img src=x onerror=\"document.title = 'ran'\">"
        "<style>body { color: rgb(1, 2, 3) }</style><p id=styled style='color: rgb(1, 2, 3)'>x</p>"
    )
    path.write_text(text.replace("</main>", f"{injected}</main>"), "utf-8")

    page.open(path)
    page.wait_for(DRAWN)

    assert page.evaluate("document.title") != "ran"
    for element in ("document.body", "document.getElementById('styled')"):
        assert page.evaluate(f"getComputedStyle({element}).color") != "rgb(1, 2, 3)"
    assert len(page.complaints) >= 4


@pytest.mark.parametrize("name", mostly(["__proto__"], ["constructor", "__proto__"]))
def test_names_that_mean_something_to_javascript_are_names(page: Page, tmp_path: Path, name: str) -> None:
    tables = tables_of(small_world())
    for table in tables.values():
        for row in table:
            for column in ("operation", "admin0_name", "admin1_name", "admin1_pcode", "assessment_type"):
                if column in row:
                    row[column] = name
            for column in ("displacement_reason", "idp_origin_admin1_name", "idp_origin_admin1_pcode"):
                if column in row:
                    row[column] = name

    page.open(write(contents_of(tables), tmp_path))
    page.wait_for(DRAWN)

    assert page.complaints == []
    assert f"by “{name}” in round" in page.evaluate("document.querySelector('#chosen').textContent")
    assert f"assessment type {name}" in page.evaluate("document.querySelector('#chosen').textContent")
    for figure in ("stock", "areas", "reasons", "flows"):
        marks = f"document.querySelectorAll('#fig-{figure} [data-chart] svg path[d]').length"
        assert page.evaluate(marks) > 0, figure
    assert name in page.evaluate("document.querySelector('#fig-areas [data-chart] svg').textContent")
    assert name in page.evaluate("document.querySelector('#fig-stock [data-chart] svg').textContent")


def test_what_a_mark_stands_for_is_shown_when_the_pointer_is_on_it(page: Page, world_page: Path) -> None:
    page.open(world_page)
    page.wait_for(DRAWN)
    page.evaluate("document.getElementById('fig-areas').scrollIntoView({block: 'center', behavior: 'instant'})")
    box = page.evaluate(
        "(() => { const r = document.querySelector('#fig-areas .mark-rect path').getBoundingClientRect();"
        " return [r.x + r.width / 2, r.y + r.height / 2]; })()"
    )
    for step in (3, 0):
        page.call("Input.dispatchMouseEvent", type="mouseMoved", x=box[0] + step, y=box[1])

    page.wait_for("document.querySelector('#vg-tooltip-element.visible')")

    assert page.evaluate("getComputedStyle(document.getElementById('vg-tooltip-element')).position") == "fixed"
    assert "People" in page.evaluate("document.getElementById('vg-tooltip-element').textContent")
    assert page.complaints == []
