"""How much of a file has been sent, as a bar on the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from tap_dtm.redaction import shown

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable


def with_progress(parts: Iterable[bytes], name: str, size: int) -> Generator[bytes]:
    """Yield the parts of a file, and show on standard error how much of it is gone. In a pipe, show nothing.

    Close it when the file is sent or has failed, so that what is printed next begins a line of its own.

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
