"""Settings from the variables of the environment. Pure functions.

The SDK's own reader passes over a misspelt name, and fails on an empty number without naming it.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tap_dtm.errors import DtmError
from tap_dtm.redaction import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

_BOOLEANS: Final = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}
_OF_THE_SDK: Final = "LOGLEVEL"


def read(properties: Mapping[str, Mapping[str, Any]], prefix: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings that variables hold; one that is empty is not set.

    Args:
        properties: The JSON Schemas of the settings by name. Text is left as it is where a setting may be text.
        prefix: What the names of the variables begin with, such as ``TAP_DTM_``.
        variables: The variables by name. Names with two underscores after the prefix are Meltano's own.

    Raises:
        DtmError: A variable with the prefix is no setting, or cannot have the type of its setting.
    """
    by_variable = {f"{prefix}{name.upper().replace('-', '_')}": name for name in properties}
    settings = {}
    for variable, value in variables.items():
        if not variable.startswith(prefix) or variable.startswith(f"{prefix}_") or variable == prefix + _OF_THE_SDK:
            continue
        if variable not in by_variable:
            near = difflib.get_close_matches(variable, by_variable, n=3, cutoff=0.7)
            hint = f"The nearest: {', '.join(near)}." if near else "Remove it."
            raise DtmError(f"The environment has a variable {quoted(variable, 100)}, which is not a setting. {hint}")
        if value.strip():
            name = by_variable[variable]
            settings[name] = _value(variable, value.strip(), properties[name]["type"])
    return settings


def _value(variable: str, text: str, kinds: str | list[str]) -> Any:  # noqa: ANN401
    if "string" in kinds:
        return text
    if "boolean" in kinds:
        if (value := _BOOLEANS.get(text.lower())) is None:
            raise DtmError(f"The variable {variable} is {quoted(text, 100)}: write true or false.")
        return value
    if "integer" in kinds:
        if not re.fullmatch("[+-]?[0-9]{1,18}", text):
            raise DtmError(f"The variable {variable} is {quoted(text, 100)}: write a whole number.")
        return int(text)
    if "array" in kinds and not text.startswith("["):
        return [entry.strip() for entry in text.split(",")]
    kind, words = (list, "a JSON list in brackets") if "array" in kinds else (dict, "a JSON object in braces")
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, RecursionError):
        raise DtmError(f"The variable {variable} does not hold {words}.") from None
