"""Writes the settings of this project's plugins into meltano.yml, in Meltano's form."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from frictionless_dtm.command import TargetDataPackage

from tap_dtm.singer.tap import TapDTM

if TYPE_CHECKING:
    from singer_sdk.plugin_base import PluginBase

MELTANO_YML = Path(__file__).parents[1] / "meltano.yml"
PLUGINS: dict[str, type[PluginBase]] = {
    "tap_dtm/settings.py": TapDTM,
    "datapackage/frictionless_dtm/descriptor/settings.py": TargetDataPackage,
}
END = "    # End of the generated settings\n"


def declared(plugin: type[PluginBase]) -> dict[str, dict[str, Any]]:
    """Return the JSON Schemas of a plugin's settings, with those of the SDK."""
    properties = dict(plugin.config_jsonschema["properties"])
    plugin.append_builtin_config({"properties": properties})
    return properties


def settings(plugin: type[PluginBase]) -> list[dict[str, Any]]:
    """Return a plugin's settings in Meltano's form."""
    return [_setting(name, setting) for name, setting in declared(plugin).items()]


def _setting(name: str, declared: dict[str, Any]) -> dict[str, Any]:
    types = {*_as_list(declared["type"])} - {"null"}
    setting = {
        "name": name,
        "label": declared.get("title") or name.replace("_", " ").capitalize(),
        "description": declared["description"],
        # If the tap accepts text, Meltano passes text: its decimal cannot come from the environment, its array fails
        # without the name of the setting, and its date_iso8601 reads 2022 as some day of that year.
        "kind": "string" if "string" in types else types.pop(),
    }
    if "enum" in declared:
        setting["kind"] = "options"
        setting["options"] = [{"label": str(value), "value": value} for value in declared["enum"]]
    if declared.get("secret"):
        setting["sensitive"] = True
    if declared.get("default") is not None:
        setting["value"] = declared["default"]
    return setting


def _as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def write() -> None:
    """Write each plugin's settings between their two comments."""
    text = MELTANO_YML.read_text("utf-8")
    for source, plugin in PLUGINS.items():
        begin = f"    # The settings, from {source} by `python3 make.py generate`\n"
        before, found, rest = text.partition(begin)
        _, ended, after = rest.partition(END)
        if not (found and ended):
            raise SystemExit(f"{MELTANO_YML.name} lacks the comments around the settings from {source}: restore them.")
        block = yaml.safe_dump({"settings": settings(plugin)}, sort_keys=False, allow_unicode=True, width=100)
        text = before + begin + "".join(f"    {line}\n" for line in block.splitlines()) + END + after
    MELTANO_YML.write_text(text, "utf-8")


if __name__ == "__main__":
    write()
