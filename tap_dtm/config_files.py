"""The files of a Singer command line, checked before the SDK reads them: a mistake is told without a traceback."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dotenv import find_dotenv
from dotenv.main import DotEnv
from singer_sdk.plugin_base import PluginBase
from singer_sdk.singerlib import Catalog

from tap_dtm import environment
from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    import click


class CheckedConfig(PluginBase):
    """A plugin whose ``--config`` is checked first."""

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:  # noqa: ANN401
        """Check the files of ``--config`` before the SDK reads them.

        Raises:
            DtmError: One of them, or a variable of the environment, cannot be read.
        """
        files = tuple(path for path in value if path != "ENV")
        for path in files:
            read_object(path, "settings")
        options = super().cb_config(ctx, param, files)
        if len(files) < len(value):
            options.config |= cls._from_environment()
        return options

    @classmethod
    def _from_environment(cls) -> dict[str, Any]:
        schema: dict[str, Any] = {"properties": dict(cls.config_jsonschema["properties"])}
        cls.append_builtin_config(schema)
        DotEnv(find_dotenv()).set_as_environment_variables()  # as the SDK does when it reads them
        return environment.read(schema["properties"], cls._env_var_prefix, os.environ)


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
