"""The command ``tap-dtm``: the Singer command line, with errors in whole sentences."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tap_dtm.errors import DtmError, DtmOutputError
from tap_dtm.tap import TapDTM

if TYPE_CHECKING:
    import click


class Command(TapDTM):
    """Singer tap for the API of IOM's Displacement Tracking Matrix, on the command line."""

    # The SDK prints that docstring. What this adds: a mistake in a file is told without a traceback.

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

    @classmethod
    def invoke(
        cls,
        *,
        state: IO[str] | None = None,
        catalog: IO[str] | None = None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        """Check the files of ``--state`` and ``--catalog``, and run.

        Raises:
            DtmError: One of them cannot be read.
        """
        super().invoke(state=_checked(state, "state"), catalog=_checked(catalog, "catalog"), **options)


def _check_settings_file(path: str) -> None:
    # Settings in the place of a file's name may hold the key: they are not repeated.
    name = "The settings file" if "{" in path else f"The settings file {path}"
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DtmError(f"{name} cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}.") from None
    _check_json(text, name)


def _checked(file: IO[str] | None, kind: str) -> IO[str] | None:
    if file is None:
        return None
    text = file.read()
    _check_json(text, f"The {kind} file {file.name}")
    return io.StringIO(text)


def _check_json(text: str, name: str) -> None:
    problem = ""
    try:
        if not isinstance(json.loads(text), dict):
            problem = "holds something else than a JSON object in braces"
    except ValueError as error:
        problem = f"is not valid JSON: {error}"
    if problem:  # raised here, because an error of the parser carries the whole text with it
        raise DtmError(f"{name} {problem}.")


def main() -> None:
    """Run the tap. A failure that this project foresees ends it with one sentence and exit code 1."""
    logger = logging.getLogger("tap-dtm")
    try:
        Command.cli()
    except DtmOutputError as error:
        logger.critical("%s", error)
        _abandon_output()
    except DtmError as error:
        logger.critical("%s", error)
    except OSError as error:
        logger.critical("Cannot write the output: %s.", error.strerror or type(error).__name__)
        _abandon_output()
    finally:
        logging.disable()  # what is still being read ahead has no say any more: the last line says how it ended
    sys.exit(1)


def _abandon_output() -> None:
    """Forget what is still buffered: it has nowhere to go, and Python would complain about it while exiting."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
