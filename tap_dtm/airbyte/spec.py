"""``spec``: the tap's settings, as Airbyte's forms need them."""

from __future__ import annotations

from typing import Any, Final

from tap_dtm.settings import DEFAULT_API_URL, SETTINGS

HOMEPAGE: Final = "https://github.com/tap-dtm/tap-dtm"
_DATE: Final = {"pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "pattern_descriptor": "YYYY-MM-DD"}
_CODES: Final = {"items": {"type": "string", "pattern": "^[A-Za-z]{3}$"}}

# What Airbyte's forms show in addition to the settings' declarations.
_FORM: Final[dict[str, dict[str, Any]]] = {
    "subscription_key": {"always_show": True},
    "api_url": {
        "pattern": "^(https?|sandbox)://",
        "pattern_descriptor": "https://… or sandbox://",
        "examples": [DEFAULT_API_URL, "sandbox://"],
    },
    "countries": {**_CODES, "examples": ["HTI", "TCD"], "always_show": True},
    "start_date": {**_DATE, "examples": ["2023-01-01"]},
    "end_date": {**_DATE, "examples": ["2024-12-31"]},
    "scrub_fraction": {"examples": [0.05, 0.2]},
    "accept_withdrawn_countries": {**_CODES, "examples": ["HTI"]},
    "user_agent": {"examples": ["example-organisation/1.0"]},
}


def specification() -> dict[str, Any]:
    """Return the ConnectorSpecification."""
    settings: dict[str, dict[str, Any]] = SETTINGS
    return {
        "documentationUrl": HOMEPAGE,
        "changelogUrl": f"{HOMEPAGE}/blob/main/CHANGELOG.md",
        "supportsIncremental": True,
        "supported_destination_sync_modes": ["overwrite", "append", "append_dedup"],
        "connectionSpecification": {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": "DTM",
            "type": "object",
            "properties": {
                name: _property(setting, order) | _FORM.get(name, {})
                for order, (name, setting) in enumerate(settings.items())
            },
            "additionalProperties": True,
        },
    }


def _property(setting: dict[str, Any], order: int) -> dict[str, Any]:
    spec = {name: value for name, value in setting.items() if name not in {"secret", "writeOnly"}}
    spec["type"] = _plain(setting["type"])
    if "items" in setting:
        spec["items"] = setting["items"] | {"type": _plain(setting["items"]["type"])}
    if setting.get("secret"):
        spec["airbyte_secret"] = True
    return spec | {"order": order}


def _plain(kinds: list[str]) -> str:
    return next(kind for kind in kinds if kind != "null")
