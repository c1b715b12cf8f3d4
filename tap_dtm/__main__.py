"""The command ``tap-dtm``: the Singer command line, with errors in whole sentences."""

from __future__ import annotations

import io
import logging
import os
import sys
import traceback
from typing import IO, Any

from tap_dtm.config_files import CheckedConfig, check_catalog, check_json
from tap_dtm.errors import DtmError, DtmOutputError
from tap_dtm.tap import TapDTM


class Command(CheckedConfig, TapDTM):
    """Singer tap for the API of IOM's Displacement Tracking Matrix, on the command line."""

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


def _checked(file: IO[str] | None, kind: str) -> IO[str] | None:
    if file is None:
        return None
    text = file.read()
    name = f"The {kind} file {file.name}"
    content = check_json(text, name)
    if kind == "catalog":
        check_catalog(content, name)
    return io.StringIO(text)


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
    except Exception as error:  # noqa: BLE001  its words may hold anything, so where it happened must do
        where = "".join(traceback.format_tb(error.__traceback__))
        logger.critical("tap-dtm has met a mistake of its own (%s): please report it.\n%s", type(error).__name__, where)
    finally:
        logging.disable()  # what is still being read ahead has no say any more: the last line says how it ended
    sys.exit(1)


def _abandon_output() -> None:
    """Forget what is still buffered: it has nowhere to go, and Python would complain about it while exiting."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
