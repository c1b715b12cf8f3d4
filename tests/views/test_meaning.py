"""What the views say of rounds, areas and reasons that are easy to read wrongly: one small case each."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from tests.views.cases import SOUTH, row

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.views.cases import Ask, Row

UNPLACED: dict[str, Any] = {"admin2_pcode": "Not available", "admin2_name": "Unknown"}


def test_a_round_that_only_finer_levels_have_is_the_newest(views: Callable[..., Ask]) -> None:
    old, new = row("2023-01-31"), row("2024-01-31", 2, 900)
    ask = views([old], [old], [old, new])

    newest = [("2023-01-31", 100, False), ("2024-01-31", 900, True)]
    for view in ("operation_rounds", "stock_by_sex", "stock_by_reason", "origin_to_host"):
        assert ask(view, "reporting_date", "idps", "is_newest") == newest, view
    assert ask("origin_to_host", "reporting_date", "admin_level") == [("2023-01-31", 1), ("2024-01-31", 2)]
    assert ask("latest_stock_admin1", "reporting_date", "is_newest_of_operation") == [("2023-01-31", False)]
    presence = ask("stock_over_time_admin1", "valid_until", "is_newest_of_operation", "presence")
    assert presence == [(None, False, "first")]


@pytest.mark.parametrize("number", [0, -2])
def test_on_one_date_a_round_without_a_number_comes_before_all_others(views: Callable[..., Ask], number: int) -> None:
    rounds = [row("2024-01-31", None, 500), row("2024-01-31", number, 100)]
    ask = views(rounds, rounds, [])

    said = ask("operation_rounds", "idps", "previous_idps", "is_newest", "is_newest_of_operation")
    assert said == [(100, 500, True, True), (500, None, False, False)]
    assert ask("stock_over_time", "idps", "valid_until") == [(100, None), (500, "2024-01-31")]
    assert ask("latest_stock_admin0", "idps") == [(100,)]
    steps = [(100, 500, None, "stayed"), (500, None, "2024-01-31", "first")]
    assert ask("stock_over_time_admin1", "idps", "previous_idps", "valid_until", "presence") == steps


def test_the_usual_interval_is_from_round_to_round_of_one_type(views: Callable[..., Ask]) -> None:
    days = {  # a baseline and a site assessment a day apart, and each site assessment on two dates
        1: (("BA", "2025-07-31"), ("SA", "2025-08-01"), ("SA", "2025-08-02")),
        2: (("BA", "2026-01-31"), ("SA", "2026-02-01"), ("SA", "2026-02-02")),
    }
    ask = views([row(day, number, kind=kind) for number, of_round in days.items() for kind, day in of_round], [], [])

    assert ask("operation_freshness", "interval_days", "date_count") == [(184, 6)]  # of 184 and 183


def test_a_date_in_the_future_has_a_negative_age_and_is_current(views: Callable[..., Ask]) -> None:
    day = dt.datetime.now(dt.timezone.utc).date() + dt.timedelta(days=1000)
    ask = views([row("2023-01-31"), row(day.isoformat(), 2)], [], [])

    ((age, freshness),) = ask("operation_freshness", "age_days", "freshness")
    assert age < -900
    assert freshness == "current"
    assert ask("latest_stock_admin0", "age_days", "freshness") == [(age, "current")]


def test_an_area_is_known_by_its_code_and_is_one_row_however_it_is_spelled(views: Callable[..., Ask]) -> None:
    spelled: Row = {"admin1_name": "NORTH", "idp_origin_admin1_name": "NORTH"}
    rows = [row("2024-01-31"), row("2024-01-31", idps=50, **spelled), row("2024-01-31", idps=1, **SOUTH)]
    ask = views([], rows, [])

    expected = [("XA01", "North", 150), ("XA02", "South", 1)]
    for view in ("latest_stock_admin1", "stock_over_time_admin1", "origin_to_host"):
        assert ask(view, "admin1_pcode", "admin1_name", "idps") == expected, view


def test_areas_without_a_code_are_known_by_their_name_within_their_first_level_area(views: Callable[..., Ask]) -> None:
    nowhere: Row = {"admin1_pcode": "Not available"}
    rows = [
        row("2024-01-31", idps=1, **UNPLACED),
        row("2024-01-31", idps=2, **UNPLACED, **SOUTH),
        row("2024-01-31", idps=4, **UNPLACED, **nowhere, admin1_name="East"),
        row("2024-01-31", idps=8, **UNPLACED, **nowhere, admin1_name="West"),
        row("2024-01-31", idps=16, admin2_pcode="XA99", admin2_name="B"),
        row("2024-01-31", idps=32, admin2_pcode="XA99", admin2_name="A", **SOUTH),
    ]
    ask = views([], [], rows)

    expected = sorted((each["admin1_name"], each["admin2_name"], each["num_present_idp_ind"]) for each in rows)
    for view in ("latest_stock_admin2", "stock_over_time_admin2"):
        assert ask(view, "admin1_name", "admin2_name", "idps") == expected, view


def test_assessment_types_that_are_null_and_empty_are_two(views: Callable[..., Ask]) -> None:
    rows = [row("2024-01-31", idps=10, kind=None), row("2024-01-31", idps=20, kind="")]
    ask = views(rows, rows, [])

    assert ask("stock_over_time_admin1", "idps", "assessment_type") == [(10, None), (20, "")]


def test_reasons_are_one_however_they_are_spaced(views: Callable[..., Ask]) -> None:
    both = ["Conflict; Disaster", "\tconflict ;\nDisaster\n", ";Conflict;;Disaster; "]
    ask = views([row("2024-01-31", displacement_reason=reason) for reason in (*both, "", " ; ", None)], [], [])

    said = ask("stock_by_reason", "reason", "displacement_reasons", "idps")
    assert said == [("conflict; disaster", ["conflict", "disaster"], 300), (None, [], 300)]
    assert ask("idp_admin0_current", "displacement_reasons") == [([],)] * 3 + [(["conflict", "disaster"],)] * 3


@pytest.mark.parametrize(
    ("figures", "verdict"),
    [
        ((None, None, None), "figure_missing"),
        ((100, 100, 100), "equal"),
        ((100, 100, 99), "different"),
        ((100, 100, None), "figure_missing"),
        ((0, 0, None), "figure_missing"),
    ],
)
def test_sums_that_lack_figures_are_not_compared(
    views: Callable[..., Ask], figures: tuple[int | None, ...], verdict: str
) -> None:
    ask = views(*([row("2024-01-31", idps=idps)] for idps in figures))

    assert ask("reconciliation", "verdict") == [(verdict,)]


def test_a_level_without_the_round_is_missing(views: Callable[..., Ask]) -> None:
    ask = views([row("2024-01-31")], [row("2024-01-31")], [])

    assert ask("reconciliation", "idps_admin2", "verdict") == [(None, "level_missing")]


DAYS = ("2024-01-31", "2024-04-30", "2024-07-31", "2024-10-31")
TOWN: dict[str, Any] = {"admin2_pcode": "XA0101", "admin2_name": "Northtown"}


def districts(*rounds: list[Row]) -> list[Row]:
    """Return the rows of some rounds: each has these, and a district that never moves."""
    other = {**SOUTH, "admin2_pcode": "XA0201", "admin2_name": "Southtown"}
    return [
        {**each, "reporting_date": dt.date.fromisoformat(day), "round_number": number}
        for number, (day, rows) in enumerate(zip(DAYS, rounds, strict=False), start=1)
        for each in (*rows, row(day, idps=1, **other))
    ]


def steps(ask: Ask) -> list[tuple[Any, ...]]:
    """Return what the view says of the district that is in question."""
    columns = ("round_number", "admin1_pcode", "presence", "is_misplaced", "previous_idps", "idps")
    rows = ask("stock_over_time_admin2", *columns, "admin2_pcode")
    return [each[:-1] for each in rows if each[-1] == "XA0101"]


HERE, THERE = row(DAYS[0], idps=100), row(DAYS[0], idps=9, **SOUTH, **TOWN)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_district_under_a_wrong_province_as_well_is_shown_once_and_neither_arrives_nor_vanishes(
    views: Callable[..., Ask], place: int
) -> None:
    rounds = [[HERE] for _ in range(3)]
    rounds[place] = [HERE, THERE]

    ask = views([], [], districts(*rounds))

    own = [(1, "XA01", "first", False, None, 100)] + [(n, "XA01", "stayed", False, 100, 100) for n in (2, 3)]
    assert steps(ask) == sorted([*own, (place + 1, "XA02", "misplaced", True, None, 9)])
    newest = ask("latest_stock_admin2", "admin1_pcode", "admin2_pcode", "is_misplaced", "idps")
    misplaced = [("XA02", "XA0101", True, 9)] if place == 2 else []
    assert newest == [("XA01", "XA0101", False, 100), *misplaced, ("XA02", "XA0201", False, 1)]


def test_a_district_under_a_wrong_province_alone_goes_on_in_its_own(views: Callable[..., Ask]) -> None:
    ask = views([], [], districts([HERE], [THERE], [HERE]))

    assert steps(ask) == [
        (1, "XA01", "first", False, None, 100),
        (2, "XA02", "misplaced", True, 100, 9),
        (3, "XA01", "stayed", False, 9, 100),
    ]


@pytest.mark.parametrize(
    ("rounds", "expected"),
    [
        (  # moved for good, perhaps
            [[HERE], [HERE], [THERE]],
            [(2, "XA01", "stayed"), (3, "XA01", "vanished"), (3, "XA02", "appeared")],
        ),
        (
            [[HERE], [HERE, THERE], [HERE, THERE]],
            [(2, "XA02", "appeared"), (3, "XA01", "stayed"), (3, "XA02", "stayed")],
        ),
        ([[HERE, THERE]], [(1, "XA01", "first"), (1, "XA02", "first")]),  # nothing tells which is wrong
        ([[HERE], [], [THERE]], [(2, "XA01", "vanished"), (3, "XA02", "appeared")]),
    ],
)
def test_a_district_that_may_belong_to_both_provinces_is_not_called_misplaced(
    views: Callable[..., Ask], rounds: list[list[Row]], expected: list[tuple[int, str, str]]
) -> None:
    ask = views([], [], districts(*rounds))

    rows = steps(ask)
    assert set(expected) <= {each[:3] for each in rows}
    assert not [each for each in rows if each[3]]


def test_placeholders_are_not_misplaced(views: Callable[..., Ask]) -> None:
    nowhere, also = row(DAYS[0], **UNPLACED), row(DAYS[0], **UNPLACED, **SOUTH)

    ask = views([], [], districts([nowhere], [nowhere, also], [nowhere]))

    assert ask("stock_over_time_admin2", "MAX(CAST(is_misplaced AS INT))") == [(0,)]


@pytest.mark.parametrize(
    ("baseline", "site", "is_newest"),
    [
        (("2024-01-01", 14), ("2024-01-30", 14), True),
        (("2024-01-01", 14), ("2024-02-01", 14), True),
        (("2024-01-01", 14), ("2024-02-02", 14), False),  # 32 days
        (("2024-01-01", 14), ("2024-01-30", 15), False),
        (("2024-01-01", 14), ("2034-01-01", 14), False),  # numbers restart
        (("2024-01-01", None), ("2024-01-30", None), False),
        (("2024-01-30", 14), ("2024-01-30", 15), True),  # two rounds on one date
    ],
)
def test_a_round_that_another_type_dates_within_31_days_is_the_newest_as_well(
    views: Callable[..., Ask], baseline: tuple[str, int | None], site: tuple[str, int | None], *, is_newest: bool
) -> None:
    rows = [row(*baseline), row(*site, kind="SA")]

    ask = views(rows, rows, rows)

    expected = [("BA", is_newest), ("SA", True)]
    for view in ("operation_rounds", "latest_stock_admin1", "stock_over_time_admin1"):
        assert ask(view, "assessment_type", "is_newest_of_operation") == expected, view


def test_days_are_counted_to_the_newest_date_and_not_from_link_to_link(views: Callable[..., Ask]) -> None:
    chain = [row("2024-01-01"), row("2024-01-25", kind="SA"), row("2024-02-20", kind="ETT")]

    ask = views(chain, [], [])

    rows = ask("operation_rounds", "assessment_type", "is_newest_of_operation")
    assert rows == [("BA", False), ("ETT", True), ("SA", True)]


def test_one_type_has_one_newest_round_however_near_the_one_before_is(views: Callable[..., Ask]) -> None:
    dated_twice = [row("2024-01-01"), row("2024-01-20")]

    ask = views(dated_twice, [], [])

    rows = ask("operation_rounds", "reporting_date", "is_newest_of_operation")
    assert rows == [("2024-01-01", False), ("2024-01-20", True)]
