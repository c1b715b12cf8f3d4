"""The files and variables of a Singer command line, checked before the SDK reads them. Mistakes cause no traceback."""

from __future__ import annotations

import difflib
import io
import json
import os
import re
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec
from dotenv import find_dotenv
from dotenv.main import DotEnv
from singer_sdk.plugin_base import PluginBase
from singer_sdk.singerlib import Catalog
from typing_extensions import override

from tap_dtm.errors import DtmError
from tap_dtm.redaction import guard, quoted
from tap_dtm.settings import KEY_SETTINGS
from tap_dtm.utf8 import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_BOOLEANS: Final = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}
_OF_THE_SDK: Final = "LOGLEVEL"
_MELTANO: Final = "MELTANO_PROJECT_ROOT"
"""A variable that Meltano sets for its plugins."""


class CheckedConfig(PluginBase):
    """A plugin whose ``--config`` is checked first."""

    @classmethod
    @override
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:
        """Check and read the files of ``--config``, where the SDK would stop at a byte order mark.

        Raises:
            DtmError: One of them, or a variable of the environment, cannot be read.
        """
        config: dict[str, Any] = {}
        schema: dict[str, Any] = {"properties": dict(cls.config_jsonschema["properties"])}
        cls.append_builtin_config(schema)
        for path in value:
            if path != "ENV":
                config |= read_object(path, "settings")
        if _MELTANO in os.environ:
            _check_misspelt(schema["properties"], cls._env_var_prefix, os.environ)
        if "ENV" in value:  # and not handed to the SDK, whose reader passes over misspelt names
            if file := find_dotenv():  # as the SDK does when it reads them
                text = read_text(file, f"The file {file}")
                DotEnv(None, stream=io.StringIO(text)).set_as_environment_variables()
            config |= read_environment(schema["properties"], cls._env_var_prefix, os.environ)
        for name in KEY_SETTINGS:
            if isinstance(key := config.get(name), str):
                guard(key)
        read = super().cb_config(ctx, param, ())
        read.config |= config
        return read


def read_environment(
    properties: Mapping[str, Mapping[str, Any]], prefix: str, variables: Mapping[str, str]
) -> dict[str, Any]:
    """Return the settings that variables hold; one that is empty is not set.

    The SDK's own reader passes over a misspelt name, and fails on an empty number without naming it.

    Args:
        properties: The JSON Schemas of the settings by name. Text is left as it is where a setting may be text.
        prefix: What the names of the variables begin with, such as ``TAP_DTM_``.
        variables: The variables by name. Names with two underscores after the prefix are Meltano's own.

    Raises:
        DtmError: A variable with the prefix is no setting, or cannot have the type of its setting.
    """
    by_variable = _by_variable(properties, prefix)
    settings = {}
    for variable in _with_prefix(variables, prefix):
        if variable not in by_variable:
            raise _unknown(variable, by_variable)
        if value := variables[variable].strip():
            name = by_variable[variable]
            settings[name] = _value(variable, value, properties[name]["type"])
    return settings


def _check_misspelt(properties: Iterable[str], prefix: str, variables: Iterable[str]) -> None:
    """Refuse variables that are nearly settings. Meltano passes the others in a file, and says nothing of these."""
    by_variable = _by_variable(properties, prefix)
    for variable in _with_prefix(variables, prefix):
        if variable not in by_variable and _near(variable, by_variable, 0.85):
            raise _unknown(variable, by_variable)


def _by_variable(properties: Iterable[str], prefix: str) -> dict[str, str]:
    return {f"{prefix}{name.upper().replace('-', '_')}": name for name in properties}


def _with_prefix(variables: Iterable[str], prefix: str) -> list[str]:
    """Return the variables that ought to be settings."""
    others = (f"{prefix}_", prefix + _OF_THE_SDK)
    return [each for each in variables if each.startswith(prefix) and not each.startswith(others)]


def _near(variable: str, known: Iterable[str], cutoff: float) -> list[str]:
    return difflib.get_close_matches(variable, list(known), n=3, cutoff=cutoff)


def _unknown(variable: str, known: Iterable[str]) -> DtmError:
    near = _near(variable, known, 0.7)
    hint = f"The nearest: {', '.join(near)}." if near else "Remove it."
    return DtmError(f"The environment has a variable {quoted(variable, 100)}, which is not a setting. {hint}")


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


class CheckedFile(click.ParamType):  # type: ignore[type-arg]
    """A state or a catalog, checked, as the open file that the SDK expects."""

    name = "file"

    def __init__(self, kind: str) -> None:  # noqa: D107
        self._kind = kind

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read and check the file.

        Raises:
            DtmError: It cannot be read, or holds something else.
        """
        if not isinstance(value, str):
            return value
        content = read_object(value, self._kind)
        if self._kind == "catalog":
            try:
                Catalog.from_dict({"streams": content["streams"]})
            except (AttributeError, KeyError, TypeError, ValueError):
                name = _name_of(value, self._kind)
                raise DtmError(f"{name} is not a Singer catalog: make one with --discover.") from None
        return io.StringIO(json.dumps(content))


def read_object(path: str, kind: str, *, or_list: bool = False) -> Any:  # noqa: ANN401
    """Read a JSON object from a file that a command line names.

    Args:
        path: The file.
        kind: What it holds, for messages.
        or_list: Whether a JSON list will do as well.

    Raises:
        DtmError: It cannot be read, or holds something else.
    """
    name, problem = _name_of(path, kind), ""
    try:
        content = json.loads(read_text(path, name), parse_constant=_refuse_constant, object_pairs_hook=_refuse_twice)
        if not isinstance(content, (dict, list) if or_list else dict):
            problem = f"holds something else than a JSON object in braces{' or a list' if or_list else ''}"
    except ValueError as error:
        problem = f"is not valid JSON: {error}"
    except RecursionError:
        problem = "is nested too deeply"
    if problem:  # raised here, because an error of the parser carries the whole text with it
        raise DtmError(f"{name} {problem}.")
    return content


def _name_of(path: str, kind: str) -> str:
    if path == "-":
        return f"The {kind} on standard input"
    # Settings in the place of a file's name may hold the key: they are not repeated.
    return f"The {kind} file" if "{" in path else f"The {kind} file {path}"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a value of JSON")


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name with two values. With one value it may be there twice: PyAirbyte writes such states."""
    content: dict[str, Any] = {}
    for name, value in pairs:
        if content.setdefault(name, value) != value:
            raise ValueError(f"{quoted(name, 100)} is declared twice in one object")
    return content
