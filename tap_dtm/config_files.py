"""The files of a Singer command line, checked before the SDK reads them: a mistake is told without a traceback."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dotenv import find_dotenv
from dotenv.main import DotEnv
from singer_sdk.plugin_base import PluginBase
from singer_sdk.singerlib import Catalog

from tap_dtm.errors import DtmError
from tap_dtm.redaction import quoted

if TYPE_CHECKING:
    import click

_BOOLEANS: Final = {"true", "1", "yes", "on", "false", "0", "no", "off"}


class CheckedConfig(PluginBase):
    """A plugin whose ``--config`` is checked first."""

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:  # noqa: ANN401
        """Check the files of ``--config`` before the SDK reads them.

        Raises:
            DtmError: One of them cannot be read.
        """
        for path in value:
            if path == "ENV":
                cls._check_environment()
            else:
                read_object(path, "settings")
        return super().cb_config(ctx, param, value)

    @classmethod
    def _check_environment(cls) -> None:
        """Check the variables that hold settings, one by one. One that is empty is not set."""
        schema: dict[str, Any] = {"properties": dict(cls.config_jsonschema["properties"])}
        cls.append_builtin_config(schema)
        DotEnv(find_dotenv()).set_as_environment_variables()  # as the SDK does when it reads them
        for name, declared in schema["properties"].items():
            variable = f"{cls._env_var_prefix}{name.upper().replace('-', '_')}"
            if (value := os.environ.get(variable)) is None:
                continue
            if not value.strip():
                del os.environ[variable]
            elif problem := _problem(declared, value):
                raise DtmError(f"The variable {variable} {problem}.")


def _problem(declared: dict[str, Any], value: str) -> str:
    """Say what is wrong with the text of a setting, if it cannot have its type."""
    kinds = declared["type"]
    if "boolean" in kinds and value.lower() not in _BOOLEANS:
        return f"is {quoted(value, 100)}: write true or false"
    if "integer" in kinds and not re.fullmatch("[+-]?[0-9]+", value):
        return f"is {quoted(value, 100)}: write a whole number"
    if "object" in kinds:
        try:
            is_object = isinstance(json.loads(value), dict)
        except (ValueError, RecursionError):
            is_object = False
        return "" if is_object else "does not hold a JSON object in braces"
    return ""


def read_object(path: str, kind: str, *, or_list: bool = False) -> Any:  # noqa: ANN401
    """Read a JSON object from a file that a command line names.

    Args:
        path: The file.
        kind: What it holds, for messages.
        or_list: Whether a JSON list will do as well.

    Raises:
        DtmError: It cannot be read, or holds something else.
    """
    # Settings in the place of a file's name may hold the key: they are not repeated.
    name = f"The {kind} file" if "{" in path else f"The {kind} file {path}"
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DtmError(f"{name} cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}.") from None
    return check_json(text, name, or_list=or_list)


def check_json(text: str, name: str, *, or_list: bool = False) -> Any:  # noqa: ANN401
    """Return what the text of a file holds: a JSON object.

    Raises:
        DtmError: It holds something else.
    """
    problem = ""
    try:
        content = json.loads(text, parse_constant=_refuse_constant)
        if not isinstance(content, (dict, list) if or_list else dict):
            problem = f"holds something else than a JSON object in braces{' or a list' if or_list else ''}"
    except ValueError as error:
        problem = f"is not valid JSON: {error}"
    except RecursionError:
        problem = "is nested too deeply"
    if problem:  # raised here, because an error of the parser carries the whole text with it
        raise DtmError(f"{name} {problem}.")
    return content


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a value of JSON")


def check_catalog(content: dict[str, Any], name: str) -> None:
    """Check that an object is a Singer catalog.

    Raises:
        DtmError: It is something else.
    """
    try:
        Catalog.from_dict(content)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise DtmError(f"{name} is not a Singer catalog: make one with --discover.") from None
