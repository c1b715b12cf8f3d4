"""What the client's tests ask for, and a client that asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_dtm.api.client import DtmClient
from tap_dtm.settings import Settings

if TYPE_CHECKING:
    from tap_dtm.sandbox import SandboxServer

ADMIN0 = "/v3/displacement/admin0"
NO_ROWS: dict[str, object] = {
    "result": [],
    "statusCode": 204,
    "isSuccess": True,
    "errorMessages": ["No matching data found."],
    "totalRecordsCount": 0,
}


def client_of(url: str, **config: Any) -> DtmClient:
    return DtmClient(Settings.from_config({"api_url": url, "subscription_key": "invented-sandbox-key", **config}))


def sandbox_config(sandbox: SandboxServer, **config: Any) -> dict[str, Any]:
    return {"api_url": sandbox.url, "subscription_key": sandbox.key, "scrub_fraction": 0, **config}
