"""One figure per country and area: every rule has a case that it alone decides."""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from tap_dtm.metadata.model import SINGLE_ROUND_DAYS
from tap_dtm.metadata.views import load_reason_classes
from tap_dtm.sandbox import invent
from tap_dtm.views.script import script
from tests.extent import sampled
from tests.views.cases import SOUTH, row
from tests.views.databases import SCHEMA, place, rows_of
from tests.views.odd import load, odd_rows
from tests.views.published import published

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.views.cases import Ask, Row

    Views = Callable[..., Ask]

TODAY = dt.date(2024, 7, 1)
NEW, OLD, STALE = "2024-05-31", "2024-03-31", "2020-05-31"


def of(operation: str, day: str = NEW, idps: int | None = 100, kind: str | None = "BA", number: int | None = 1) -> Row:
    return row(day, number, idps, kind, operation=operation)


def prefer(operation: str, kind: str | None = None) -> Row:
    return {"admin0_pcode": "XAA", "operation": operation, "assessment_type": kind}


def status(operation: str, text: str) -> Row:
    return {"admin0_pcode": "XAA", "operation": operation, "operation_status": text}


def headline(views: Views, rows: list[Row], *columns: str, level: int = 0, **others: list[Row]) -> tuple[Any, ...]:
    """Return some columns of the only row that there is for the country."""
    levels: list[list[Row]] = [[], [], []]
    levels[level] = rows
    (found,) = views(*levels, today=TODAY, **others)("headline_stock_admin0", *columns)
    return found


def test_the_only_figure_is_chosen_because_it_is_the_only_one(views: Views) -> None:
    columns = ("num_present_idp_ind", "operation", "assessment_type", "round_number", "reporting_date", "age_days")

    ask = views([of("A")], [], [], today=TODAY)

    assert ask("headline_stock_admin0", *columns) == [(100, "A", "BA", 1, NEW, 31)]
    reasons = ask("headline_stock_admin0", "chosen_by", "alternatives", "is_contested", "freshness")
    assert reasons == [("only", 0, False, "current")]


def test_what_the_operator_prefers_goes_before_a_newer_and_larger_figure(views: Views) -> None:
    rows = [of("A", OLD, 100), of("B", NEW, 900)]

    found = headline(views, rows, "operation", "chosen_by", "alternatives", preferred_operations=[prefer("A")])

    assert found == ("A", "preferred", 1)


def test_a_preference_of_another_country_decides_nothing(views: Views) -> None:
    other = {**prefer("A"), "admin0_pcode": "XBB"}

    found = headline(views, [of("A", OLD), of("B")], "operation", "chosen_by", preferred_operations=[other])

    assert found == ("B", "newest date")


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_preferred_name_matches_in_any_unicode_form(views: Views, forms: tuple[Any, Any]) -> None:
    ours, theirs = (unicodedata.normalize(form, "Réponse inventée") for form in forms)

    found = headline(views, [of(theirs, OLD), of("B")], "operation", preferred_operations=[prefer(ours)])

    assert found == (theirs,)


@pytest.mark.parametrize(("preferred", "chosen"), [("SA", "SA"), (None, "BA"), ("ETT", "BA")])
def test_a_preferred_type_goes_before_the_order_of_types(views: Views, preferred: str | None, chosen: str) -> None:
    rows = [of("A", kind="BA"), of("A", kind="SA")]

    found = headline(views, rows, "assessment_type", "chosen_by", preferred_operations=[prefer("A", preferred)])

    assert found == (chosen, "preferred")


def test_a_preferred_type_that_has_ended_is_judged_by_its_own_date(views: Views) -> None:
    rows = [of("A", STALE, kind="SA"), of("A", NEW, kind="BA", number=9)]

    found = headline(views, rows, "reporting_date", "freshness", preferred_operations=[prefer("A", "SA")])

    assert found == (STALE, "stale")


def test_a_stale_operation_that_is_preferred_is_chosen_and_called_stale(views: Views) -> None:
    rows = [of("A", STALE, 100), of("B", NEW, 900)]
    columns = ("operation", "freshness", "alternatives", "is_contested")

    assert headline(views, rows, *columns, preferred_operations=[prefer("A")]) == ("A", "stale", 1, True)


def test_of_two_preferred_operations_the_current_one_is_chosen(views: Views) -> None:
    both = [prefer("A"), prefer("B")]

    assert headline(views, [of("A", STALE), of("B")], "operation", preferred_operations=both) == ("B",)


def test_a_closed_operation_is_never_chosen_even_if_it_is_preferred(views: Views) -> None:
    closed = [status("A", "Inactive"), status("B", "Active")]

    found = headline(
        views,
        [of("A", NEW, 900), of("B", STALE)],
        *("operation", "freshness", "alternatives", "is_contested"),
        operations=closed,
        preferred_operations=[prefer("A")],
    )

    assert found == ("B", "stale", 0, False)


