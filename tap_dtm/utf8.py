"""Files of users are read as UTF-8 in every locale."""

from __future__ import annotations

import codecs
import sys
from pathlib import Path
from typing import Final

from tap_dtm.errors import DtmError

BOM: Final = codecs.BOM_UTF8
HOW_TO_SAVE: Final = "Save it as UTF-8: in your editor, or with `Out-File -Encoding utf8` in PowerShell."
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path: str, name: str) -> str:
    """Read a text file in UTF-8, with or without a byte order mark.

    Args:
        path: The file; ``-`` is standard input.
        name: The name of the file in messages.

    Raises:
        DtmError: The file cannot be read, or has another encoding.
    """
    try:
        content = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        raise DtmError(f"{name} cannot be read: {getattr(error, 'strerror', None) or 'invalid path'}.") from None
    return text_of(content, name)


def text_of(content: bytes, name: str) -> str:
    """Decode the content of a text file.

    Raises:
        DtmError: The content is not UTF-8.
    """
    if is_utf_16(content):
        raise DtmError(f"{name} is encoded in UTF-16, not in UTF-8. {HOW_TO_SAVE}")
    line = 0
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
    # Raised here, because the decoder's error keeps the whole content in memory.
    raise DtmError(f"{name} is not encoded in UTF-8 (line {line}). {HOW_TO_SAVE}")


def is_utf_16(content: bytes) -> bool:
    """Return whether a text is UTF-16: it has a byte order mark, or a NUL in the first two bytes."""
    return content.startswith(_UTF_16) or b"\0" in content[:2]
