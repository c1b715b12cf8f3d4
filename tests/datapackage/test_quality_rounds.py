"""What the quality report says of an operation's rounds: its age, its interval, and rounds that were assessed twice."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from frictionless_dtm import quality
from frictionless_dtm.quality.database import database_of

from tap_dtm.metadata.model import PUBLICATION_LAG_DAYS
from tap_dtm.views.script import script
from tests.chance import CHANCE
from tests.datapackage.pages_world import contents_of, small_world, tables_of
from tests.extent import sampled
from tests.views.databases import place, rows_of
from tests.views.odd import load, odd_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from frictionless_dtm.descriptor.contents import Contents

    from tests.datapackage.pages_world import Row

Rounds = list[tuple[str, "int | None", str]]
"""Reporting date, round number and assessment type of each round of an operation."""


def report(contents: Contents) -> dict[str, Any]:
    with database_of(contents) as database:
        return quality.report(database)


def on(day: str, contents: Contents) -> Contents:
    """Return contents that were read from the API on this day."""
    return dataclasses.replace(contents, descriptor={**contents.descriptor, "sources": [{"dtm:accessed": day}]})


def report_on(reference: str, operations: Sequence[Rounds], statuses: Sequence[str | None] = ()) -> dict[str, Any]:
    """Return the report of a package with these operations, which are called 0, 1, and so on."""
    tables = tables_of(small_world())
    rows = [
        {
            **tables["idp_admin0"][0],
            "operation": f"{number:03}",
            "reporting_date": date,
            "round_number": round_number,
            "assessment_type": kind,
            "num_present_idp_ind": place,
        }
        for number, rounds in enumerate(operations)
        for place, (date, round_number, kind) in enumerate(rounds, start=10)
    ]
    country = tables["idp_admin0"][0]["admin0_pcode"]
    listed = [
        {**tables["operations"][0], "admin0_pcode": country, "operation": f"{number:03}", "operation_status": status}
        for number, status in enumerate(statuses)
    ]
    return report(on(reference, contents_of({**({"operations": listed} if listed else {}), "idp_admin0": rows})))


def test_age_is_judged_by_the_operations_own_interval() -> None:
    assert PUBLICATION_LAG_DAYS == 92
    cases = [
        (["2024-01-01", "2024-01-31"], None, ("current", 30, 122)),
        (["2023-12-31", "2024-01-30"], None, ("stale", 30, 123)),
        (["2024-01-01", "2024-01-31"], "Active", ("current", 30, 122)),
        (["2023-12-31", "2024-01-30"], "Active", ("stale", 30, 123)),
        (["2018-06-01", "2018-07-01"], "Inactive", ("closed", 30, 2162)),
        (["2021-05-02", "2022-05-03", "2023-05-03"], None, ("current", 366, 395)),
        (["2018-07-01"], "Active", ("single", None, 2162)),
        (["2024-06-01", "2024-06-01"], None, ("single", None, 0)),
        (["2024-07-01"], None, ("single", None, -30)),
        (["2024-05-12", "2024-06-11"], None, ("current", 30, -10)),
    ]
    operations: list[Rounds] = [[(date, number, "BA") for number, date in enumerate(dates)] for dates, *_ in cases]

    judged = report_on("2024-06-01", operations, [status for _, status, _ in cases])["staleness"]["operations"]

    names = ("verdict", "usual_interval_days", "age_days")
    for case, each in zip(cases, judged, strict=True):
        assert tuple(each[name] for name in names) == case[-1], case


def test_the_interval_is_from_one_round_to_the_next_of_its_type() -> None:
    cases: list[tuple[Rounds, int | None]] = [
        ([("2024-01-31", 1, "BA"), ("2024-02-01", 1, "SA"), ("2024-07-31", 2, "BA"), ("2024-08-01", 2, "SA")], 182),
        ([("2024-01-31", 1, "BA"), ("2024-02-01", 1, "SA")], None),
        ([("2024-01-31", 1, "BA"), ("2024-02-01", 1, "BA")], None),  # one round with two dates
        ([("2024-01-31", None, "BA"), ("2024-02-01", None, "BA")], 1),
        ([("2024-01-31", 1, "BA"), ("2024-01-31", 2, "BA"), ("2024-03-01", 3, "BA")], 30),
    ]

    judged = report_on("2024-12-31", [rounds for rounds, _ in cases])["staleness"]["operations"]

    for case, each in zip(cases, judged, strict=True):
        assert each["usual_interval_days"] == case[-1], case


def test_a_round_that_two_types_date_within_31_days_is_one_round_assessed_twice() -> None:
    cases: list[tuple[Rounds, list[list[str]]]] = [
        ([("2017-01-01", 14, "BA"), ("2017-01-01", 14, "SA")], [["BA", "SA"]]),
        ([("2017-01-01", 14, "BA"), ("2017-01-30", 14, "SA")], [["BA", "SA"]]),
        ([("2017-01-01", 14, "SA"), ("2017-02-01", 14, "BA")], [["SA", "BA"]]),
        ([("2017-01-01", 14, "BA"), ("2017-02-02", 14, "SA")], []),  # 32 days
        (
            [("2017-01-01", 14, "BA"), ("2017-01-25", 14, "SA"), ("2017-02-20", 14, "ETT")],
            [["BA", "SA"], ["SA", "ETT"]],
        ),
        ([("2017-01-01", 14, "BA"), ("2017-01-20", 14, "BA")], []),  # one type that dates its round twice
        ([("2016-04-01", 48, "BA"), ("2016-06-01", 48, "BA")], []),
        ([("2023-10-15", 1, "BA"), ("2023-10-15", 2, "SA")], []),  # two rounds on one date
        ([("2011-01-31", 2, "BA"), ("2014-01-31", 2, "SA"), ("2021-01-31", 2, "BA")], []),
        ([("2017-01-01", None, "BA"), ("2017-01-01", None, "SA")], []),
    ]

    said = report_on("2024-12-31", [rounds for rounds, _ in cases])["assessed_twice"]

    assert said["checked"] == sum(len(rounds) for rounds, _ in cases)
    assert said["found"] == sum(len(pairs) for _, pairs in cases)
    for number, (rounds, pairs) in enumerate(cases):
        persons = {(date, kind): each for each, (date, _, kind) in enumerate(rounds, start=10)}
        found = [each for each in said["rounds"] if each["operation"] == f"{number:03}"]
        assert [each["assessment_types"] for each in found] == pairs, rounds
        for each in found:
            keys = zip(each["reporting_dates"], each["assessment_types"], strict=True)
            assert each["persons"] == [persons[key] for key in keys]
            assert each["round_number"] == 14


def as_in_file(row: Row, number: int) -> Row:
    """Return a row as it is read from a file: no text is empty."""
    plain = {name: str(value) if isinstance(value, dt.date) else value for name, value in row.items()}
    return {name: None if value == "" else value for name, value in plain.items()} | {"row_number": number}


@pytest.mark.parametrize("seed", sampled([0, 1, CHANCE], 2))
def test_the_report_judges_as_the_views_of_a_warehouse_do(seed: int) -> None:
    day = dt.date(2024, 9, 1)
    where, tables = place("duckdb", today=day), odd_rows(Random(seed))
    as_in_files = {name: [as_in_file(row, number) for number, row in enumerate(rows)] for name, rows in tables.items()}
    with duckdb.connect() as db:
        db.execute(f"CREATE SCHEMA dtm; {load(as_in_files, where, 'duckdb')} {script(where)}")
        views = rows_of(db, "SELECT *, CAST(newest_reporting_date AS TEXT) AS newest FROM dtm.operation_freshness")
        rounds = rows_of(db, "SELECT *, CAST(reporting_date AS TEXT) AS date FROM dtm.reconciliation")

    said = report(on(str(day), contents_of({name: rows for name, rows in as_in_files.items() if rows})))

    assert values(
        said["staleness"]["operations"],
        ("operation", "newest_reporting_date", "reporting_dates", "usual_interval_days", "age_days", "verdict"),
    ) == values(views, ("operation", "newest", "date_count", "interval_days", "age_days", "freshness"))
    assert values(
        said["reconciliation"]["rounds"],
        ("operation", "reporting_date", "round_number", "assessment_type", "admin0", "admin2", "verdict"),
    ) == values(
        rounds, ("operation", "date", "round_number", "assessment_type", "idps_admin0", "idps_admin2", "verdict")
    )


def values(rows: list[Row], names: tuple[str, ...]) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(row[name] for name in names) for row in rows)
