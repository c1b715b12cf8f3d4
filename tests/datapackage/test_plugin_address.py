"""What a dtm:// address asks for, and what is said of a wrong one."""

from __future__ import annotations

import pytest
from frictionless_dtm.source.address import parse

from tap_dtm.errors import DtmError


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("dtm://v3/admin1?country=xaa", "dtm://v3/admin1?country=XAA"),
        ("dtm://V3/Admin1?Country=XAA", "dtm://v3/admin1?country=XAA"),
        ("dtm://v3/idp_admin1?Admin0Pcode=XAA", "dtm://v3/admin1?country=XAA"),
        ("dtm://v3/displacement/admin1?admin0_pcode=XAA", "dtm://v3/admin1?country=XAA"),
        ("dtm://v2/IdpAdmin1Data?CountryName=Nowhere%20Land", "dtm://v2/admin1?countryName=Nowhere%20Land"),
        ("dtm://v3/operation-list", "dtm://v3/operations"),
        ("dtm://v2/CountryList", "dtm://v2/countries"),
        ("dtm://sandbox/admin2?country=XAA", "dtm://sandbox/v3/admin2?country=XAA"),
        (
            "dtm://sandbox/v2?publication=3&country=XAA&seed=7",
            "dtm://sandbox/v2?publication=3&seed=7&country=XAA",
        ),
        (
            "dtm://v3/admin0?Operation=A+%26+B&FromReportingDate=2024-01-01&ToReportingDate=2024-12-31",
            "dtm://v3/admin0?operation=A%20%26%20B&from=2024-01-01&to=2024-12-31",
        ),
        (
            "dtm://v3/admin0?Admin0Pcode=XAA&FromRoundNumber=02&to_round_number=5",
            "dtm://v3/admin0?country=XAA&fromRound=2&toRound=5",
        ),
    ],
)
def test_every_spelling_of_an_address_is_one_address(written: str, canonical: str) -> None:
    assert str(parse(written)) == canonical
    assert parse(canonical) == parse(written)


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        ("dtm://v3/admin0?country=XAA", {"Admin0Pcode": "XAA"}),
        ("dtm://v3/admin0?countryName=Nowhere", {"CountryName": "Nowhere"}),
        ("dtm://v3/admin0?operation=Flood", {"Operation": "Flood"}),
        (
            "dtm://v3/admin0?country=XAA&from=2024-01-01&to=2024-02-01",
            {"Admin0Pcode": "XAA", "FromReportingDate": "2024-01-01", "ToReportingDate": "2024-02-01"},
        ),
        (
            "dtm://v3/admin0?country=XAA&round=4",
            {"Admin0Pcode": "XAA", "FromRoundNumber": "4", "ToRoundNumber": "4"},
        ),
        ("dtm://v3/admin1?country=XAA&admin1Pcode=XA01", {"Admin0Pcode": "XAA", "Admin1Pcode": "XA01"}),
        ("dtm://v3/admin2?country=XAA&admin2Pcode=XA0101", {"Admin0Pcode": "XAA", "Admin2Pcode": "XA0101"}),
    ],
)
def test_filters_are_sent_under_the_names_of_the_api(address: str, sent: dict[str, str]) -> None:
    assert parse(address).filters.params == sent


def test_round_0_is_filtered_here_because_the_api_takes_it_for_no_limit() -> None:
    filters = parse("dtm://v3/admin0?country=XAA&round=0").filters
    assert filters.params == {"Admin0Pcode": "XAA"}
    rows = [{"admin0_pcode": "XAA", "round_number": number} for number in (0, 1, None)]
    assert filters.keep(rows) == rows[:1]


def test_area_names_are_filtered_here_because_the_api_fails_on_some_of_them() -> None:
    filters = parse("dtm://v3/admin2?country=XAA&admin1Name=north&admin2Name=hill").filters
    assert filters.params == {"Admin0Pcode": "XAA"}
    north, south = ({"admin0_pcode": "XAA", "admin1_name": name, "admin2_name": "Hill"} for name in ("North", "South"))
    assert filters.keep([south, north]) == [north]


