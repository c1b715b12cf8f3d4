"""Rows that are not as the tap needs them fail; rows that are only unusual differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.apicheck.support import check_doctored, seen, with_word

if TYPE_CHECKING:
    from tap_dtm.sandbox import SandboxServer
    from tap_dtm.sandbox.api import Request
    from tests.scripted import Rows

FIELDS = "Rows have every field that the tap reads."
VALUES = "Every value can be read as the type of its field."
FORMS = "Values are written in one form: JSON integers, and days as midnights without a zone."
NULLS = "Only fields that may be null are null."
OTHERS = "Rows have no field that the tap does not know."
GRAIN = "Rows are no finer than requested."


@pytest.mark.parametrize(
    ("change", "failed", "differs", "words"),
    [
        (
            {"numPresentIdpInd": ["many"]},
            {VALUES},
            {FORMS},
            "idp_admin1: numPresentIdpInd (array for integer, 0 or more) cannot be read in ",
        ),
        (
            {"reportingDate": "31/12/2023"},
            {VALUES},
            {FORMS, "FromReportingDate and ToReportingDate include the day that they name."},
            "idp_admin1: reportingDate (string for date) cannot be read in ",
        ),
        ({"numPresentIdpInd": "17"}, {"Admin 1 adds up to admin 0, in every round that it has."}, {FORMS}, ""),
        ({"roundNumber": None}, set(), {NULLS, "Admin 0 has every round that admin 1 and 2 have."}, ""),
        ({"inventedField": 5}, set(), {OTHERS}, ""),
        ({"admin2Pcode": "invented"}, {GRAIN}, set(), ""),
    ],
)
def test_rows(sandbox: SandboxServer, change: dict[str, Any], failed: set[str], differs: set[str], words: str) -> None:
    def alter(request: Request, rows: Rows) -> Rows | None:
        return [{**row, **change} for row in rows] if request.path.endswith("admin1") else None

    report = check_doctored(sandbox.world, alter)

    assert set(with_word(report, "FAILED")) == failed
    assert differs <= set(with_word(report, "differs"))
    if words:
        assert words in seen(report, VALUES)


@pytest.mark.parametrize("value", [[], {}, True, 1.5, 10**30, "\0", None, ["nested", {"deeply": [1]}]])
def test_nonsense_in_every_field_fails(sandbox: SandboxServer, value: object) -> None:
    report = check_doctored(sandbox.world, lambda _, rows: [dict.fromkeys(row, value) for row in rows])

    assert VALUES in with_word(report, "FAILED")


def test_a_list_without_a_field_fails(sandbox: SandboxServer) -> None:
    def alter(request: Request, rows: Rows) -> Rows | None:
        is_list = request.path.endswith("operation-list")
        return (
            [{name: value for name, value in row.items() if name != "operation"} for row in rows] if is_list else None
        )

    report = check_doctored(sandbox.world, alter)

    assert with_word(report, "FAILED") == [FIELDS]
    assert "operations: operation is missing in 12 rows" in seen(report, FIELDS)


def test_a_level_that_contradicts_admin_0_fails(sandbox: SandboxServer) -> None:
    def alter(request: Request, rows: Rows) -> Rows | None:
        if request.path.endswith("admin2") and rows:
            rows[0]["numPresentIdpInd"] += 1
        return rows

    report = check_doctored(sandbox.world, alter)

    assert with_word(report, "FAILED") == ["Admin 2 adds up to admin 0, in every round that it has."]
    assert seen(report, "Admin 2 adds up") == "9 of 10 rounds."


def test_rounds_and_operations_that_are_at_one_level_alone_differ(sandbox: SandboxServer) -> None:
    def alter(request: Request, rows: Rows) -> Rows | None:
        if request.path.endswith("operation-list"):
            return [*rows[:-1], {**rows[-1], "operation": "Invented Newcomer", "admin0Pcode": "XAA"}]
        if request.path.endswith("admin1") and "operation" not in request.params:
            last = {**rows[-1], "roundNumber": 999} if rows else {}
            return [*rows, last] if rows else None
        return None

    report = check_doctored(sandbox.world, alter, countries=["XAA"])

    assert with_word(report, "FAILED") == []
    assert seen(report, "Admin 0 has every round") == "Admin 1 has 1 other rounds."
    assert seen(report, "The operations on the list") == "1 of 3 operations are only on the list."


def test_empty_lists_fail(sandbox: SandboxServer) -> None:
    report = check_doctored(sandbox.world, lambda request, _: [] if request.path.endswith("-list") else None)

    assert "Both lists have rows." in with_word(report, "FAILED")
