"""IOM's own Python client works against the sandbox; only its URLs are changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tap_dtm.sandbox import SandboxServer

dtmapi = pytest.importorskip("dtmapi")
api_module = pytest.importorskip("dtmapi.api")
OFFICIAL = "https://dtmapi.iom.int"


@pytest.fixture(params=["v3", "v2"])
def client(request: pytest.FixtureRequest, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in vars(api_module).copy().items():
        if isinstance(value, str) and value.startswith(OFFICIAL):
            monkeypatch.setattr(api_module, name, value.replace(OFFICIAL, sandbox.url))
    return dtmapi.DTMApi(subscription_key=sandbox.key, api_version=request.param, max_retries=0)


def test_lists(client: Any, sandbox: SandboxServer) -> None:
    assert client.get_all_countries(to_pandas=False) == sandbox.world.country_list()
    assert client.get_all_operations(to_pandas=False) == sandbox.world.operation_list()
    assert list(client.get_all_countries().columns) == ["admin0Name", "admin0Pcode"]


FILTERS: dict[str, tuple[str, object, Any]] = {
    "Operation": ("operation", "Invented Flood Response", lambda value, asked: value == asked),
    "CountryName": ("admin0Name", "Invented Republic of Nowhere & Elsewhere", lambda value, asked: value == asked),
    "FromReportingDate": ("reportingDate", "2019-05-30", lambda value, asked: value[:10] >= asked),
    "ToReportingDate": ("reportingDate", "2023-05-31", lambda value, asked: value[:10] <= asked),
    "FromRoundNumber": ("roundNumber", 2, lambda value, asked: value >= asked),
    "ToRoundNumber": ("roundNumber", 48, lambda value, asked: value <= asked),
    "Admin1Name": ("admin1Name", "Invented Province É 1", lambda value, asked: value == asked),
    "Admin1Pcode": ("admin1Pcode", "XB01", lambda value, asked: value == asked),
    "Admin2Name": ("admin2Name", "Invented District Í 1-1", lambda value, asked: value == asked),
    "Admin2Pcode": ("admin2Pcode", "XB0101", lambda value, asked: value == asked),
}


@pytest.mark.parametrize("level", [0, 1, 2])
def test_every_filter(client: Any, sandbox: SandboxServer, level: Any) -> None:
    ask = getattr(client, f"get_idp_admin{level}_data")
    everything = sandbox.world.rows(level, client.api_version, "XBA")
    assert ask(Admin0Pcode="XBA", to_pandas=False) == everything
    assert len(ask(Admin0Pcode="XBA")) == len(everything)
    for name, (field, asked, fits) in FILTERS.items():
        if field not in everything[0]:
            continue
        expected = [row for row in everything if fits(row[field], asked)]
        assert 0 < len(expected) < len(everything) or name == "CountryName"
        assert ask(**{"Admin0Pcode": "XBA", name: asked}, to_pandas=False) == expected


def test_its_errors(client: Any, sandbox: SandboxServer) -> None:
    with pytest.raises(dtmapi.DTMApiResponseError, match="No Country Code found"):
        client.get_idp_admin0_data(Admin0Pcode="XZZ")
    client.subscription_key = "wrong"
    with pytest.raises(dtmapi.DTMAuthenticationError):
        client.get_all_countries()
    assert sandbox.requests[-1].headers["user-agent"].startswith("Mozilla/5.0 (compatible; DTMClient")
