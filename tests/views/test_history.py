"""What functions and views say of the past: one small history each."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from tests.views.cases import SOUTH, row
from tests.views.databases import SCHEMA, rows_of
from tests.views.filled import filled_duckdb
from tests.views.looks import Look, tables_of
from tests.world import LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable

    Row = dict[str, Any]
    Ask = Callable[..., list[tuple[Any, ...]]]

ONE, TWO = row("2024-01-31"), row("2024-02-29", 2, 200)
MAY, JUNE, JULY, AUGUST = "2024-05-01 06:00:00", "2024-06-01 06:00:00", "2024-07-01 06:00:00", "2024-08-01 06:00:00"
ROUND = ("event", "reporting_date", "previous_idps", "idps")


def after(*looks: Look, current: tuple[Row, ...] = ()) -> Ask:
    """Load what looks at a country showed, and return what asks a view or function for some columns."""
    tables = tables_of(looks) | {f"idp_admin{level}": list(current) for level in LEVELS}
    db = filled_duckdb(tables, has_history=True)

    def ask(relation: str, *columns: str, level: int | None = 0) -> list[tuple[Any, ...]]:
        where = "" if level is None else f"WHERE admin_level = {level}"
        rows = rows_of(db, f"SELECT {', '.join(columns)} FROM {SCHEMA}.{relation} {where} ORDER BY ALL")  # noqa: S608
        return [tuple(str(v) if isinstance(v, dt.date) else v for v in each.values()) for each in rows]

    return ask


def figures_at(ask: Ask, time: str, *columns: str) -> list[tuple[Any, ...]]:
    return ask(f"idp_admin0_as_of('{time}')", *(columns or ("num_present_idp_ind",)), level=None)


def test_the_rows_at_a_time_are_those_of_the_last_look_until_then() -> None:
    ask = after(Look(MAY, [ONE]), Look(JUNE, [ONE, TWO]), Look(JULY, [ONE, TWO]), Look(AUGUST, [TWO]))

    assert figures_at(ask, "2024-05-01 05:59:59") == [], "nobody had looked"
    assert figures_at(ask, MAY) == [(100,)]
    assert figures_at(ask, "2024-05-31") == [(100,)]
    assert figures_at(ask, JUNE) == [(100,), (200,)]
    assert figures_at(ask, "2024-12-31") == [(200,)]
    seen = figures_at(ask, "2024-07-15", "num_present_idp_ind", "observed_at", "looked_at")
    assert seen == [(100, MAY, JULY), (200, JUNE, JULY)], "in July nothing was new, but somebody looked"


def test_a_run_that_failed_for_the_country_is_no_look() -> None:
    ask = after(Look(MAY, [ONE]), Look(JUNE, None))

    assert figures_at(ask, "2024-12-31", "num_present_idp_ind", "looked_at") == [(100, MAY)]


def test_the_rows_of_a_run_that_was_interrupted_do_not_count() -> None:
    ask = after(Look(MAY, [ONE]), Look(JUNE, [TWO, ONE], lost=1), Look(JULY, [ONE, TWO], follows=MAY))

    assert figures_at(ask, JUNE, "num_present_idp_ind", "looked_at") == [(100, MAY)]
    assert figures_at(ask, JULY) == [(100,), (200,)]
    assert ask("revisions", "event", "valid_from", "not_seen_at") == [("published", JULY, MAY)]


def test_a_run_whose_state_was_not_confirmed_counts_until_the_next_one_replaces_it() -> None:
    ask = after(Look(MAY, [ONE]), Look(JUNE, [ONE, TWO]), Look(JULY, [ONE], follows=MAY))

    assert figures_at(ask, JUNE) == [(100,), (200,)]
    assert figures_at(ask, JULY) == [(100,)]
    assert ask("revisions", *ROUND) == [
        ("published", "2024-02-29", None, 200),
        ("withdrawn", "2024-02-29", 200, None),
    ]


def test_rows_count_again_when_a_later_run_continues_from_theirs() -> None:
    three = row("2024-03-31", 3, 300)
    ask = after(
        Look(MAY, [ONE]),
        Look(JUNE, [ONE, TWO]),
        Look(JULY, [ONE], follows=MAY),
        Look(AUGUST, [ONE, TWO, three], follows=JUNE),
    )

    assert figures_at(ask, JULY) == [(100,)]
    assert figures_at(ask, AUGUST) == [(100,), (200,), (300,)]
    assert ask("history_runs", "observed_at", "counts_from", "counts_until") == [
        (MAY, MAY, JULY),
        (MAY, JULY, AUGUST),
        (MAY, AUGUST, None),
        (JUNE, JUNE, JULY),
        (JUNE, AUGUST, None),
        (JULY, JULY, AUGUST),
        (AUGUST, AUGUST, None),
    ]
    assert ask("revisions", "valid_from", *ROUND) == [
        (JUNE, "published", "2024-02-29", None, 200),
        (JULY, "withdrawn", "2024-02-29", 200, None),
        (AUGUST, "back", "2024-02-29", None, 200),
        (AUGUST, "published", "2024-03-31", None, 300),
    ]


@pytest.mark.parametrize("cause", ["reset", "settings", "first"])
def test_what_the_user_did_is_no_revision(cause: str) -> None:
    follows = None if cause == "settings" else ""
    ask = after(Look(MAY, [ONE, TWO]), Look(JUNE, [TWO], follows=follows, cause=cause))

    assert figures_at(ask, JUNE) == [(200,)], "no row of an earlier run is left"
    assert ask("revisions", "event") == []
    seen = ask("round_versions", "event", "reporting_date", "idps", "valid_from", "valid_until")
    assert set(seen) == {
        ("first", "2024-01-31", 100, MAY, JUNE),
        ("first", "2024-02-29", 200, MAY, None),
        (cause, "2024-01-31", None, JUNE, None),
    }


def test_settings_that_were_changed_and_changed_back_are_no_revision() -> None:
    ask = after(Look(MAY, [ONE, TWO]), Look(JUNE, [ONE], cause="settings"), Look(JULY, [ONE, TWO], follows=MAY))

    assert figures_at(ask, JULY) == [(100,), (200,)]
    assert ask("revisions", "event") == []


def test_what_happens_to_a_round_is_named() -> None:
    more, later = {**TWO, "num_present_idp_ind": 250}, row("2024-03-15", 2, 250)
    ask = after(
        Look("2024-05-01 06:00:00", [ONE]),
        Look("2024-05-02 06:00:00", [ONE, TWO]),
        Look("2024-05-03 06:00:00", [ONE, more]),
        Look("2024-05-04 06:00:00", [ONE, later]),
        Look("2024-05-05 06:00:00", [ONE]),
        Look("2024-05-06 06:00:00", [ONE, later]),
    )

    seen = ask("revisions", "CAST(valid_from AS DATE)", *ROUND, "change", "previous_reporting_date")
    assert seen == [
        ("2024-05-02", "published", "2024-02-29", None, 200, None, None),
        ("2024-05-03", "corrected", "2024-02-29", 200, 250, 50, None),
        ("2024-05-04", "re-dated", "2024-03-15", 250, 250, 0, "2024-02-29"),
        ("2024-05-05", "withdrawn", "2024-03-15", 250, None, None, None),
        ("2024-05-06", "back", "2024-03-15", None, 250, None, None),
    ]
    ends = ask("round_versions", "reporting_date", "CAST(valid_from AS DATE)", "CAST(valid_until AS DATE)", "row_count")
    assert ends == [
        ("2024-01-31", "2024-05-01", None, 1),
        ("2024-02-29", "2024-05-02", "2024-05-03", 1),
        ("2024-02-29", "2024-05-03", "2024-05-04", 1),
        ("2024-03-15", "2024-05-04", "2024-05-05", 1),
        ("2024-03-15", "2024-05-05", "2024-05-06", 0),
        ("2024-03-15", "2024-05-06", None, 1),
    ]


def test_rows_that_moved_to_another_position_are_no_revision() -> None:
    ask = after(Look(MAY, [TWO]), Look(JUNE, [ONE, TWO]))

    assert ask("revisions", "event", "reporting_date") == [("published", "2024-01-31")]
    assert ask("round_versions", "reporting_date", "valid_from", "valid_until") == [
        ("2024-01-31", JUNE, None),
        ("2024-02-29", MAY, None),
    ]


def test_a_correction_names_the_areas_even_where_the_total_is_the_same() -> None:
    north, south = row("2024-01-31", idps=60), row("2024-01-31", idps=40, **SOUTH)
    moved = [{**north, "num_present_idp_ind": 50}, {**south, "num_present_idp_ind": 50}]
    other = row("2024-01-31", idps=7, admin1_pcode="Not available", admin1_name="Elsewhere")
    ask = after(Look(MAY, [north, south, other]), Look(JUNE, [*moved, other]), Look(JULY, moved))

    columns = ("valid_from", "previous_idps", "idps", "changed_areas")
    assert ask("revisions", *columns, level=1) == [
        (JUNE, 107, 107, ["XA01", "XA02"]),
        (JULY, 107, 100, ["Elsewhere"]),
    ]
    assert ask("revisions", "changed_areas", level=0) == [([],), ([],)]


def test_the_lag_of_publications_is_between_two_looks() -> None:
    rounds = [row("2024-01-31"), row("2024-03-01", 2), row("2024-04-01", 3), row("2024-04-05", 4)]
    ask = after(
        Look("2024-03-01 06:00:00", rounds[:1]),
        Look("2024-03-09 06:00:00", rounds[:1]),
        Look("2024-03-11 06:00:00", rounds[:2]),
        Look("2024-04-10 06:00:00", rounds[:3]),
        Look("2024-04-12 06:00:00", rounds, seen_by="scrub"),
    )

    columns = ("round_count", "look_count", "lag_days", "lag_days_at_least", "shortest_days", "longest_days")
    # The second after 8 to 10 days, the third before 9; the first was there, and nobody knows since when of the fourth.
    assert ask("publication_lag", *columns, level=None) == [(2, 2, 10, -6, 9, 10)]


@pytest.mark.parametrize(
    ("noticed", "expected"),
    [
        (3, [(10, True, "stale")]),
        (2, [(92, False, "current")]),
    ],
)
def test_an_operation_is_judged_by_its_own_lag_where_three_rounds_showed_it(
    noticed: int, expected: list[tuple[Any, ...]]
) -> None:
    today = dt.datetime.now(dt.timezone.utc).date()
    days = [today - dt.timedelta(days=60 + 30 * back) for back in (3, 2, 1, 0)]
    rounds = [row(day.isoformat(), number) for number, day in enumerate(days, start=1)]
    looks = [
        Look(f"{day + dt.timedelta(days=10)} 06:00:00", rounds[:number]) for number, day in enumerate(days, start=1)
    ]
    ask = after(*looks[3 - noticed :], current=tuple(rounds))

    # The newest round is 60 days old, and rounds are 30 days apart.
    seen = ask("operation_freshness", "publication_days", "is_lag_measured", "freshness", level=None)
    assert seen == expected
    overdue = ask("stale_operations", "overdue_days", level=None)
    assert overdue == ([(20,)] if noticed == 3 else [])


def test_rounds_that_came_together_say_only_once_how_long_publication_takes() -> None:
    old = [row(f"2020-0{number}-01", number) for number in range(1, 6)]
    ask = after(Look(MAY, []), Look(JUNE, old), current=tuple(old))

    assert ask("publication_lag", "round_count", "look_count", level=None) == [(5, 1)]
    assert ask("operation_freshness", "is_lag_measured", level=None) == [(False,)]
