"""The page of a package with histories: the curves that DTM published of the chosen operation, and its changes."""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from itertools import groupby
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.sandbox import SandboxServer, tiny
from tap_dtm.sandbox.invisible import add_hidden_operation
from tap_dtm.sandbox.visible import add_round, backfill_round, correct_figures, rekey_round, withdraw_round
from tests.chance import CHANCE
from tests.datapackage.pages_browser import DRAWN, Page, assert_axe_finds_nothing, choose
from tests.datapackage.pipe import PackageTarget, run_target, typed_rows
from tests.pipeline import sandbox_config
from tests.remembered import EVERYTHING, HISTORIES, LISTS, TABLES
from tests.target import MemoryTarget, run_tap, selecting
from tests.views.revised import by_round, figure_of
from tests.world import served

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="drives Chromium over a POSIX pipe"),
    pytest.mark.programs,
]
CHANGES = (add_round, backfill_round, correct_figures, rekey_round, withdraw_round)
FIGURES = "JSON.parse(document.getElementById('figures').textContent)"
ROWS = (
    "[...document.querySelectorAll('#fig-past tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent))"
)
LINES = "document.querySelectorAll('#fig-past svg .mark-line path').length"

Curve = dict[Any, "int | None"]


class Published:
    """A package, and the rounds that the API served at each of its runs."""

    def __init__(self, folder: Path, runs: int, streams: Sequence[str] = EVERYTHING) -> None:
        rng = Random(CHANCE)
        target = PackageTarget(folder)
        self.folder = folder
        self.seen: list[Curve] = []
        with SandboxServer(tiny(rng, countries=1)) as sandbox:
            for _ in range(runs):
                run_tap(target, catalog=selecting(*streams), **sandbox_config(sandbox))
                target.finish()
                rounds = by_round(map(json.loads, served(sandbox.world, 0).elements()))
                self.seen.append({key: figure_of(rows) for key, rows in rounds.items()})
                sandbox.world.publish(*rng.choices(CHANGES, k=4), rng=rng)

    def curves(self, operation: str, kind: str | None) -> list[Curve]:
        """Return the curves of an operation and type that were served one after the other."""
        all_of_them: list[Curve] = [
            {key: idps for key, idps in rounds.items() if key[1:3] == (operation, kind) and idps is not None}
            for rounds in self.seen
        ]
        return [curve for curve, _ in groupby(all_of_them) if curve]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    return Published(tmp_path_factory.mktemp("published") / "package", runs=4)


def test_it_shows_every_curve_and_every_change_of_the_chosen_operation(page: Page, published: Published) -> None:
    path = published.folder / "index.html"
    page.open(path)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    changes: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in typed_rows(published.folder, "revisions"):
        if row["admin_level"] == 0:
            changes[row["operation"]].append(row)
    assert changes
    for index, operation in enumerate(page.evaluate(FIGURES)["operations"]):
        choose(page, "operation", str(index))
        for number, snapshot in enumerate(operation["snapshots"]):
            choose(page, "snapshot", str(number))
            page.wait_for(DRAWN)
            curves = published.curves(operation["name"], snapshot["round"][2])
            assert page.evaluate(LINES) == (len(curves) if len(curves) > 1 else 0)
            expected = Counter(map(cells, changes[operation["name"]]))
            assert Counter(map(tuple, page.evaluate(ROWS))) == expected
    assert page.complaints == []
    assert page.requests == [path.as_uri()]


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """Return a revision as the page shows it."""

    def people(idps: int | None) -> str:
        return "not known" if idps is None else f"{idps:,}"

    event, date_before = row["event"], row["previous_reporting_date"]
    return (
        row["valid_from"][:19].replace("T", " "),
        f"{event}, was of {date_before}" if date_before else event,
        row["reporting_date"],
        "?" if row["round_number"] is None else str(row["round_number"]),
        row["assessment_type"] or "?",
        "not published" if event in {"published", "back"} else people(row["previous_idps"]),
        "not published" if event == "withdrawn" else people(row["idps"]),
    )


def test_axe_finds_nothing_and_nothing_is_too_wide(page: Page, published: Published) -> None:
    assert_axe_finds_nothing(page, published.folder / "index.html")


@pytest.mark.parametrize("version", ["v3", "v2"])
def test_the_newest_states_are_the_rounds_of_the_chart_above(folder: Path, version: str) -> None:
    """Also those of operations that only a lower level has."""
    target = PackageTarget(folder)
    with SandboxServer(tiny(Random(1))) as sandbox:
        sandbox.world.publish(add_hidden_operation, rng=Random(1))
        run_tap(
            target, catalog=selecting(*EVERYTHING, api_version=version), **sandbox_config(sandbox, api_version=version)
        )
    target.finish()
    page = (folder / "index.html").read_text("utf-8")
    figures = json.loads(page.partition('id="figures">')[2].partition("</script>")[0])

    levels = set()
    for operation in figures["operations"]:
        newest = [each for each in operation["past"]["rounds"] if each[5] is None]
        assert Counter(tuple(each[:4]) for each in newest) == Counter(tuple(each[:4]) for each in operation["rounds"])
        levels |= {each[6] for each in operation["rounds"]}
    assert len(levels) > 1


def test_a_package_without_histories_has_no_such_chart(tmp_path: Path) -> None:
    package = Published(tmp_path / "package", runs=1, streams=(*LISTS, *TABLES))
    text = (package.folder / "index.html").read_text("utf-8")
    assert 'id="fig-past"' not in text
    assert '"past":' not in text


@pytest.mark.parametrize(("missing", "words"), [((), "no run has noticed"), (HISTORIES, "do not have this operation")])
def test_it_says_so_where_there_is_nothing_to_show(
    page: Page, folder: Path, missing: Sequence[str], words: str
) -> None:
    """After the first run, or when the rows of the histories did not arrive."""
    messages = run_tap(MemoryTarget(), catalog=selecting(*EVERYTHING), api_url="sandbox://")
    run_target((each for each in messages if each["type"] != "RECORD" or each["stream"] not in missing), folder)
    page.open(folder / "index.html")
    page.wait_for(DRAWN)

    assert words in page.evaluate("document.querySelector('#fig-past [data-chart]').textContent")
