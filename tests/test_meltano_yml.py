"""meltano.yml offers exactly the settings that the tap declares, with the same meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from meltano.core.setting_definition import SettingKind

from generate.meltano_settings import PLUGINS as OURS
from generate.meltano_settings import declared
from tap_dtm.settings import SETTINGS
from tap_dtm.singer.tap import TapDTM

MELTANO_YML = yaml.safe_load((Path(__file__).parents[1] / "meltano.yml").read_text("utf-8"))
PLUGINS = {p["name"]: p for kind in ("extractors", "loaders") for p in MELTANO_YML["plugins"][kind]}
TAP = PLUGINS["tap-dtm"]
WRITTEN = {
    plugin.name: {setting["name"]: setting for setting in PLUGINS[plugin.name]["settings"]} for plugin in OURS.values()
}
DECLARED = {plugin.name: declared(plugin) for plugin in OURS.values()}
EACH = [(plugin, name) for plugin, settings in DECLARED.items() for name in settings]
HINT = "Run `python3 make.py generate`."


def json_types(setting: dict[str, Any]) -> set[str]:
    types = setting["type"]
    return set(types if isinstance(types, list) else [types]) - {"null"}


@pytest.mark.parametrize("plugin", DECLARED)
def test_the_same_settings_in_the_same_order(plugin: str) -> None:
    assert list(WRITTEN[plugin]) == list(DECLARED[plugin]), HINT
    assert len(WRITTEN[plugin]) == len(PLUGINS[plugin]["settings"]), "a setting is there twice"


@pytest.mark.parametrize(("plugin", "name"), EACH)
def test_each_setting_means_the_same(plugin: str, name: str) -> None:
    written, tap = WRITTEN[plugin][name], DECLARED[plugin][name]

    assert written["description"] == tap["description"], HINT
    assert written["label"], HINT
    assert written.get("value") == tap.get("default"), HINT
    assert written.get("sensitive", False) is bool(tap.get("secret")), HINT
    assert [option["value"] for option in written.get("options", [])] == tap.get("enum", []), HINT
    expected = {"options": {"string"}}.get(written["kind"], {written["kind"]})
    others = {"number", "integer", "array"} if "string" in json_types(tap) else set()
    assert json_types(tap) - others == expected, HINT


def test_meltano_hands_on_every_kind_from_the_environment_as_it_is() -> None:
    """Meltano 4.4 guesses what a date may mean, and fails on other kinds, on empty ones as well, without their name."""
    own = [setting for setting in TAP["settings"] if setting["name"] in SETTINGS]

    assert {setting["kind"] for setting in own} <= {"string", "boolean", "options"}


def test_the_key_is_a_secret_and_has_no_value() -> None:
    assert WRITTEN["tap-dtm"]["subscription_key"]["sensitive"] is True
    assert "value" not in WRITTEN["tap-dtm"]["subscription_key"]


def test_the_capabilities_are_the_taps() -> None:
    assert sorted(TAP["capabilities"]) == sorted(capability.value for capability in TapDTM.capabilities)


@pytest.mark.parametrize("name", PLUGINS)
def test_no_plugin_needs_the_hub(name: str) -> None:
    plugin = PLUGINS[name]
    plugin = PLUGINS[plugin["inherit_from"]] if "inherit_from" in plugin else plugin
    assert plugin["namespace"]
    assert plugin["pip_url"]
    for setting in plugin["settings"]:
        assert setting["description"]
        assert SettingKind(setting["kind"])


def value(plugin: str, name: str) -> Any:
    return next(setting.get("value") for setting in PLUGINS[plugin]["settings"] if setting["name"] == name)


def test_rows_are_merged_by_key_in_bigquery() -> None:
    assert value("target-bigquery", "denormalized") is True
    assert value("target-bigquery", "upsert") is True


def test_postgres_is_loaded_with_copy_and_without_a_second_validation() -> None:
    assert value("target-postgres", "use_copy") is True
    assert value("target-postgres", "validate_records") is False


def test_invented_data_and_real_data_do_not_mix() -> None:
    sandbox, prod = MELTANO_YML["environments"]
    (tap,) = sandbox["config"]["plugins"]["extractors"]

    assert MELTANO_YML["default_environment"] == "sandbox"
    assert sandbox["name"] == "sandbox"
    assert tap["config"] == {"api_url": "sandbox://", "pcodes": "sandbox://"}
    (views,) = sandbox["config"]["plugins"]["utilities"]
    assert views["config"] == {"pcodes": True}
    for loader, place in (("target-postgres", "default_target_schema"), ("target-bigquery", "dataset")):
        # As a variable, which goes before those of the operator.
        assert sandbox["env"][f"{loader}-{place}".replace("-", "_").upper()] != value(loader, place)
    assert prod == {"name": "prod"}