def test_a_country_with_closed_operations_alone_has_no_row(views: Views) -> None:
    ask = views([of("A")], [of("A")], [], today=TODAY, operations=[status("A", "inactive")])

    assert ask("headline_stock_admin0", "operation") == []
    assert ask("headline_stock_admin1", "operation") == []


def test_the_newer_date_goes_before_the_larger_figure(views: Views) -> None:
    found = headline(views, [of("A", NEW, 100), of("B", OLD, 900)], "operation", "chosen_by", "alternatives")

    assert found == ("A", "newest date", 1)


def test_a_current_figure_goes_before_a_newer_one_that_is_stale(views: Views) -> None:
    monthly = [of("A", "2024-01-01"), of("A", "2024-02-01", number=2)]  # due after 31 + 92 days
    once = of("B", "2023-09-01")

    assert headline(views, [*monthly, once], "operation", "chosen_by", "freshness") == ("B", "only", "current")


def test_the_larger_figure_decides_between_figures_of_one_date(views: Views) -> None:
    assert headline(views, [of("A", idps=100), of("B", idps=101)], "operation", "chosen_by") == ("B", "largest figure")


@pytest.mark.parametrize("names", [("B", "a"), ("a", "é"), ("A", "A ")])
def test_the_name_decides_between_equal_figures_byte_by_byte(views: Views, names: tuple[str, str]) -> None:
    assert headline(views, [of(name) for name in reversed(names)], "operation", "chosen_by") == (names[0], "name")


@pytest.mark.parametrize("place", range(6))
def test_the_types_come_in_their_order(views: Views, place: int) -> None:
    order = ["BA", "SA", "ETT", "", "FM", "ba", None]

    rows = [of("A", idps=number * 100, kind=kind) for number, kind in enumerate(order[place:], start=1)]

    expected = (order[place], "assessment type", 0)
    assert headline(views, rows, "assessment_type", "chosen_by", "alternatives") == expected


@pytest.mark.parametrize(
    ("baseline", "site", "chosen"),
    [
        (("2024-05-01", 4), ("2024-06-01", 4), "BA"),  # one round, seen twice
        (("2024-04-30", 4), ("2024-06-01", 4), "SA"),  # 32 days
        (("2024-05-01", 3), ("2024-06-01", 4), "SA"),
        (("2024-05-01", None), ("2024-06-01", None), "SA"),
    ],
)
def test_a_type_that_the_newest_round_does_not_have_is_not_chosen(
    views: Views, baseline: tuple[str, int | None], site: tuple[str, int | None], chosen: str
) -> None:
    rows = [of("A", baseline[0], number=baseline[1]), of("A", site[0], kind="SA", number=site[1])]

    assert headline(views, rows, "assessment_type") == (chosen,)


def test_a_type_is_as_fresh_as_the_round_that_another_type_dates_later(views: Views) -> None:
    monthly = [of("A", "2024-01-01", number=1), of("A", "2024-02-01", number=2)]
    later = of("A", "2024-02-29", kind="SA", number=2)  # 123 days ago: the last day of being current

    found = headline(views, [*monthly, later], "assessment_type", "reporting_date", "freshness")

    assert found == ("BA", "2024-02-01", "current")


@pytest.mark.parametrize(("days", "freshness"), [(SINGLE_ROUND_DAYS, "current"), (SINGLE_ROUND_DAYS + 1, "stale")])
def test_a_single_round_is_current_for_a_year(views: Views, days: int, freshness: str) -> None:
    rows = [of("A", str(TODAY - dt.timedelta(days=days)))]

    assert headline(views, rows, "age_days", "freshness") == (days, freshness)


def test_where_nothing_is_current_the_newest_stale_figure_says_that_it_is_stale(views: Views) -> None:
    rows = [of("A", STALE, 100), of("B", "2019-05-31", 900)]

    found = headline(views, rows, "operation", "chosen_by", "alternatives", "is_contested", "freshness")

    assert found == ("A", "newest date", 0, False, "stale")


@pytest.mark.parametrize(
    ("others", "is_contested"),
    [([110], False), ([111], True), ([90], False), ([89], True), ([100, 50], True), ([], False)],
)
def test_a_headline_is_contested_if_another_current_figure_differs_by_more_than_a_tenth(
    views: Views, others: list[int], *, is_contested: bool
) -> None:
    rows = [of("A", NEW, 100), *(of(f"B{idps}", OLD, idps) for idps in others), of("Stale", STALE, 9000)]

    assert headline(views, rows, "num_present_idp_ind", "alternatives", "is_contested") == (
        100,
        len(others),
        is_contested,
    )


