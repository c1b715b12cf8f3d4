"""The invented list of P-codes: in the form of OCHA's, without a key, and with its oddities."""

from __future__ import annotations

import csv
import io
from collections import Counter
from typing import TYPE_CHECKING

import pytest
import requests

from tap_dtm.sandbox import PCODES_PATH, SandboxServer, invent

if TYPE_CHECKING:
    from collections.abc import Iterator

Row = dict[str, str]


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(invent()) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def answer(server: SandboxServer) -> requests.Response:
    return requests.get(server.url + PCODES_PATH, headers={"User-Agent": "tests"}, timeout=10)


@pytest.fixture(scope="module")
def rows(answer: requests.Response) -> list[Row]:
    _, *rows = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))
    return rows


def codes(rows: list[Row], country: str, level: int) -> dict[str, str]:
    return {
        row["P-Code"]: row["Name"] for row in rows if row["Location"] == country and row["Admin Level"] == str(level)
    }


def test_it_has_the_form_of_ochas_and_needs_no_key(answer: requests.Response) -> None:
    first, second, *_ = answer.content.decode().splitlines()

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert first == "\ufeffLocation,Admin Level,P-Code,Name,Parent P-Code,Valid from date"
    assert second.startswith("#country+code,#geo+admin_level,#adm+code")
    assert answer.content.count(b"\r\n") == answer.content.count(b"\n")


def test_it_says_in_every_name_that_it_is_invented(rows: list[Row]) -> None:
    assert all("invented" in row["Name"].casefold() for row in rows)
    assert {row["Location"] for row in rows} == {"XAA", "XBA", "XCA", "XDA", "XEA", "XFA"}


def test_no_code_of_a_country_is_there_twice_and_every_parent_is_there(rows: list[Row]) -> None:
    keys = Counter((row["Location"], row["P-Code"]) for row in rows)

    assert set(keys.values()) == {1}
    assert all(
        row["Parent P-Code"] == row["Location"] or (row["Location"], row["Parent P-Code"]) in keys for row in rows
    )


def test_it_departs_from_the_published_codes_as_ochas_does(rows: list[Row], server: SandboxServer) -> None:
    published = {(row["admin0Pcode"], row["admin1Pcode"]) for row in server.world.rows(1)}

    for dtm, ocha in (
        ("XA01", "XA01"),
        ("XB01", "XBA01"),
        ("XCA-G01", "XCG01"),
        ("XDA001", "XD001"),
        ("XE01", "XE001"),
    ):
        country = f"{dtm[:2]}A"
        assert (country, dtm) in published
        assert ocha in codes(rows, country, 1)


def test_it_has_the_oddities_of_ochas(rows: list[Row]) -> None:
    districts = {country: codes(rows, country, 2) for country in ("XAA", "XBA", "XFA")}
    names = Counter((row["Location"], row["Parent P-Code"], row["Name"]) for row in rows)

    assert districts["XAA"]["XA0102"] == "Invented District of a reform"
    assert len({len(code) for code in districts["XBA"] if code.startswith("XBA")}) == 2
    assert "Unspecified" in districts["XBA"]
    assert max(names.values()) == 2
    assert districts["XFA"]["XF001008"].endswith(" 1-1")


def test_origins_are_numbered_otherwise_in_one_country(server: SandboxServer) -> None:
    rows = server.world.rows(1, country="XCA")
    hosts = {row["admin1Name"]: row["admin1Pcode"] for row in rows}
    origins = {row["idpOriginAdmin1Name"]: row["idpOriginAdmin1Pcode"] for row in rows}

    assert hosts["Invented Province É 1"] == "XCA-G01"
    assert origins["Invented Province É 1"] == "XC-G02"


def test_it_is_the_same_for_every_seed_and_publication(answer: requests.Response) -> None:
    with SandboxServer(invent(seed=99)) as other:
        other.world.publish()
        again = requests.get(other.url + PCODES_PATH, headers={"User-Agent": "tests"}, timeout=10)

    assert again.content == answer.content