def test_a_package_hands_its_filters_down_to_the_tables_that_have_them() -> None:
    address = parse("dtm://v3?country=XAA&operation=Flood&from=2024-01-01")
    assert [str(table) for table in address.tables] == [
        "dtm://v3/countries?country=XAA",
        "dtm://v3/operations?country=XAA&operation=Flood",
        "dtm://v3/admin0?country=XAA&operation=Flood&from=2024-01-01",
        "dtm://v3/admin1?country=XAA&operation=Flood&from=2024-01-01",
        "dtm://v3/admin2?country=XAA&operation=Flood&from=2024-01-01",
    ]


def test_without_a_place_a_package_holds_the_two_lists() -> None:
    assert [table.table for table in parse("dtm://v3").tables] == ["countries", "operations"]


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("dtm://v3/admin1?contry=XAA", "The table admin1 has no parameter 'contry'; the nearest is country."),
        ("dtm://v3?frmo=2024-01-01", "A package has no parameter 'frmo'; the nearest is from."),
        ("dtm://v3/admin1?zzz=1", "The table admin1 has no parameter 'zzz'; it has country, countryName, operation"),
        ("dtm://v3/admin0?country=XAA&admin1Pcode=XA01", "The table admin0 cannot be filtered by admin1Pcode; it has"),
        ("dtm://v3/countries?operation=x", "cannot be filtered by operation; it has country, countryName."),
        ("dtm://v3?country=XAA&admin1Pcode=XA01", "A package cannot be filtered by admin1Pcode; it has"),
        ("dtm://v3/admn1?country=XAA", "dtm:// has no table 'admn1'; the nearest is admin1."),
        ("dtm://v3/admin1/x?country=XAA", "dtm:// has no table 'admin1/x'"),
        ("dtm://v4/admin1?country=XAA", "no version 'v4' of the API. Write v3 or v2"),
        ("dtm://", "A dtm:// address begins with a version of the API"),
        ("dtm://[v3", "cannot have brackets"),
        ("dtm://[v3]/admin1?country=XAA", "cannot have brackets"),
        ("dtm://v3\u2100/admin1?country=XAA", "special letters before its '?'"),
        ("dtm://v3/admin1", "needs a country or an operation"),
        ("dtm://v3?from=2024-01-01", "A package of figures needs a country or an operation"),
        ("dtm://v3/admin1?country=", "The parameter country has no value"),
        ("dtm://v3/admin1?country=XAA&Admin0Pcode=XBA", "appears twice"),
        ("dtm://v3/admin1?country=Nowhere", "write an ISO 3166-1 alpha-3 code"),
        ("dtm://v3/admin1?country=XAA&from=2024-02-30", "The parameter from is '2024-02-30': write a date as"),
        ("dtm://v3/admin1?country=XAA&from=2024-02-01&to=2024-01-01", "swap them"),
        ("dtm://v3/admin1?country=XAA&round=-1", "write a whole number of 0 or more"),
        ("dtm://v3/admin1?country=XAA&fromRound=5&toRound=4", "swap them"),
        ("dtm://v3/admin1?country=XAA&round=5&toRound=6", "names one round"),
        ("dtm://v3/admin1?operation=No#1", "Write %23"),
        ("dtm://v3/admin1?country=XAA&seed=3", "The table admin1 has no parameter 'seed'"),
    ],
)
def test_a_wrong_address_is_answered_by_one_sentence(address: str, says: str) -> None:
    with pytest.raises(DtmError) as caught:
        parse(address)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "dtm://v3?country=XAA&subscription-key=0123456789abcdef",
        "dtm://v3?country=XAA&Ocp-Apim-Subscription-Key=0123456789abcdef",
        "dtm://v3?country=XAA&key=0123456789abcdef",
        "dtm://0123456789abcdef@v3?country=XAA",
    ],
)
def test_a_key_in_an_address_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(DtmError, match="environment variable DTMAPI_SUBSCRIPTION_KEY") as caught:
        parse(address)
    assert "0123456789abcdef" not in str(caught.value)