def test_assessment_types_of_one_operation_do_not_contest_each_other(views: Views) -> None:
    found = headline(views, [of("A"), of("A", idps=900, kind="SA")], "num_present_idp_ind", "is_contested")

    assert found == (100, False)


def test_a_round_without_a_figure_is_passed_over(views: Views) -> None:
    rows = [of("A", OLD, 100), of("A", NEW, None, number=2), of("B", STALE, None)]

    assert headline(views, rows, "reporting_date", "num_present_idp_ind", "chosen_by") == (OLD, 100, "only")


@pytest.mark.parametrize("level", [1, 2])
def test_the_figure_of_the_country_is_that_of_the_first_level_that_has_the_round(views: Views, level: int) -> None:
    rows = [of("A", idps=30), {**of("A", idps=12), **SOUTH, "admin2_pcode": "XA0201"}]

    assert headline(views, rows, "num_present_idp_ind", level=level) == (42,)


def test_areas_are_those_of_the_chosen_round_alone_and_add_up_to_it(views: Views) -> None:
    old = [of("A", OLD, 5), {**of("A", OLD, 6), **SOUTH}]
    new = [of("A", NEW, 30, number=2), of("A", NEW, 12, number=2)]  # two reasons, one area
    rows = [*old, *new, {**of("B", OLD, 900), **SOUTH}, {**of("A", NEW, 70, "SA", 2), **SOUTH}]

    ask = views(rows, rows, old, today=TODAY)

    assert ask("headline_stock_admin0", "num_present_idp_ind") == [(42,)]
    assert ask("headline_stock_admin1", "admin1_pcode", "num_present_idp_ind", "round_number") == [("XA01", 42, 2)]
    assert ask("headline_stock_admin2", "admin2_pcode") == []  # the level lacks the round


def test_an_area_without_a_figure_has_no_row(views: Views) -> None:
    rows = [of("A", idps=30), {**of("A", idps=None), **SOUTH}]

    assert views(rows, rows, [], today=TODAY)("headline_stock_admin1", "admin1_pcode") == [("XA01",)]


@pytest.mark.parametrize("seed", sampled(range(4)))
def test_the_areas_of_a_country_are_of_one_round_and_add_up_where_the_level_is_complete(seed: int) -> None:
    where, tables = place("duckdb", today=dt.date(2024, 9, 1)), odd_rows(Random(seed))
    keys = ("admin0_pcode", "operation", "assessment_type", "reporting_date", "round_number")
    with duckdb.connect() as db:
        db.execute(f"CREATE SCHEMA {SCHEMA}; USE {SCHEMA}; {load(tables, where, 'duckdb')} {script(where)}")
        equal = {
            tuple(each[name] for name in keys)
            for each in rows_of(db, "FROM reconciliation")
            if each["verdict"] == "equal"
        }
        countries = {tuple(each[name] for name in keys): each for each in rows_of(db, "FROM headline_stock_admin0")}

        assert Counter(key[0] for key in countries) == Counter({key[0] for key in countries})
        for level in (1, 2):
            areas: Counter[tuple[Any, ...]] = Counter()
            for each in rows_of(db, f"FROM headline_stock_admin{level}"):
                areas[tuple(each[name] for name in keys)] += each["num_present_idp_ind"]
            assert set(areas) <= set(countries)
            for key in equal & set(countries):
                assert areas[key] == countries[key]["num_present_idp_ind"]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("Conflict", "conflict"),
        ("Insecurity; CONFLICT", "conflict"),
        ("Natural Disaster", "disaster"),
        ("Conflict; Natural disaster", "mixed"),
        ("Economic reasons", "other"),
        ("Conflict; Economic reasons", "mixed"),
        ("Economic reasons; Invented reason", "other"),
        ("Invented conflict", "other"),
        ("Conflict insecurity", "other"),
        ("No reason for displacement reported", "not reported"),
        ("Conflict; No reason for displacement reported", "conflict"),
        (" ; ", "not reported"),
        (None, "not reported"),
    ],
)
def test_reasons_have_a_class(views: Views, reason: str | None, expected: str) -> None:
    ask = views([{**of("A"), "displacement_reason": reason}], [], [])

    assert ask("stock_by_reason", "reason_class") == [(expected,)]
    assert ask("idp_admin0_current", "reason_class") == [(expected,)]


def test_every_reason_that_the_sandbox_publishes_has_one_class() -> None:
    known = load_reason_classes().known
    assert len(known) == len(set(known))
    rows = published(invent(5), "v3")["idp_admin0"]

    assert {part.lower() for each in rows for part in each["displacement_reason"].split("; ")} <= set(known)
