"""A progress bar for a file that is sent."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from tap_dtm.redaction import shown

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable


def with_progress(parts: Iterable[bytes], name: str, size: int) -> Generator[bytes]:
    """Yield the parts of a file, and show on standard error how much has been sent. In a pipe, show nothing.

    Close the generator when the file has been sent or has failed, so that later output begins on a new line.

    Args:
        parts: The content.
        name: The name of the file.
        size: The number of bytes of all parts.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield from parts
        return
    with click.progressbar(length=size, label=shown(name), file=sys.stderr) as bar:
        for part in parts:
            yield part
            bar.update(len(part))
