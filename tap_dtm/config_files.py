"""The files of a Singer command line, checked before the SDK reads them: a mistake is told without a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from singer_sdk.plugin_base import PluginBase

from tap_dtm.errors import DtmError

if TYPE_CHECKING:
    import click


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
                _check_settings_file(path)
        return super().cb_config(ctx, param, value)

    @classmethod
    def _check_environment(cls) -> None:
        try:
            _ = cls._env_var_config
        except ValueError as error:
            raise DtmError(f"The settings in the environment cannot be read: {error}.") from None


def _check_settings_file(path: str) -> None:
    # Settings in the place of a file's name may hold the key: they are not repeated.
    name = "The settings file" if "{" in path else f"The settings file {path}"
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DtmError(f"{name} cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}.") from None
    check_json(text, name)


def check_json(text: str, name: str) -> None:
    """Check that the text of a file is a JSON object.

    Raises:
        DtmError: It is not.
    """
    problem = ""
    try:
        if not isinstance(json.loads(text), dict):
            problem = "holds something else than a JSON object in braces"
    except ValueError as error:
        problem = f"is not valid JSON: {error}"
    if problem:  # raised here, because an error of the parser carries the whole text with it
        raise DtmError(f"{name} {problem}.")
