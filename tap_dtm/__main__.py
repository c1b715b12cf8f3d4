"""The command ``tap-dtm``: the Singer command line, with errors in whole sentences."""

from __future__ import annotations

import logging
import os
import sys

from tap_dtm.errors import DtmError, DtmOutputError
from tap_dtm.tap import TapDTM


def main() -> None:
    """Run the tap. A failure that this project foresees ends it with one sentence and exit code 1."""
    logger = logging.getLogger("tap-dtm")
    try:
        TapDTM.cli()
    except DtmError as error:
        logger.critical("%s", error)
        if isinstance(error, DtmOutputError):
            # What is still buffered has nowhere to go; Python would complain about it while exiting.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)


if __name__ == "__main__":
    main()
