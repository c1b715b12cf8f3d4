"""The protocol: who gets in, what the filters mean, and what the API says when it has nothing to say."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from tap_dtm.sandbox import SANDBOX_KEY, Options, invent
from tap_dtm.sandbox.api import PATHS, Answer, Request, answer, gate

if TYPE_CHECKING:
    from tap_dtm.sandbox import SandboxServer
    from tests.sandbox.conftest import Ask

WORLD = invent()
ADMIN = {
    "v3": [f"/v3/displacement/admin{level}" for level in (0, 1, 2)],
    "v2": [f"/v2/IdpAdmin{level}Data" for level in (0, 1, 2)],
}


def said(path: str, options: Options | None = None, **params: object) -> dict[str, Any]:
    return body(reply(path, options, **params))


def body(given: Answer) -> dict[str, Any]:
    assert isinstance(given.body, dict)
    return given.body


def reply(path: str, options: Options | None = None, **params: object) -> Answer:
    sent = {name.lower(): str(value) for name, value in params.items()}
    return answer(Request("GET", path, sent), WORLD.edition, options or Options())


def rows(level: int = 2, options: Options | None = None, **params: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = said(ADMIN["v3"][level], options, **params)["result"]
    return found


def gated(path: str, key: str | None = None, method: str = "GET", **headers: str) -> Answer | None:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if key is not None:
        sent["ocp-apim-subscription-key"] = key
    return gate(Request(method, path, {}, sent), SANDBOX_KEY)


def test_the_envelope(ask: Ask) -> None:
    for path in ("/v3/displacement/country-list", "/v2/OperationList", "/v3/displacement/admin0?Admin0Pcode=XAA"):
        response = ask(path)
        envelope = response.json()
        assert response.headers["Content-Type"] == "application/json; charset=utf-8"
        assert list(envelope) == ["result", "statusCode", "isSuccess", "errorMessages", "totalRecordsCount"]
        assert envelope["statusCode"] == response.status_code == 200
        assert envelope["isSuccess"] is True
        assert envelope["errorMessages"] == []
        assert envelope["totalRecordsCount"] == len(envelope["result"]) > 0


@pytest.mark.parametrize("version", ["v2", "v3"])
@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_country_is_all_its_rows(version: Any, level: Any) -> None:
    for country in WORLD.countries:
        found = said(ADMIN[version][level], Admin0Pcode=country.pcode)["result"]
        assert found == WORLD.rows(level, version, country.pcode)
        assert found == said(ADMIN[version][level].upper(), COUNTRYNAME=country.name)["result"]


def test_paths_match_in_any_case(ask: Ask) -> None:
    for path in ("/V3/Displacement/Operation-List", "/v2/countrylist", "/v2/CountryList"):
        assert ask(path).json()["isSuccess"]


def test_without_a_key() -> None:
    refusal = gated(PATHS[0])
    assert refusal == gated(PATHS[0], key="")
    assert refusal is not None
    assert refusal.status == body(refusal)["statusCode"] == 401
    assert body(refusal)["message"].startswith("Access denied due to missing subscription key. Make sure")
    assert refusal.headers["WWW-Authenticate"].endswith('name="Ocp-Apim-Subscription-Key"')


def test_with_a_wrong_key() -> None:
    refusal = gated(PATHS[0], key="wrong")
    assert refusal is not None
    assert refusal.status == body(refusal)["statusCode"] == 401
    assert body(refusal)["message"].startswith("Access denied due to invalid subscription key.")
    assert "WWW-Authenticate" in refusal.headers


def test_with_the_key() -> None:
    assert gated(PATHS[0], key=SANDBOX_KEY) is None
    assert gate(Request("GET", PATHS[0], {"subscription-key": SANDBOX_KEY}), SANDBOX_KEY) is None


@pytest.mark.parametrize("key", [None, "wrong", SANDBOX_KEY])
@pytest.mark.parametrize(
    "path",
    ["/", "/v3", "/v3/displacement/admin3", "/api/IdpAdmin0Data/GetAdmin0Datav2", "/HNA/v1/catalog", "/v4/x"],
)
def test_unknown_paths_come_before_the_key(path: str, key: str | None) -> None:
    assert gated(path, key) == Answer(404, {"statusCode": 404, "message": "Resource not found"})


def test_other_methods_are_not_found() -> None:
    refusal = gated(PATHS[0], SANDBOX_KEY, method="POST")
    assert refusal is not None
    assert refusal.status == 404


def test_the_firewall_comes_first() -> None:
    for path, key in product([PATHS[0], "/nowhere"], [None, SANDBOX_KEY]):
        refusal = gated(path, key, user_agent="python-requests/2.32.5")
        assert refusal is not None
        assert refusal.status == 403
        assert isinstance(refusal.body, str)
        assert refusal.body.startswith("<html>")


@pytest.mark.parametrize("path", [*ADMIN["v2"], *ADMIN["v3"]])
@pytest.mark.parametrize(
    ("params", "success", "message"),
    [
        ({"Admin0Pcode": "XZZ"}, False, "No Country Code found matching your query."),
        ({"CountryName": "Atlantis"}, False, "No Country found matching your query."),
        ({"Operation": "None such"}, False, "No Operation found matching your query."),
        ({"Admin0Pcode": "XAA", "FromReportingDate": "2090-01-01"}, True, "No matching data found."),
        ({"Admin0Pcode": "XAA", "Operation": "Invented Flood Response"}, True, "No matching data found."),
        ({"Admin0Pcode": "XAA", "CountryName": "Invented People's Land"}, True, "No matching data found."),
    ],
)
def test_nothing_found(path: str, params: dict[str, Any], success: bool, message: str) -> None:  # noqa: FBT001
    given = reply(path, **params)
    assert given.status == 200
    assert given.body == {
        "result": [],
        "statusCode": 204,
        "isSuccess": success,
        "errorMessages": [message],
        "totalRecordsCount": 0,
    }


@pytest.mark.parametrize(
    "params", [{}, {"FromRoundNumber": 1}, {"Operation": "", "CountryName": "", "Admin0Pcode": ""}]
)
def test_some_filter_is_required(params: dict[str, Any]) -> None:
    given = reply(PATHS[0], **params)
    assert given.status == 200
    assert body(given)["errorMessages"] == ["Please provide either the Country Name, Admin0 Pcode or Operation"]
    assert body(given)["isSuccess"] is False
    assert reply(PATHS[0], Options(required_filter_status=400), **params).status == 400


@pytest.mark.parametrize(
    "params",
    [
        {"FromReportingDate": "01.02.2024"},
        {"ToReportingDate": "2024-02-30"},
        {"FromRoundNumber": "one"},
        {"ToRoundNumber": "1.5"},
    ],
)
def test_malformed_values(params: dict[str, Any]) -> None:
    given = reply(PATHS[0], Admin0Pcode="XAA", **params)
    assert given.status == 400
    assert list(body(given)["errors"]) == list(params)


def test_empty_strings_and_zero_rounds_are_not_set() -> None:
    empty: dict[str, Any] = dict.fromkeys(
        ("Operation", "CountryName", "Admin1Name", "FromReportingDate", "ToReportingDate"), ""
    )
    everything = rows(Admin0Pcode="XAA")
    assert rows(Admin0Pcode="XAA", FromRoundNumber=0, ToRoundNumber=0, **empty) == everything
    assert 0 in {row["roundNumber"] for row in everything}
    assert {row["roundNumber"] for row in rows(Admin0Pcode="XAA", FromRoundNumber=0, ToRoundNumber=1)} == {0, 1}
    assert {row["roundNumber"] for row in rows(Admin0Pcode="XAA", FromRoundNumber=1, ToRoundNumber=2)} == {1, 2}


def test_dates_are_inclusive() -> None:
    dates = sorted({row["reportingDate"][:10] for row in rows(Admin0Pcode="XBA")})
    first, last = dates[1], dates[-2]
    found = rows(Admin0Pcode="XBA", FromReportingDate=first, ToReportingDate=last)
    assert found == [row for row in rows(Admin0Pcode="XBA") if first <= row["reportingDate"][:10] <= last]
    assert sorted({row["reportingDate"][:10] for row in found}) == dates[1:-1]


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("Operation", "operation"),
        ("Admin1Name", "admin1Name"),
        ("Admin1Pcode", "admin1Pcode"),
        ("Admin2Name", "admin2Name"),
        ("Admin2Pcode", "admin2Pcode"),
    ],
)
def test_names_and_codes_match_exactly(name: str, field: str) -> None:
    everything = rows(Admin0Pcode="XBA")
    for value in {row[field] for row in everything}:
        assert rows(Admin0Pcode="XBA", **{name: value}) == [row for row in everything if row[field] == value]


def test_filters_of_finer_levels_are_ignored() -> None:
    assert rows(0, Admin0Pcode="XBA", Admin1Name="no such", Admin2Pcode="no such") == rows(0, Admin0Pcode="XBA")


def test_filters_are_anded_and_ids_stay() -> None:
    everything = {row["id"]: row for row in rows(1, Operation="Invented Countrywide Monitoring")}
    assert {row["admin0Pcode"] for row in everything.values()} == {"XAA", "XCA"}
    dates = [row["reportingDate"] for row in everything.values()]
    assert dates == sorted(dates)
    some = rows(1, Operation="Invented Countrywide Monitoring", Admin0Pcode="XCA", ToRoundNumber=2)
    assert {row["roundNumber"] for row in some} == {1, 2}
    assert all(everything[row["id"]] == row for row in some)


def test_filters_that_match_too_much_or_nothing() -> None:
    everything = rows(Admin0Pcode="XEA") or rows(1, Admin0Pcode="XEA")
    survey = "Invented Survey"
    assert rows(1, Options(operation_filter="prefix"), Admin0Pcode="XEA", Operation=survey) == everything
    assert rows(1, Options(operation_filter="ignored"), Admin0Pcode="XEA", Operation="whatever") == everything
    real = "Invented Survey (Registration)"
    assert rows(1, Options(operation_filter="nothing"), Admin0Pcode="XEA", Operation=real) == []
    late: dict[str, Any] = {"FromReportingDate": "2090-01-01"}
    assert rows(1, Options(date_filter="ignored"), Admin0Pcode="XEA", **late) == everything
    assert rows(1, Options(date_filter="nothing"), Admin0Pcode="XEA", FromReportingDate="2000-01-01") == []
    assert rows(1, Options(date_filter="nothing"), Admin0Pcode="XEA") == everything


def test_case_of_values_is_an_option() -> None:
    assert rows(Admin0Pcode="xaa") == []
    assert rows(2, Options(ignore_case=True), Admin0Pcode="xaa") == rows(Admin0Pcode="XAA")


def test_admin1_name_can_fail() -> None:
    failing = Options(admin1_name_fails=True)
    assert reply(ADMIN["v3"][1], failing, Admin0Pcode="XBA", Admin1Name="x").status == 500
    assert reply(ADMIN["v3"][1], failing, Admin0Pcode="XBA").status == 200
    assert reply(ADMIN["v3"][2], failing, Admin0Pcode="XBA", Admin1Name="x").status == 200


def test_names_survive_the_wire(ask: Ask, sandbox: SandboxServer) -> None:
    for operation in sandbox.world.operation_list():
        found = ask(ADMIN["v3"][0], Operation=operation["operation"]).json()["result"]
        assert {row["operation"] for row in found} == {operation["operation"]}
    for country in sandbox.world.country_list():
        found = ask(ADMIN["v2"][0], CountryName=country["admin0Name"]).json()["result"]
        assert {row["admin0Pcode"] for row in found} == {country["admin0Pcode"]}
