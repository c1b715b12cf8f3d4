"""Writes the tap's settings into meltano.yml, in Meltano's words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tap_dtm.tap import TapDTM

MELTANO_YML = Path(__file__).parents[1] / "meltano.yml"
BEGIN = "    # The settings, from tap_dtm/settings.py by `python3 make.py generate`\n"
END = "    # End of the generated settings\n"


def settings() -> list[dict[str, Any]]:
    """Translate the tap's settings into Meltano's words."""
    properties = dict(TapDTM.config_jsonschema["properties"])
    TapDTM.append_builtin_config({"properties": properties})
    return [_setting(name, declared) for name, declared in properties.items()]


def _setting(name: str, declared: dict[str, Any]) -> dict[str, Any]:
    types = {*_as_list(declared["type"])} - {"null"}
    setting = {
        "name": name,
        "label": declared.get("title") or name.replace("_", " ").capitalize(),
        "description": declared["description"],
        # Meltano's own kind for a number, decimal, cannot come from the environment: the tap takes text as well.
        "kind": "string" if "string" in types else types.pop(),
    }
    if declared.get("format") == "date":
        setting["kind"] = "date_iso8601"
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
    """Put the settings between their two comments."""
    before, rest = MELTANO_YML.read_text("utf-8").split(BEGIN)
    _, after = rest.split(END)
    block = yaml.safe_dump({"settings": settings()}, sort_keys=False, allow_unicode=True, width=100)
    indented = "".join(f"    {line}\n" for line in block.splitlines())
    MELTANO_YML.write_text(before + BEGIN + indented + END + after, "utf-8")


if __name__ == "__main__":
    write()
